package rouse

// ImageRoot is an image's root filesystem, unpacked on this host.
type ImageRoot struct {
	ImageID string `json:"image_id"`
	// Layers are absolute paths of folders, the top one first, for overlayfs to
	// join read-only. Each is whole and never changes.
	Layers []string    `json:"layers"`
	OS     string      `json:"os"`
	Arch   string      `json:"arch"` // as Go names it: amd64, arm64
	Size   Bytes       `json:"size"` // of the files in the layers, shared ones too
	Config ImageConfig `json:"config"`
}

// ImageConfig is what an image says of how it is to be run.
type ImageConfig struct {
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
