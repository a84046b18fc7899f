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
// or join: a cell's mounts are in its own namespace. It takes the rights of root
// and fails without them, since what it cannot see may be in use.
func Mounted() (map[string]bool, error) {
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	dirs, namespaces := map[string]bool{}, map[string]bool{}
	for _, process := range processes {
		namespace, err := os.Readlink(filepath.Join(process, "ns/mnt"))
		if err == nil && !namespaces[namespace] {
			var table []byte
			if table, err = os.ReadFile(filepath.Join(process, "mountinfo")); err == nil {
				namespaces[namespace] = true
				addMounts(dirs, string(table))
			}
		}
		if err != nil && !ended(err) {
			return nil, fmt.Errorf("reading a process's mounts: %w", err)
		}
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
