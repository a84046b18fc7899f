package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

// hostMemory is what this process and all it starts may use: the machine's
// memory, or less inside a container that is given less.
func hostMemory() (rouse.Bytes, error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, fmt.Errorf("reading the host's memory: %w", err)
	}
	total := rouse.Bytes(info.Totalram) * rouse.Bytes(info.Unit)
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && limit > 0 {
			total = min(total, rouse.Bytes(limit))
		}
	}
	return total, nil
}
