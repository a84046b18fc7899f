package docker

import (
	"errors"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// removeTree removes a folder of a function, however deep it nested others: a
// folder in it that is not empty is first moved to the top, so that one is open
// at a time. One that is not there is fine.
func removeTree(dir string) error {
	top, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer top.Close()
	fd := int(top.Fd())
	for moved := 0; ; {
		names, err := list(fd)
		if err != nil {
			return err
		}
		if len(names) == 0 {
			return os.Remove(dir)
		}
		for _, name := range names {
			if err := removeAt(fd, name, fd, &moved); err != nil {
				return err
			}
		}
	}
}

// removeAt removes name, which is in folder at. What it has in it is removed, or
// moved to top.
func removeAt(at int, name string, top int, moved *int) error {
	err := unix.Unlinkat(at, name, 0)
	if err != unix.EISDIR {
		return err
	}
	if err = unix.Unlinkat(at, name, unix.AT_REMOVEDIR); err != unix.ENOTEMPTY {
		return err
	}
	if at != top {
		for err = unix.EEXIST; err == unix.EEXIST; *moved++ { // an earlier attempt left some
			err = unix.Renameat2(at, name, top, "moved:"+strconv.Itoa(*moved), unix.RENAME_NOREPLACE)
		}
		return err
	}
	fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	names, err := list(fd)
	for i := 0; err == nil && i < len(names); i++ {
		err = removeAt(fd, names[i], top, moved)
	}
	if err != nil {
		return err
	}
	return unix.Unlinkat(at, name, unix.AT_REMOVEDIR)
}

// list reads a folder anew.
func list(fd int) ([]string, error) {
	own, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(own), ".")
	defer f.Close()
	return f.Readdirnames(-1)
}
