// Package pack makes a zip archive of a project's folder for upload. The same
// files make the same bytes, whatever their times, owners and order on disk.
package pack

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/klauspost/compress/flate"

	"github.com/rousehq/rouse"
)

// Packed is what went into an archive.
type Packed struct {
	Files int
	Size  rouse.Bytes // unpacked
}

// epoch is the zip format's first moment; times in archives would make equal code differ.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Dir writes the folder to w, without what its IgnoreFile names and without
// virtual environments. Symbolic links stay links. It blocks on the disk and on w. Errors are Invalid when the
// folder or a file in it cannot be packed, or w's.
func Dir(ctx context.Context, w io.Writer, dir string) (Packed, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Packed{}, rouse.Errorf(rouse.Invalid, "code %q: no such folder", dir)
	}
	if err != nil {
		return Packed{}, fmt.Errorf("opening the code's folder: %w", err)
	}
	defer root.Close() //nolint:errcheck // read-only
	ignored, err := readIgnore(root)
	if err != nil {
		return Packed{}, err
	}
	p := packer{root: root, zip: zip.NewWriter(w)}
	if err := p.hurry(); err != nil {
		return Packed{}, err
	}
	// Like every walk of package fs, this one is in the order of names.
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		switch {
		case err != nil:
			return err
		case name == ".":
			return nil
		case !fs.ValidPath(name):
			return rouse.Errorf(rouse.Invalid, "code: the name %q is not UTF-8", name)
		case d.IsDir() && (ignored.match(name, true) || isEnvironment(root, name)):
			return fs.SkipDir
		case ignored.match(name, false):
			return nil
		}
		return p.add(name, d)
	})
	if err != nil {
		return Packed{}, err
	}
	return p.packed, p.zip.Close()
}

// isEnvironment says whether a folder is a virtual environment of Python's. One
// holds paths of the machine that it was made on and runs nowhere else.
func isEnvironment(root *os.Root, folder string) bool {
	info, err := root.Lstat(path.Join(folder, "pyvenv.cfg"))
	return err == nil && info.Mode().IsRegular()
}

type packer struct {
	root   *os.Root
	zip    *zip.Writer
	packed Packed
}

// hurry has files compressed quickly instead of well: most servers are on this
// machine, where sending takes no time. Files follow one another, so that one
// compressor serves them all.
func (p *packer) hurry() error {
	quick, err := flate.NewWriter(io.Discard, flate.BestSpeed)
	p.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		quick.Reset(w)
		return quick, nil
	})
	return err
}

func (p *packer) add(name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	header := &zip.FileHeader{Name: path.Clean(name), Method: zip.Deflate, Modified: epoch}
	switch {
	case d.IsDir():
		header.Name += "/"
		header.Method = zip.Store
		header.SetMode(fs.ModeDir | 0o755)
		_, err := p.zip.CreateHeader(header)
		return err
	case d.Type() == fs.ModeSymlink:
		header.SetMode(fs.ModeSymlink | 0o777)
		target, err := p.root.Readlink(name)
		if err != nil {
			return err
		}
		p.packed.Files++
		w, err := p.zip.CreateHeader(header)
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, target)
		return err
	case !d.Type().IsRegular():
		return rouse.Errorf(rouse.Invalid, "code: %q is neither a file, a folder nor a link; name it in %s", name, IgnoreFile)
	}
	header.SetMode(0o644)
	if info.Mode()&0o111 != 0 {
		header.SetMode(0o755)
	}
	return p.copy(name, header)
}

func (p *packer) copy(name string, header *zip.FileHeader) error {
	f, err := p.root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read-only
	w, err := p.zip.CreateHeader(header)
	if err != nil {
		return err
	}
	n, err := io.Copy(w, f)
	p.packed.Files++
	p.packed.Size += rouse.Bytes(n)
	return err
}
