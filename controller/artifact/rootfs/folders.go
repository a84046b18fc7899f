package rootfs

import (
	"archive/tar"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

// opaqueAttr on a folder has overlayfs show nothing of the same folder below.
const opaqueAttr = "trusted.overlay.opaque"

// openBeneath opens a folder below root, through no link and on no other file
// system. The caller closes it.
func openBeneath(root int, name string) (fd int, err error) {
	for {
		fd, err = unix.Openat2(root, name, &unix.OpenHow{
			Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
		})
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) {
			return fd, err
		}
	}
}

// folderOf opens the folder that name is to lie in. It stays open for the next
// entry, which mostly lies in the same.
func (w *writer) folderOf(name string) (fd int, err error) { return w.open(path.Dir(name)) }

// open opens a folder and makes those on the way that the layer does not name.
func (w *writer) open(name string) (fd int, err error) {
	if w.parent.fd >= 0 && w.parent.path == name {
		return w.parent.fd, nil
	}
	fd, err = openBeneath(w.root, name)
	switch {
	case errors.Is(err, unix.ELOOP):
		return -1, rouse.Errorf(rouse.Invalid, "folder %s: the same layer has a symbolic link there", quote(name))
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		if err := w.imply(name); err != nil {
			return -1, err
		}
		fd, err = openBeneath(w.root, name)
	}
	if err != nil {
		return -1, err
	}
	w.forget()
	w.parent.path, w.parent.fd = name, fd
	return fd, nil
}

// imply makes a folder that the layer writes into without having named it.
func (w *writer) imply(name string) error {
	if err := w.count(name); err != nil {
		return err
	}
	at, err := w.open(path.Dir(name))
	if err != nil {
		return err
	}
	base := path.Base(name)
	err = unix.Mkdirat(at, base, 0o755)
	if errors.Is(err, unix.EEXIST) {
		if err = w.replaceWhiteout(at, base); errors.Is(err, unix.EEXIST) {
			return rouse.Errorf(rouse.Invalid, "folder %s: the same layer has a file there", quote(name))
		}
	}
	if err != nil {
		return err
	}
	w.implied[name] = struct{}{}
	return unix.Fchmodat(at, base, 0o755, 0) // whatever the umask is
}

// folder makes a folder, or gives one that is there what the layer says of it.
func (w *writer) folder(name string, h *tar.Header) error {
	delete(w.implied, name)
	w.folders[name] = timeOf(h.ModTime)
	if name == "." {
		return describe(w.root, ".", h)
	}
	at, err := w.folderOf(name)
	if err != nil {
		return err
	}
	base := path.Base(name)
	err = unix.Mkdirat(at, base, 0o700)
	if errors.Is(err, unix.EEXIST) {
		err = w.overwrite(at, name)
	}
	if err != nil {
		return err
	}
	return describe(at, base, h)
}

// overwrite makes a folder where the layer has had something. A folder stays,
// with what is in it; a whiteout is remembered.
func (w *writer) overwrite(at int, name string) error {
	base := path.Base(name)
	if err := w.replaceWhiteout(at, base); !errors.Is(err, unix.EEXIST) {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstatat(at, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return nil
	}
	if err := unix.Unlinkat(at, base, 0); err != nil {
		return err
	}
	return unix.Mkdirat(at, base, 0o700)
}

// replaceWhiteout makes an opaque folder of a whiteout: the layer takes away
// what is below and puts its own there. Anything else is EEXIST.
func (w *writer) replaceWhiteout(at int, base string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(at, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if !isWhiteout(&st) {
		return unix.EEXIST
	}
	if err := unix.Unlinkat(at, base, 0); err != nil {
		return err
	}
	if err := unix.Mkdirat(at, base, 0o700); err != nil {
		return err
	}
	return setAttribute(at, base, opaqueAttr, "y")
}

// whiteout takes away what lower layers have at a name, or in a folder. What
// this layer itself has there stays.
func (w *writer) whiteout(name string) error {
	base := path.Base(name)
	if base == whiteoutOpaque {
		return w.hideBelow(path.Dir(name))
	}
	gone := strings.TrimPrefix(base, whiteoutPrefix)
	switch {
	case strings.HasPrefix(base, whiteoutMeta):
		return nil
	case gone == "" || gone == "." || gone == "..":
		return rouse.Errorf(rouse.Invalid, "entry %s: it takes away no name", quote(name))
	}
	at, err := w.folderOf(name)
	if err != nil {
		return err
	}
	err = unix.Mknodat(at, gone, unix.S_IFCHR, 0)
	if !errors.Is(err, unix.EEXIST) {
		w.hiding[path.Dir(name)] = struct{}{}
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstatat(at, gone, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return setAttribute(at, gone, opaqueAttr, "y")
	}
	return nil // it hides what is below by being there
}

func (w *writer) hideBelow(name string) error {
	if name == "." {
		w.opaque = true // overlayfs does not read this of a root
		return nil
	}
	if _, err := w.open(name); err != nil { // it may be only implied
		return err
	}
	at, err := w.folderOf(name)
	if err != nil {
		return err
	}
	return setAttribute(at, path.Base(name), opaqueAttr, "y")
}

// finish sets the folders' times.
func (w *writer) finish() error {
	for name := range w.implied {
		w.folders[name] = unix.Timespec{} // the same wherever the layer is unpacked
	}
	for _, name := range slices.Sorted(maps.Keys(w.folders)) {
		at, base := w.root, "."
		if name != "." {
			var err error
			if at, err = w.folderOf(name); err != nil {
				return err
			}
			base = path.Base(name)
		}
		if err := setTime(at, base, w.folders[name]); err != nil {
			return err
		}
	}
	return nil
}
