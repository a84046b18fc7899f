package rootfs

import "github.com/rousehq/rouse"

// Root is an image's root filesystem, unpacked on this host.
type Root struct {
	ImageID string `json:"image_id"`
	// Source is the name, with a digest, that it was fetched by; "" when an engine
	// gave it.
	Source string `json:"source,omitempty"`
	// Layers are absolute paths of folders, the top one first, for overlayfs to
	// join read-only. Each is whole and never changes.
	Layers []string    `json:"layers"`
	OS     string      `json:"os"`
	Arch   string      `json:"arch"` // as Go names it: amd64, arm64
	Size   rouse.Bytes `json:"size"` // of the files in the layers, shared ones too
	Config Config      `json:"config"`
}

// Config is what an image says of how it is to be run.
type Config struct {
	Env          []string          `json:"env,omitempty"` // KEY=VALUE
	Entrypoint   []string          `json:"entrypoint,omitempty"`
	Cmd          []string          `json:"cmd,omitempty"`
	User         string            `json:"user,omitempty"` // names, numbers or nothing
	WorkingDir   string            `json:"working_dir,omitempty"`
	StopSignal   string            `json:"stop_signal,omitempty"`
	ExposedPorts []string          `json:"exposed_ports,omitempty"` // "8080/tcp", sorted
	Volumes      []string          `json:"volumes,omitempty"`       // paths, sorted
	Labels       map[string]string `json:"labels,omitempty"`
}
