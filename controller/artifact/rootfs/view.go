package rootfs

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

// view is layers as overlayfs joins them, top first, read without a mount.
type view []string

// node is a path in the joined tree.
type node struct {
	path string // "." or without a leading /
	// in lists the layers that have it: of a folder all that are joined, of
	// anything else the one that shows.
	in   []int
	stat unix.Stat_t // in the topmost
}

func (n *node) kind() uint32 { return n.stat.Mode & unix.S_IFMT }
func (n *node) exists() bool { return len(n.in) > 0 }
func (n *node) isDir() bool  { return n.exists() && n.kind() == unix.S_IFDIR }

func (v view) host(layer int, name string) string { return filepath.Join(v[layer], name) }

func (v view) root() (node, error) {
	n := node{path: "."}
	for i := range v {
		n.in = append(n.in, i)
	}
	return n, unix.Lstat(v[0], &n.stat)
}

// child looks a name up in a folder. One that is not there is no error.
func (v view) child(dir *node, name string) (node, error) {
	n := node{path: path.Join(dir.path, name)}
	for _, layer := range dir.in {
		var st unix.Stat_t
		file := v.host(layer, n.path)
		err := unix.Lstat(file, &st)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return node{}, err
		}
		isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR
		if isWhiteout(&st) || n.exists() && !isDir {
			break // what is further down is hidden
		}
		if !n.exists() {
			n.stat = st
		}
		if n.in = append(n.in, layer); !isDir {
			break
		}
		opaque, err := isOpaque(file)
		if err != nil {
			return node{}, err
		}
		if opaque {
			break
		}
	}
	return n, nil
}

func isOpaque(dir string) (bool, error) {
	value := make([]byte, 1)
	n, err := unix.Lgetxattr(dir, opaqueAttr, value)
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ERANGE) {
		return false, nil
	}
	return err == nil && n == 1 && value[0] == 'y', err
}

// find looks a path up without following links.
func (v view) find(name string) (node, error) {
	n, err := v.root()
	if err != nil || name == "." {
		return n, err
	}
	for part := range strings.SplitSeq(name, "/") {
		if !n.isDir() {
			return node{}, nil
		}
		if n, err = v.child(&n, part); err != nil {
			return node{}, err
		}
	}
	return n, nil
}

// walk follows a path from the root as the kernel would in the joined tree,
// links too, and returns where it leads. The last node of the way is the
// path's own; from the first that does not exist on, none does.
func (v view) walk(name string) (way []node, err error) {
	const maxLinks = 40 // as in the kernel
	root, err := v.root()
	if err != nil {
		return nil, err
	}
	way = []node{root}
	links, rest := 0, strings.Split(name, "/")
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		at := &way[len(way)-1]
		switch {
		case part == "" || part == ".":
			continue
		case part == "..":
			way = way[:max(1, len(way)-1)]
			continue
		case !at.exists():
			way = append(way, node{path: path.Join(at.path, part)})
			continue
		case !at.isDir():
			return nil, rouse.Errorf(rouse.Invalid, "%s: in this image /%s is not a folder", name, at.path)
		}
		next, err := v.child(at, part)
		if err != nil {
			return nil, err
		}
		if !next.exists() || next.kind() != unix.S_IFLNK {
			way = append(way, next)
			continue
		}
		if links++; links > maxLinks {
			return nil, rouse.Errorf(rouse.Invalid, "%s: in this image /%s is a link that never ends", name, next.path)
		}
		target, err := os.Readlink(v.host(next.in[0], next.path))
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(target, "/") {
			way = way[:1]
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return way, nil
}
