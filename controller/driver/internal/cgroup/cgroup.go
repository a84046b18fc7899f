// Package cgroup reads and sets the limits of control groups, version 1 and 2
// alike. Drivers judge by it how a sandbox's process ended, which the sandbox
// itself is never asked.
package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// mounted is where every distribution mounts the control groups.
const mounted = "/sys/fs/cgroup"

// Group is the control groups of one sandbox. With version 1 each controller
// has a folder of its own, with version 2 they share one. A folder is "" where
// the controller is not at hand.
type Group struct {
	Memory string `json:"memory,omitempty"`
	Pids   string `json:"pids,omitempty"`
	CPU    string `json:"cpu,omitempty"`
	V2     bool   `json:"v2,omitempty"`
}

// Of finds the groups of a running process. within must be part of their path,
// so that a pid of another namespace is not mistaken for this one's.
func Of(pid int, within string) (Group, error) {
	g, err := of(mounted, "/proc/"+strconv.Itoa(pid)+"/cgroup")
	if err != nil {
		return Group{}, err
	}
	if g.Memory == "" || !strings.Contains(g.Memory, within) {
		return Group{}, fmt.Errorf("the memory group of process %d is %q, not of %s", pid, g.Memory, within)
	}
	return g, nil
}

func of(root, file string) (Group, error) {
	paths, err := memberships(file)
	if err != nil {
		return Group{}, err
	}
	if _, v1 := paths["memory"]; !v1 {
		path, ok := paths[""]
		if !ok {
			return Group{}, errors.New("no control groups")
		}
		dir := filepath.Join(root, path)
		return Group{Memory: dir, Pids: dir, CPU: dir, V2: true}, nil
	}
	dir := func(controller string) string {
		path, ok := paths[controller]
		if !ok {
			return ""
		}
		return filepath.Join(root, controller, path)
	}
	return Group{Memory: dir("memory"), Pids: dir("pids"), CPU: dir("cpu")}, nil
}

// memberships reads /proc/PID/cgroup: a path for each controller of version 1,
// and one for version 2 under "".
func memberships(file string) (map[string]string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	paths := make(map[string]string)
	for line := range strings.Lines(string(b)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			return nil, fmt.Errorf("%s: unknown line %q", file, line)
		}
		for controller := range strings.SplitSeq(parts[1], ",") {
			paths[controller] = parts[2]
		}
	}
	return paths, nil
}

// OOMKills counts the processes of the group that the kernel killed for its
// memory limit.
func (g Group) OOMKills() (int, error) {
	file := "memory.oom_control"
	if g.V2 {
		file = "memory.events"
	}
	b, err := os.ReadFile(filepath.Join(g.Memory, file))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		if n, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("oom_kill ")); ok {
			return strconv.Atoi(string(n))
		}
	}
	return 0, fmt.Errorf("%s has no oom_kill", file)
}

// Procs lists the processes in the group.
func (g Group) Procs() ([]int, error) {
	dir := g.Memory
	if dir == "" {
		dir = g.Pids
	}
	if dir == "" {
		return nil, nil
	}
	return procs(dir)
}

// Tree lists the processes in the group and in what Nest made inside of it.
func (g Group) Tree() ([]int, error) {
	pids, err := g.Procs()
	for _, name := range []string{agentGroup, functionGroup} {
		inside, errInside := procs(filepath.Join(g.Memory, name))
		pids, err = append(pids, inside...), errors.Join(err, errInside)
	}
	return pids, err
}

// procs reads a folder's processes; one that is not there has none.
func procs(dir string) ([]int, error) {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var pids []int
	for field := range strings.FieldsSeq(string(b)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}
