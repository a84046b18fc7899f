package docker

import (
	"cmp"
	"fmt"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// Where things are in a container.
const (
	agentPath  = "/rouse-agent"
	socketDir  = "/rouse"
	taskDir    = "/var/task"
	optDir     = "/opt"
	runtimeDir = "/var/runtime"
	tmpDir     = "/tmp"
	runtimeAPI = "127.0.0.1:9001"
	platform   = "127.0.0.1:9002"
	httpPort   = 8080
)

const (
	processesAtOnce = 1024 // AWS Lambda's limit
	// agentMemory is the agent's own, which counts towards the same limit.
	agentMemory = 8 * rouse.MB
	// memoryPerCore is how AWS Lambda shares the CPU: one core for 1769 MB.
	memoryPerCore = 1769 * rouse.MB
)

// agentCaps are what the agent needs: to enter a cell's root, to start the
// function as its user, and to end it. The function has none of them.
var agentCaps = []string{"SYS_CHROOT", "SETUID", "SETGID", "KILL"}

// defaultCaps are those that Docker gives a container. An image's root keeps
// them where it is deployed so. The agent's are among them.
var defaultCaps = []string{
	"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
	"NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}

// configuration is the container of a sandbox of class c. code and opt are the
// folders of its code and its layers on the host, or "".
func (d *Driver) configuration(s *sandbox, c driver.Class, code, opt string) (*container.Config, *container.HostConfig) {
	config := &container.Config{
		Image:       s.image.id,
		User:        "0:0", // the agent's; it starts the function as the image's user
		Env:         s.link.Env(socketDir),
		Entrypoint:  []string{agentPath},
		Cmd:         []string{},
		WorkingDir:  cmp.Or(s.image.dir, "/"), // the engine makes one that the image has not
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
		Labels:      map[string]string{labelOwner: d.Owner, labelSandbox: string(s.id)},
	}
	none := false
	hostConfig := &container.HostConfig{
		NetworkMode:    "none",
		ReadonlyRootfs: !c.Writable,
		Mounts: []mount.Mount{
			bind(d.Agent, agentPath),
		},
		Tmpfs:       map[string]string{tmpDir: fmt.Sprintf("rw,exec,nosuid,nodev,mode=1777,size=%d", c.Tmp)},
		CapDrop:     []string{"ALL"},
		CapAdd:      agentCaps,
		SecurityOpt: []string{"no-new-privileges"},
		LogConfig:   container.LogConfig{Type: "none"},
		Init:        &none,
		Resources:   resources(c),
	}
	if c.Caps == rouse.CapsDefault {
		hostConfig.CapAdd = defaultCaps
	}
	if c.Network == rouse.NetworkEgress {
		hostConfig.NetworkMode = egress
	}
	if dir := s.link.Dir(); dir != "" {
		hostConfig.Mounts = append(hostConfig.Mounts, bind(dir, socketDir))
	} else {
		d.relayed(hostConfig)
	}
	d.name(config, hostConfig)
	if code != "" {
		hostConfig.Mounts = append(hostConfig.Mounts, bind(code, taskDir))
	}
	if opt != "" {
		hostConfig.Mounts = append(hostConfig.Mounts, bind(opt, optDir))
	}
	for _, volume := range s.image.volumes {
		// The engine's own volumes have no size, and a function would fill the disk.
		hostConfig.Tmpfs[volume] = hostConfig.Tmpfs[tmpDir]
	}
	if c.IsCell() { // what its root lacks is mounted when it is known
		hostConfig.Tmpfs = nil
	}
	return config, hostConfig
}

// resources are the limits of a class. A cell has no memory limit yet, and
// little of the CPU.
func resources(c driver.Class) container.Resources {
	limit := int64(processesAtOnce)
	r := container.Resources{PidsLimit: &limit, CPUShares: 2}
	if c.IsCell() {
		return r
	}
	r.Memory = int64(c.Memory + agentMemory)
	r.MemorySwap = r.Memory // which is no swap at all
	if c.CPU > 0 {
		r.NanoCPUs, r.CPUShares = int64(c.CPU*1e9), 0
	} else {
		r.CPUShares = max(2, int64(1024*float64(c.Memory)/float64(memoryPerCore)))
	}
	return r
}

func bind(source, target string) mount.Mount {
	return mount.Mount{Type: mount.TypeBind, Source: source, Target: target, ReadOnly: true}
}
