package mount

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// maxFile is the most that Read reads: what is larger is no file of users.
const maxFile = 1 << 20

// Read returns a small file of the root that layers make, following links
// within that root alone. A file that is not there is empty.
func Read(layers []string, path string) (string, error) {
	root, err := overlay(layers, "")
	if err != nil {
		return "", err
	}
	defer unix.Close(root)
	fd, err := within(root, path, unix.O_RDONLY|unix.O_NONBLOCK) // a pipe must not hold us up
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	file := os.NewFile(uintptr(fd), path)
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: not a file", path)
	}
	b, err := io.ReadAll(io.LimitReader(file, maxFile))
	return string(b), err
}

// mostLookups bounds how often a path is looked up that the kernel could not follow
// for certain: it gives up at ".." when anything on the machine was renamed or
// mounted meanwhile.
const mostLookups = 10_000

// within opens path as if root were "/".
func within(root int, path string, flags uint64) (fd int, err error) {
	for range mostLookups {
		fd, err = unix.Openat2(root, path, &unix.OpenHow{
			Flags:   flags | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
		})
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			break
		}
	}
	return fd, err
}
