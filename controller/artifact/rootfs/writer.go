package rootfs

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

// writer makes a layer's files. Every path is opened from the layer's root and
// through no link (openat2), and what an entry names is made in its parent's
// folder by its last part alone, never written through.
type writer struct {
	dir   string
	root  int         // descriptor of dir
	most  rouse.Bytes // in the image, to be told of
	left  int         // entries that may still come
	room  int64       // bytes that may still come
	bytes int64
	files int
	// folders that the layer names, and when they were last changed: set at the
	// end, since writing into a folder changes it.
	folders map[string]unix.Timespec
	// implied are folders that the layer only writes into.
	implied map[string]struct{}
	hiding  map[string]struct{} // folders that have whiteouts in them
	opaque  bool                // nothing shows from below this layer
	parent  struct {
		path string
		fd   int
	}
	buffer []byte
}

// newWriter begins a layer in an empty folder. Whoever begins one closes it.
func newWriter(dir string, o Options, room int64) (*writer, error) {
	root, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	w := &writer{
		dir: dir, root: root, most: o.MaxBytes, left: o.MaxFiles, room: room,
		folders: map[string]unix.Timespec{},
		implied: map[string]struct{}{".": {}},
		hiding:  map[string]struct{}{},
		buffer:  make([]byte, 128<<10),
	}
	w.parent.fd = -1
	if err := unix.Fchmod(root, 0o755); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *writer) close() {
	w.forget()
	unix.Close(w.root) //nolint:errcheck // a folder's descriptor
}

// forget closes the parent that was kept open for the next entry.
func (w *writer) forget() {
	if w.parent.fd >= 0 {
		unix.Close(w.parent.fd) //nolint:errcheck // a folder's descriptor
	}
	w.parent.fd = -1
}

// unpack makes every entry of a layer's tar and blocks until all are written.
func (w *writer) unpack(ctx context.Context, r io.Reader) error {
	entries := tar.NewReader(r)
	for {
		h, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return w.finish()
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // names are judged here
			return broken(err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.entry(h, entries); err != nil {
			return err
		}
	}
}

// entry makes what h describes. What no layer may have is an Invalid error, too
// much of it TooLarge.
func (w *writer) entry(h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name, err := entryName(h.Name)
	if err != nil {
		return err
	}
	if err := w.count(name); err != nil {
		return err
	}
	if strings.HasPrefix(path.Base(name), whiteoutPrefix) {
		return w.whiteout(name)
	}
	if err := checkOwner(name, h); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return w.folder(name, h)
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		return w.file(name, h, content)
	case tar.TypeSymlink:
		return w.symlink(name, h)
	case tar.TypeLink:
		return w.link(name, h)
	case tar.TypeFifo:
		return w.fifo(name, h)
	case tar.TypeChar, tar.TypeBlock:
		return nil // no use on a nodev mount, and 0/0 would be a whiteout
	}
	return rouse.Errorf(rouse.Invalid, "entry %s: neither a file, a folder, a link nor a device", quote(name))
}

func (w *writer) count(name string) error {
	if w.left--; w.left < 0 {
		return rouse.Errorf(rouse.TooLarge, "entry %s: too many files and folders in one layer", quote(name))
	}
	return nil
}

func (w *writer) file(name string, h *tar.Header, content io.Reader) error {
	w.files++
	return w.make(name, func(at int, base string) error {
		fd, err := unix.Openat(at, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return err
		}
		f := os.NewFile(uintptr(fd), base)
		err = w.fill(f, content)
		if err == nil {
			err = setAttributes(fd, h)
		}
		return errors.Join(err, f.Close())
	}, h)
}

// fill copies a file's content and stops as soon as the image is over its
// bound, whatever size was promised: a sparse file says much with few bytes.
func (w *writer) fill(f *os.File, content io.Reader) error {
	// The file is wrapped: else its own ReadFrom would take a buffer of its own.
	n, err := io.CopyBuffer(struct{ io.Writer }{f}, io.LimitReader(content, w.room+1), w.buffer)
	w.bytes += n
	w.room -= n
	switch {
	case w.room < 0:
		return tooLarge(w.most)
	case err != nil && !isSystem(err):
		return broken(err)
	}
	return err
}

func (w *writer) symlink(name string, h *tar.Header) error {
	if h.Linkname == "" || len(h.Linkname) > maxPath || strings.ContainsRune(h.Linkname, 0) {
		return rouse.Errorf(rouse.Invalid, "entry %s: a link with a bad target", quote(name))
	}
	w.files++
	return w.make(name, func(at int, base string) error { return unix.Symlinkat(h.Linkname, at, base) }, h)
}

func (w *writer) fifo(name string, h *tar.Header) error {
	w.files++
	return w.make(name, func(at int, base string) error { return unix.Mknodat(at, base, unix.S_IFIFO|0o600, 0) }, h)
}

// link makes a hard link, to an entry of the same layer: what lies below is
// another file system's.
func (w *writer) link(name string, h *tar.Header) error {
	refuse := func(why string) error {
		return rouse.Errorf(rouse.Invalid, "entry %s: a hard link to %s, which %s", quote(name), quote(h.Linkname), why)
	}
	target, err := entryName(h.Linkname)
	if err != nil {
		return err
	}
	if target == name {
		return nil
	}
	from, err := openBeneath(w.root, path.Dir(target))
	if err != nil {
		return refuse("is not in the same layer")
	}
	defer unix.Close(from) //nolint:errcheck // a folder's descriptor
	err = w.make(name, func(at int, base string) error {
		return unix.Linkat(from, path.Base(target), at, base, 0)
	}, nil)
	switch {
	case errors.Is(err, unix.ENOENT):
		return refuse("is not in the same layer")
	case errors.Is(err, unix.EPERM):
		return refuse("is a folder")
	}
	return err
}

// make makes a new entry in its parent's folder, which create is given, in the
// place of one that is there, and gives it h's owner, mode and time. A layer may
// name a path twice; the last one counts.
func (w *writer) make(name string, create func(at int, base string) error, h *tar.Header) error {
	if name == "." {
		return rouse.Errorf(rouse.Invalid, "entry %s: the image's root has to be a folder", quote(name))
	}
	at, err := w.folderOf(name)
	if err != nil {
		return err
	}
	base := path.Base(name)
	if err = create(at, base); errors.Is(err, unix.EEXIST) {
		if err := w.remove(name); err != nil {
			return err
		}
		if at, err = w.folderOf(name); err != nil {
			return err
		}
		err = create(at, base)
	}
	if err != nil || h == nil {
		return err
	}
	return setOwner(at, base, h)
}

// remove takes an entry of this layer away, with all below it.
func (w *writer) remove(name string) error {
	w.forget()
	for known := range w.folders {
		if within(known, name) {
			delete(w.folders, known)
		}
	}
	for known := range w.implied {
		if within(known, name) {
			delete(w.implied, known)
		}
	}
	root, err := os.OpenRoot(w.dir)
	if err != nil {
		return err
	}
	return errors.Join(root.RemoveAll(name), root.Close())
}

func within(name, folder string) bool {
	return name == folder || strings.HasPrefix(name, folder+"/")
}

// isSystem tells the disk's troubles from those of what is read.
func isSystem(err error) bool {
	var known *rouse.Error
	var disk *fs.PathError
	return errors.As(err, &known) || errors.As(err, &disk) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// broken says that what should be a layer is none.
func broken(err error) error {
	if isSystem(err) {
		return err
	}
	return rouse.Errorf(rouse.Invalid, "it cannot be unpacked: %w", err)
}

func tooLarge(most rouse.Bytes) error {
	return rouse.Errorf(rouse.TooLarge, "the image has more than %s unpacked", most)
}
