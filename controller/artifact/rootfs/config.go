package rootfs

import (
	"encoding/json"
	"maps"
	"runtime"
	"slices"

	"github.com/rousehq/rouse"
)

// document is a configuration, a manifest or an index, as OCI and Docker write
// them: whichever its fields say.
type document struct {
	// An image's configuration.
	OS     string `json:"os"`
	Arch   string `json:"architecture"`
	RootFS struct {
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
	// A configuration's own, or a manifest's descriptor of one.
	Config struct {
		Digest       string              `json:"digest"`
		Env          []string            `json:"Env"`
		Entrypoint   []string            `json:"Entrypoint"`
		Cmd          []string            `json:"Cmd"`
		User         string              `json:"User"`
		WorkingDir   string              `json:"WorkingDir"`
		StopSignal   string              `json:"StopSignal"`
		ExposedPorts map[string]struct{} `json:"ExposedPorts"`
		Volumes      map[string]struct{} `json:"Volumes"`
		Labels       map[string]string   `json:"Labels"`
	} `json:"config"`
	// An index.
	Manifests []struct {
		Digest   string `json:"digest"`
		Platform struct {
			OS   string `json:"os"`
			Arch string `json:"architecture"`
		} `json:"platform"`
	} `json:"manifests"`
}

// maxLayers is how many overlayfs joins, less those that Rouse adds.
const maxLayers = 480

// configOf follows an image's id to its configuration. An engine names an image
// by its configuration, or by a manifest or index that names it; each is found
// by the digest of what was sent.
func configOf(sent map[string][]byte, id string) (document, error) {
	const depth = 4 // index, index of a platform, manifest, configuration
	for range depth {
		content, ok := sent[id]
		if !ok {
			return document{}, rouse.Errorf(rouse.Invalid, "%s: not in what the engine sent", quote(id))
		}
		var d document
		if err := json.Unmarshal(content, &d); err != nil {
			return document{}, rouse.Errorf(rouse.Invalid, "%s: it describes no image: %w", quote(id), err)
		}
		switch {
		case len(d.RootFS.DiffIDs) > 0:
			return d, d.check()
		case len(d.Manifests) > 0:
			id = d.platform(sent)
		case d.Config.Digest != "":
			id = d.Config.Digest
		default:
			return document{}, rouse.Errorf(rouse.Invalid, "%s: an image without layers", quote(id))
		}
	}
	return document{}, rouse.Errorf(rouse.Invalid, "%s: too many indexes in one another", quote(id))
}

// platform is the entry of an index for this machine, or else one that was sent.
func (d *document) platform(sent map[string][]byte) (digest string) {
	for _, m := range d.Manifests {
		if _, ok := sent[m.Digest]; !ok {
			continue
		}
		if m.Platform.OS == "linux" && m.Platform.Arch == runtime.GOARCH {
			return m.Digest
		}
		if digest == "" && m.Platform.OS != "unknown" { // as signatures and such are marked
			digest = m.Digest
		}
	}
	return digest
}

func (d *document) check() error {
	if d.OS != "linux" {
		return rouse.Errorf(rouse.Invalid, "the image is for %s; it must be for linux", quote(d.OS))
	}
	if len(d.RootFS.DiffIDs) > maxLayers {
		return rouse.Errorf(rouse.Invalid, "the image has %d layers; at most %d can be joined", len(d.RootFS.DiffIDs), maxLayers)
	}
	for i, id := range d.RootFS.DiffIDs {
		if _, ok := hexOf(id); !ok {
			return rouse.Errorf(rouse.Invalid, "layer %d: %s is no sha256 digest", i+1, quote(id))
		}
	}
	return nil
}

func (d *document) imageConfig() Config {
	return Config{
		Env:          d.Config.Env,
		Entrypoint:   d.Config.Entrypoint,
		Cmd:          d.Config.Cmd,
		User:         d.Config.User,
		WorkingDir:   d.Config.WorkingDir,
		StopSignal:   d.Config.StopSignal,
		ExposedPorts: slices.Sorted(maps.Keys(d.Config.ExposedPorts)),
		Volumes:      slices.Sorted(maps.Keys(d.Config.Volumes)),
		Labels:       d.Config.Labels,
	}
}
