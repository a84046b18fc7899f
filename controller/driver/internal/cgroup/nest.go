package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// The groups inside of a sandbox's own. With version 2 a group with processes
// gives its children no controllers, so that the agent has one to itself.
const (
	functionGroup = "function"
	agentGroup    = "agent"
)

// Nest makes a memory group inside g, whose only process so far is agent, for
// what the agent will start. Whoever writes "0" to the door enters it: with
// version 1 that takes microseconds, since it is the file by which a thread
// moves itself, and not the whole machine's forks have to wait. Version 2 has no
// such file for memory, so that entering may take milliseconds. The caller
// closes the door. Everything goes with g.
func (g Group) Nest(agent int) (inner Group, door *os.File, err error) {
	inner, name := g.nested(), "tasks"
	if g.V2 {
		name = "cgroup.procs"
		if err := g.vacate(agent); err != nil {
			return Group{}, nil, err
		}
	}
	if err := mkdir(inner.Memory); err != nil {
		return Group{}, nil, err
	}
	door, err = os.OpenFile(filepath.Join(inner.Memory, name), os.O_WRONLY, 0)
	return inner, door, err
}

// Nested finds what Nest made; without it ok is false.
func (g Group) Nested() (inner Group, ok bool) {
	inner = g.nested()
	_, err := os.Stat(inner.Memory)
	return inner, err == nil
}

func (g Group) nested() Group {
	return Group{Memory: filepath.Join(g.Memory, functionGroup), V2: g.V2}
}

// vacate moves the agent into a group of its own, and has those inside g count memory.
func (g Group) vacate(agent int) error {
	dir := filepath.Join(g.Memory, agentGroup)
	if err := mkdir(dir); err != nil {
		return err
	}
	if err := put(dir, "cgroup.procs", strconv.Itoa(agent)); err != nil {
		return err
	}
	return enable(g.Memory, "memory")
}

func mkdir(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
