package rootfs

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

// Options bound what a store takes. The zero value means the defaults.
type Options struct {
	// MaxBytes is the most bytes in one image, unpacked; 64GB.
	MaxBytes rouse.Bytes
	// MaxFiles is the most files, links and folders in one layer; two million.
	MaxFiles int
	// Grace is how long Collect leaves alone what was made or asked for, so that a
	// deployment can refer to it and a start can mount it; one hour.
	Grace time.Duration
}

// Store is a folder of unpacked images. Its methods may be called at once from
// many goroutines, but only one Store may be open on a folder.
type Store struct {
	dir     string
	options Options

	// mu orders giving out and publishing on one side and collecting on the
	// other. It is not held while much is read or written.
	mu    sync.Mutex
	roots map[string]Root      // by image id, as far as they were asked for
	made  map[string]string    // by image and targets: a skeleton's folder
	used  map[string]time.Time // by image id or folder's name: when it was last asked for

	downloads claims // by digest
}

// The folders of a store.
const (
	layersDir = "layers"
	madeDir   = "made"
	rootsDir  = "roots"
	staging   = "tmp"
	partDir   = "part"
	files     = "fs" // within a layer
)

// Open makes the folder if needed and removes what an interrupted process left
// half made.
func Open(dir string, o Options) (*Store, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = 64 * rouse.GB
	}
	if o.MaxFiles == 0 {
		o.MaxFiles = 2_000_000
	}
	if o.Grace == 0 {
		o.Grace = time.Hour
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(filepath.Join(dir, staging)); err != nil {
		return nil, fmt.Errorf("emptying the images' temporary folder: %w", err)
	}
	for _, sub := range []string{layersDir, madeDir, rootsDir, partDir, staging} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("making the images' folder: %w", err)
		}
	}
	// Set-id programs of images are not for the users of this host.
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("closing the images' folder to others: %w", err)
	}
	s := &Store{
		dir: dir, options: o,
		roots: map[string]Root{},
		made:  map[string]string{},
		used:  map[string]time.Time{},
	}
	if err := s.dropParts(); err != nil {
		return nil, fmt.Errorf("removing old downloads: %w", err)
	}
	return s, nil
}

// Probe says whether this process may write layers here: the owners, whiteouts
// and attributes that overlayfs reads. An error for which errors.ErrUnsupported
// holds says what is missing.
func (s *Store) Probe() (err error) {
	dir, err := os.MkdirTemp(filepath.Join(s.dir, staging), "probe-")
	if err != nil {
		return explain(err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	root, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(root) //nolint:errcheck // a folder's descriptor
	for _, step := range []struct {
		what string
		try  func() error
	}{
		{"files of other users", func() error { return unix.Lchown(dir, 1, 1) }},
		{"overlayfs attributes", func() error { return unix.Setxattr(dir, opaqueAttr, []byte("y"), 0) }},
		{"whiteouts", func() error { return unix.Mknodat(root, "w", unix.S_IFCHR, 0) }},
		{"openat2", func() error {
			fd, err := openBeneath(root, ".")
			if err == nil {
				err = unix.Close(fd)
			}
			return err
		}},
	} {
		if err := step.try(); err != nil {
			return unsupported(fmt.Errorf("%s: %w", step.what, err))
		}
	}
	return nil
}

// Root is an unpacked image; ok is false when it is not here, or not whole. What
// it returns is shared and must not be changed. The image stays here for as long
// as it takes to mount it (Options.Grace), whatever Collect is told.
func (s *Store) Root(imageID string) (root Root, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if root, ok = s.roots[imageID]; !ok {
		if root, ok = s.read(imageID); !ok {
			return Root{}, false
		}
		s.roots[imageID] = root
	}
	s.used[imageID] = time.Now()
	return root, true
}

// read reads a root from the disk. One of an older form, or without all of its
// layers, is none: it will be unpacked again.
func (s *Store) read(imageID string) (Root, bool) {
	name, ok := hexOf(imageID)
	if !ok {
		return Root{}, false
	}
	content, err := os.ReadFile(s.rootFile(name))
	if err != nil {
		return Root{}, false
	}
	var r record
	if json.Unmarshal(content, &r) != nil || r.Form != form || r.Root.ImageID != imageID || len(r.Root.Layers) == 0 {
		return Root{}, false
	}
	for i, layer := range r.Root.Layers {
		if !filepath.IsLocal(layer) {
			return Root{}, false
		}
		r.Root.Layers[i] = filepath.Join(s.dir, layer, files)
		if info, err := os.Lstat(r.Root.Layers[i]); err != nil || !info.IsDir() {
			return Root{}, false
		}
	}
	return r.Root, true
}

// form is the version of roots on disk.
const form = 1

// record is a root on disk. Its layers are relative to the store, which may be
// moved.
type record struct {
	Form int  `json:"form"`
	Root Root `json:"root"`
}

func (s *Store) rootFile(name string) string {
	return filepath.Join(s.dir, rootsDir, name+".json")
}

// publish renames a finished folder from tmp to its name (layers/<hex> or
// made/<hex>), unless that is there already.
func (s *Store) publish(dir, name string) error {
	if s.renew(name) {
		return nil
	}
	if err := syncDisk(dir); err != nil {
		return err
	}
	if err := s.rename(dir, name); err != nil {
		return err
	}
	return syncDir(filepath.Join(s.dir, filepath.Dir(name)))
}

func (s *Store) rename(dir, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	final := filepath.Join(s.dir, name)
	if _, err := os.Lstat(final); err == nil {
		return nil // by another, just now
	}
	s.used[filepath.Base(name)] = time.Now()
	return os.Rename(dir, final)
}

// renew notes that a folder is wanted once more; false when it is not here.
func (s *Store) renew(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if os.Chtimes(filepath.Join(s.dir, name), now, now) != nil {
		return false
	}
	s.used[filepath.Base(name)] = now
	return true
}

// temp makes a folder under tmp. Whoever makes one removes what it did not publish.
func (s *Store) temp(pattern string) (string, error) {
	return os.MkdirTemp(filepath.Join(s.dir, staging), pattern)
}

// hexOf is the part of "sha256:<hex>" that is a name on disk.
func hexOf(digest string) (name string, ok bool) {
	name, ok = strings.CutPrefix(digest, "sha256:")
	return name, ok && isHex(name)
}

func isHex(name string) bool {
	_, err := hex.DecodeString(name)
	return err == nil && len(name) == 64 && strings.ToLower(name) == name
}

// unsupported marks what sends an image the plain way.
func unsupported(err error) error {
	return fmt.Errorf("%w: this host does not let Rouse unpack images: %w", errors.ErrUnsupported, err)
}

// explain tells the troubles apart that have a remedy. An Error passes as it is.
func explain(err error) error {
	var known *rouse.Error
	switch {
	case err == nil || errors.As(err, &known) || errors.Is(err, errors.ErrUnsupported):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &rouse.Error{
			Code:    rouse.Unavailable,
			Message: "the disk of the data directory is full; the image was not unpacked",
			Cause:   err,
		}
	case errors.Is(err, syscall.EPERM):
		return unsupported(err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &rouse.Error{Code: rouse.Unavailable, Message: "the image's data ended early; try again", Cause: err}
	}
	return fmt.Errorf("unpacking an image: %w", err)
}

// syncDisk brings everything on dir's file system to the disk: far quicker
// than file by file.
func syncDisk(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // read-only
	return unix.Syncfs(int(d.Fd()))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // read-only
	return d.Sync()
}
