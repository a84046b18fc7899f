package docker

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/rousehq/rouse"
)

// weight is the memory of what runs in a cell, its agent and an interpreter that
// waits included, and of the engine's process for it.
func (s *sandbox) weight() rouse.Bytes {
	if s.pid == 0 {
		return 0
	}
	total := share(parent(s.pid))
	pids, err := s.group.Tree()
	if err != nil {
		return 0
	}
	for _, pid := range pids {
		total += share(pid)
	}
	return total
}

// parent is a process' parent, or 0.
func parent(pid int) int {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// pid (name) state parent …
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 2 {
		return 0
	}
	id, _ := strconv.Atoi(fields[1])
	return id
}

// share is a process' memory, where what several use is divided among them.
func share(pid int) rouse.Bytes {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "Pss:" {
			kb, _ := strconv.ParseInt(fields[1], 10, 64)
			return rouse.Bytes(kb) * rouse.KB
		}
	}
	return 0
}
