package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Mounted lists the folders that the mounts of every process on this host show
// or join: a cell's mounts are in its own namespace. It fails when it may not see
// a process's mounts, since what it cannot see may be in use.
func Mounted() (map[string]bool, error) {
	tables, err := filepath.Glob("/proc/[0-9]*/mountinfo")
	if err != nil {
		return nil, err
	}
	dirs := map[string]bool{}
	for _, file := range tables {
		// To tell which processes share a namespace takes more rights than to read.
		table, err := os.ReadFile(file)
		if err != nil && !ended(err) {
			return nil, fmt.Errorf("reading a process's mounts: %w", err)
		}
		addMounts(dirs, string(table))
	}
	return dirs, nil
}

// ended tells of a process that is gone, or a zombie: neither has mounts.
func ended(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL)
}

// addMounts adds the folders of one mountinfo, see proc_pid_mountinfo(5): what
// each mount shows of its file system, and the layers of overlays. Layers are
// given as one list or, by the newer calls, one by one.
func addMounts(dirs map[string]bool, table string) {
	for line := range strings.Lines(table) {
		mount, fileSystem, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		if fields := strings.Fields(mount); len(fields) > 3 {
			dirs[fields[3]] = true
		}
		fields := strings.Fields(fileSystem)
		if len(fields) < 3 || fields[0] != "overlay" {
			continue
		}
		for option := range strings.SplitSeq(fields[2], ",") {
			list, ok := strings.CutPrefix(option, "lowerdir")
			if !ok {
				continue
			}
			for dir := range strings.SplitSeq(strings.TrimLeft(list, "+="), ":") {
				dirs[dir] = true
			}
		}
	}
}
