package mount

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Probe says why roots cannot be made here: a right or a kernel that is
// missing. It tries every kind of mount on empty folders below dir, attaches
// nothing and leaves nothing. It does not block.
func Probe(dir string) (err error) {
	dir, err = os.MkdirTemp(dir, "probe-")
	if err != nil {
		return err
	}
	defer func() {
		if removeErr := os.RemoveAll(dir); err == nil {
			err = removeErr
		}
	}()
	return probe(dir, "")
}

// ProbeUpper is Probe for a root that can be written: not every file system can
// lie below one.
func ProbeUpper(dir string) (err error) {
	dir, err = os.MkdirTemp(dir, "probe-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	top := filepath.Join(dir, "top")
	if err := os.Mkdir(top, 0o700); err != nil {
		return err
	}
	if err := MakeUpper(top); err != nil {
		return err
	}
	return probe(dir, top)
}

func probe(dir, upper string) error {
	root := Root{Upper: upper, Scratch: []Scratch{{Target: "/", Size: 1 << 20}}}
	for _, name := range []string{"upper", "lower"} {
		layer := filepath.Join(dir, name)
		if err := os.Mkdir(layer, 0o755); err != nil {
			return err
		}
		root.Layers = append(root.Layers, layer)
	}
	root.Binds = []Bind{{Source: dir, Target: "/"}}
	b := builder{}
	defer b.close()
	if b.build(root); b.err != nil {
		return fmt.Errorf("mounts cannot be made: %w", b.err)
	}
	// Entering a namespace takes rights of its own: our own one will do.
	self, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return os.NewSyscallError("pidfd_open", err)
	}
	defer unix.Close(self)
	return (&Cell{pidfd: self}).inside(func() error { return nil })
}
