package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/docker/api/types/container"
)

// What the engine writes for a container on a network is ours to write for one
// without. It gives such a container, of the "none" network, an endpoint and a
// sandbox of its own, by a hook that starts the engine's whole program again:
// half of what a container costs (199 ms and 86 ms to start one, 230 ms and
// 100 ms of the CPU). Disabled is the same for a function: the loopback alone.
const (
	hostsFile   = "/etc/hosts"
	resolveFile = "/etc/resolv.conf"
)

// names are the files, by where they are in a container.
var names = map[string]string{
	hostsFile: `127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
127.0.0.1	` + sandboxNames + `
`,
	resolveFile: "# This sandbox has no network, and so no name server.\n",
}

// sandboxNames are by what extensions may call the sandbox that they listen in.
const sandboxNames = "sandbox.localdomain sandbox"

// writeNames puts the files where containers find them. Those that are there
// may be in use; they are left as they are unless they are another version's.
func (d *Driver) writeNames() error {
	for target, text := range names {
		file := d.nameFile(target)
		if b, err := os.ReadFile(file); err == nil && string(b) == text {
			continue
		}
		if err := replace(file, text); err != nil {
			return fmt.Errorf("writing the %s of sandboxes: %w", target, err)
		}
	}
	return nil
}

func replace(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	fresh, err := os.CreateTemp(filepath.Dir(file), "fresh-")
	if err != nil {
		return err
	}
	defer os.Remove(fresh.Name()) // fails when all went well
	_, err = fresh.WriteString(text)
	if err == nil {
		err = fresh.Chmod(0o644)
	}
	if closed := fresh.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(fresh.Name(), file)
}

func (d *Driver) nameFile(target string) string {
	return filepath.Join(d.Data, "names", filepath.Base(target))
}

// name has a container know its names: by files of ours when it has no network,
// else by those that the engine writes.
func (d *Driver) name(c *container.Config, h *container.HostConfig) {
	if h.NetworkMode != "none" {
		for name := range strings.FieldsSeq(sandboxNames) {
			h.ExtraHosts = append(h.ExtraHosts, name+":127.0.0.1")
		}
		return
	}
	c.NetworkDisabled = true
	for target := range names {
		h.Mounts = append(h.Mounts, bind(d.nameFile(target), target))
	}
}
