package mount

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Staging is the folder of a cell's own image in which its root is put together.
const Staging = "/new"

// Root is what a cell's root becomes. Targets are looked up within it, so that
// no link of an image leads out; they must exist.
type Root struct {
	Layers  []string // folders of the host, the topmost first
	Upper   string   // a folder that MakeUpper has seen, for what is written; "" has the root read-only
	Binds   []Bind   // in the order in which they are laid over one another
	Scratch []Scratch
}

// Bind is a folder of the host that is seen read-only in the cell.
type Bind struct{ Source, Target string }

// Scratch is a folder in memory that everybody may write to.
type Scratch struct {
	Target string
	Size   int64 // bytes
}

// keep lists what of a cell stays the same under its new root.
var keep = []struct {
	path  string
	flags uint // of the clone
	attrs uint64
}{
	{"/proc", unix.AT_RECURSIVE, 0},
	{"/sys", unix.AT_RECURSIVE, 0},
	{"/dev", unix.AT_RECURSIVE, 0},
	{"/etc/hosts", 0, unix.MOUNT_ATTR_RDONLY | locked},
	{"/etc/hostname", 0, unix.MOUNT_ATTR_RDONLY | locked},
	{"/etc/resolv.conf", 0, unix.MOUNT_ATTR_RDONLY | locked},
}

// Kept lists the places that every root must have beside its own targets, and
// whether each is a folder.
func Kept() map[string]bool {
	kept := make(map[string]bool)
	for _, k := range keep {
		kept[k.path] = k.flags&unix.AT_RECURSIVE != 0
	}
	return kept
}

// locked is what no mount of a function is without.
const locked = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV

// Mount lays root over the cell's own. It takes microseconds and is called
// once; after an error the cell is of no more use.
func (c *Cell) Mount(root Root) error {
	b := builder{}
	defer b.close()
	b.build(root)
	if b.err != nil {
		return b.err
	}
	return c.inside(func() error {
		b.attach(root)
		return b.err
	})
}

// Add lays root's binds and scratch over the places of the root that Mount has
// given the cell, in which something may run by now; its layers are not looked
// at. After an error the cell is of no more use.
func (c *Cell) Add(root Root) error {
	b := builder{}
	defer b.close()
	b.parts(root)
	if b.err != nil {
		return b.err
	}
	return c.inside(func() error {
		// A thread that enters a mount namespace finds itself on top of all that
		// was mounted over its root.
		b.root = b.open("/", func() (int, error) { return unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) })
		b.lay(root)
		return b.err
	})
}

// builder holds the parts of a root. After an error its methods do nothing.
type builder struct {
	err  error
	fds  []int
	root int   // the overlay
	bind []int // of root.Binds
	tmp  []int // of root.Scratch
}

func (b *builder) close() {
	for _, fd := range b.fds {
		unix.Close(fd)
	}
}

// do is one step; what names it in the error.
func (b *builder) do(what string, step func() error) {
	if b.err != nil {
		return
	}
	if err := step(); err != nil {
		b.err = fmt.Errorf("%s: %w", what, err)
	}
}

// open is a step that opens a descriptor, which close closes.
func (b *builder) open(what string, step func() (int, error)) (fd int) {
	b.do(what, func() (err error) {
		if fd, err = step(); err == nil {
			b.fds = append(b.fds, fd)
		}
		return err
	})
	return fd
}

// build makes the parts that come from the host, attached to nothing.
func (b *builder) build(root Root) {
	b.root = b.open("overlay", func() (int, error) { return overlay(root.Layers, root.Upper) })
	b.parts(root)
}

// parts makes root's binds and scratch.
func (b *builder) parts(root Root) {
	for _, bind := range root.Binds {
		b.bind = append(b.bind, b.open(bind.Target, func() (int, error) {
			return clone(unix.AT_FDCWD, bind.Source, 0, unix.MOUNT_ATTR_RDONLY|locked)
		}))
	}
	for _, s := range root.Scratch {
		b.tmp = append(b.tmp, b.open(s.Target, func() (int, error) { return memory(s.Size) }))
	}
}

// attach puts the parts together within the cell, and moves the whole over "/".
func (b *builder) attach(root Root) {
	b.do(Staging, func() error { return move(b.root, unix.AT_FDCWD, Staging) })
	for _, k := range keep {
		part := b.open(k.path, func() (int, error) { return clone(unix.AT_FDCWD, k.path, k.flags, k.attrs) })
		b.place(part, k.path)
	}
	b.lay(root)
	b.do("/", func() error { return move(b.root, unix.AT_FDCWD, "/") })
}

// lay places root's binds and scratch.
func (b *builder) lay(root Root) {
	// Scratch first: a volume may hold the folder that something is mounted on.
	for i, s := range root.Scratch {
		b.place(b.at(b.tmp, i), s.Target)
	}
	for i, bind := range root.Binds {
		b.place(b.at(b.bind, i), bind.Target)
	}
}

func (b *builder) at(fds []int, i int) int {
	if b.err != nil {
		return -1
	}
	return fds[i]
}

// place attaches part at target, which is looked up as if the new root were "/".
func (b *builder) place(part int, target string) {
	b.do(target, func() error {
		to, err := within(b.root, target, unix.O_PATH)
		if err != nil {
			return os.NewSyscallError("openat2", err)
		}
		defer unix.Close(to)
		return os.NewSyscallError("move_mount",
			unix.MoveMount(part, "", to, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH))
	})
}
