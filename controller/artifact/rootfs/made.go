package rootfs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// plan is a small layer of our own: its folders and empty files by path, with
// every folder above them.
type plan map[string]entry

// entry is all about one path of a plan.
type entry struct {
	file     bool
	mode     uint32
	uid, gid uint32
	changed  unix.Timespec
	attrs    string // kept extended attributes, in order, as name=value with NULs between
}

// like is an entry that looks like a folder which is there: a layer's folder
// hides those below it, mode and owner included.
func (v view) like(layer int, name string) (entry, error) {
	var st unix.Stat_t
	dir := v.host(layer, name)
	if err := unix.Lstat(dir, &st); err != nil {
		return entry{}, err
	}
	attrs, err := keptAttributes(dir)
	return entry{mode: st.Mode & 0o7777, uid: st.Uid, gid: st.Gid, changed: st.Mtim, attrs: attrs}, err
}

func keptAttributes(dir string) (string, error) {
	const most = 64 << 10 // of the kernel, for the names of one file and for a value
	buffer := make([]byte, most)
	n, err := unix.Llistxattr(dir, buffer)
	if errors.Is(err, unix.ENOTSUP) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var kept []string
	for attr := range strings.SplitSeq(string(buffer[:n]), "\x00") {
		if !isKept(attr) {
			continue
		}
		n, err := unix.Lgetxattr(dir, attr, buffer)
		if err != nil {
			return "", err
		}
		kept = append(kept, attr+"="+hex.EncodeToString(buffer[:n]))
	}
	slices.Sort(kept)
	return strings.Join(kept, "\x00"), nil
}

// make has the planned layer in the store and returns its name there. Layers
// with different uses are never the same folder: overlayfs joins none with itself.
func (s *Store) make(use string, p plan) (name string, err error) {
	paths := slices.Sorted(maps.Keys(p))
	digest := sha256.New()
	fmt.Fprintln(digest, use) //nolint:errcheck // a hash takes everything
	for _, at := range paths {
		fmt.Fprintf(digest, "%q %+v\n", at, p[at]) //nolint:errcheck // a hash takes everything
	}
	name = filepath.Join(madeDir, hex.EncodeToString(digest.Sum(nil)))
	if s.renew(name) {
		return name, nil
	}
	dir, err := s.temp("made-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	root := filepath.Join(dir, files)
	for _, at := range paths { // folders sort before what is in them
		if err := p[at].create(filepath.Join(root, at)); err != nil {
			return "", err
		}
	}
	for _, at := range slices.Backward(paths) { // and change when something is made in them
		if err := setTime(unix.AT_FDCWD, filepath.Join(root, at), p[at].changed); err != nil {
			return "", err
		}
	}
	return name, s.publish(dir, name)
}

func (e entry) create(file string) error {
	var err error
	if e.file {
		err = os.WriteFile(file, nil, 0o600)
	} else {
		err = os.Mkdir(file, 0o700)
	}
	if err != nil {
		return err
	}
	if err := unix.Lchown(file, int(e.uid), int(e.gid)); err != nil {
		return err
	}
	if err := unix.Chmod(file, e.mode); err != nil {
		return err
	}
	for attr := range strings.SplitSeq(e.attrs, "\x00") {
		name, value, _ := strings.Cut(attr, "=")
		if b, err := hex.DecodeString(value); err == nil && name != "" {
			if err := unix.Lsetxattr(file, name, b, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// copy plans a folder, and those above it, as look says that they are.
func (p plan) copy(dir string, look func(dir string) (entry, error)) error {
	for {
		if _, planned := p[dir]; planned {
			return nil
		}
		e, err := look(dir)
		if err != nil {
			return err
		}
		p[dir] = e
		if dir == "." {
			return nil
		}
		dir = path.Dir(dir)
	}
}
