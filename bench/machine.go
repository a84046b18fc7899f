package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is where a result comes from.
type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory string `json:"memory"`
	Kernel string `json:"kernel"`
	Engine string `json:"engine"`
	Go     string `json:"go"`
}

// thisMachine describes the present one. What cannot be found out is "unknown".
func thisMachine(ctx context.Context) machine {
	m := machine{CPU: "unknown", Cores: runtime.NumCPU(), Memory: "unknown", Kernel: "unknown", Engine: "none", Go: runtime.Version()}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		facts := map[string]string{}
		for line := range strings.Lines(string(b)) {
			name, value, _ := strings.Cut(line, ":")
			facts[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
		m.CPU = fmt.Sprintf("%s (family %s, model %s)", facts["model name"], facts["cpu family"], facts["model"])
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.Memory = fmt.Sprintf("%.0f GB", float64(info.Totalram)*float64(info.Unit)/1e9)
	}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.Kernel = unix.ByteSliceToString(name.Release[:])
	}
	var version struct{ Version string }
	if newEngine().call(ctx, "GET", "/version", nil, &version) == nil {
		m.Engine = "Docker " + version.Version
	}
	return m
}

func (m machine) write(b *strings.Builder) {
	fmt.Fprintf(b, "Machine: %s, %d cores, %s; Linux %s; %s; %s.\n", m.CPU, m.Cores, m.Memory, m.Kernel, m.Engine, m.Go)
}

// load is the machine's average load of the last minute.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(b), " ")
	return first
}
