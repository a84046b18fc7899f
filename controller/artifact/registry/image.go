package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/rousehq/rouse"
)

// Image is what a name means for this machine at one moment.
type Image struct {
	// Pinned is the repository with the digest of the manifest: whoever pulls
	// it gets this image and no other.
	Pinned string
	ID     string // the configuration's digest, as engines name images
	Config []byte // as published; its digest is ID
	Layers []Layer

	client *Client
	repo   name.Repository
	blobs  *http.Client // which proves who asks
}

// Layer is a layer as it is published, packed or not.
type Layer struct {
	Digest string
	Size   int64
}

// again is how often a registry is asked that does not answer as it should.
var again = remote.Backoff{Duration: 300 * time.Millisecond, Factor: 3, Jitter: 0.1, Steps: 3}

const maxDocument = 4 << 20 // of a configuration, which is held in memory

// Resolve finds out what ref means here. It blocks on the registry. An error is
// Invalid for a name that is none and for an image that cannot run on this
// machine, StartFailed when the registry has no such image or does not give it to
// us, and Unavailable when it cannot be reached.
func (c *Client) Resolve(ctx context.Context, ref string) (*Image, error) {
	parsed, err := parse(ref)
	if err != nil {
		return nil, err
	}
	repo := parsed.Context()
	c.transport.renew(repo.RegistryStr())
	who, err := c.credentials(ctx, repo)
	if err != nil {
		return nil, err
	}
	patient := transport.NewUserAgent(transport.NewRetry(c.transport, transport.WithRetryBackoff(again)), "rouse")
	trusted, err := transport.NewWithContext(ctx, repo.Registry, who, patient, []string{repo.Scope(transport.PullScope)})
	if err != nil {
		return nil, explain(ctx, ref, repo, err)
	}
	i := &Image{client: c, repo: repo, blobs: &http.Client{Transport: trusted}}
	// A transport that has been made is used as it is, without asking again who we are.
	described, err := remote.Get(parsed, remote.WithContext(ctx), remote.WithTransport(trusted), remote.WithPlatform(c.platform))
	if err != nil {
		return nil, explain(ctx, ref, repo, err)
	}
	if described.MediaType.IsIndex() {
		if err := c.offered(ref, described); err != nil {
			return nil, err
		}
	}
	found, err := described.Image()
	if err != nil {
		return nil, explain(ctx, ref, repo, err)
	}
	if err := i.read(found); err != nil {
		return nil, explain(ctx, ref, repo, err)
	}
	return i, c.check(ref, i)
}

// offered says what an index has instead of an image for this machine.
func (c *Client) offered(ref string, d *remote.Descriptor) error {
	var index v1.IndexManifest
	if err := json.Unmarshal(d.Manifest, &index); err != nil {
		return notAnImage(ref, err)
	}
	var platforms []string
	for _, m := range index.Manifests {
		switch p := m.Platform; {
		case p == nil:
			return nil // it says nothing of itself: its configuration will
		case p.Satisfies(c.platform):
			return nil
		case p.OS != "unknown": // as signatures and such are marked
			platforms = append(platforms, p.String())
		}
	}
	slices.Sort(platforms)
	return rouse.Errorf(rouse.Invalid, "image %s: it is for %s, and this machine is %s",
		ref, strings.Join(slices.Compact(platforms), ", "), c.platform.String())
}

// read takes over what the manifest and the configuration say.
func (i *Image) read(found v1.Image) error {
	digest, err := found.Digest()
	if err != nil {
		return err
	}
	m, err := found.Manifest()
	if err != nil {
		return err
	}
	if m.Config.Size > maxDocument {
		return fmt.Errorf("its configuration has %d bytes", m.Config.Size)
	}
	if i.Config, err = found.RawConfigFile(); err != nil {
		return err
	}
	i.Pinned, i.ID = i.repo.Digest(digest.String()).Name(), m.Config.Digest.String()
	for _, l := range m.Layers {
		i.Layers = append(i.Layers, Layer{Digest: l.Digest.String(), Size: l.Size})
	}
	return nil
}

// check says what about an image cannot be right, before any of it is fetched.
func (c *Client) check(ref string, i *Image) error {
	var config v1.ConfigFile
	if err := json.Unmarshal(i.Config, &config); err != nil || len(config.RootFS.DiffIDs) == 0 {
		return notAnImage(ref, err)
	}
	if len(config.RootFS.DiffIDs) != len(i.Layers) {
		return rouse.Errorf(rouse.Invalid, "image %s: it lists %d layers and describes %d", ref, len(i.Layers), len(config.RootFS.DiffIDs))
	}
	if config.OS != c.platform.OS || config.Architecture != c.platform.Architecture {
		return rouse.Errorf(rouse.Invalid, "image %s: it is for %s/%s, and this machine is %s", ref, config.OS, config.Architecture, c.platform.String())
	}
	return nil
}

func notAnImage(ref string, err error) error {
	return &rouse.Error{Code: rouse.Invalid, Message: fmt.Sprintf("image %s: what is published under this name is no container image", ref), Cause: err}
}
