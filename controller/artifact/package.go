package artifact

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rousehq/rouse"
)

// packages is the folder of archives that are kept as they came.
const packages = "packages"

// AddPackage stores what a zip archive unpacks to, as AddZip does, and the
// archive itself, so that it can be handed out byte for byte. It blocks until
// both are on disk; errors are AddZip's.
func (s *Store) AddPackage(ctx context.Context, archive []byte) (rouse.Package, error) {
	info, err := s.AddZip(ctx, bytes.NewReader(archive))
	if err != nil {
		return rouse.Package{}, err
	}
	sum := sha256.Sum256(archive)
	digest := algorithm + ":" + hex.EncodeToString(sum[:])
	if err := s.keep(digest, archive); err != nil {
		return rouse.Package{}, explain(err)
	}
	return rouse.Package{Digest: digest, Size: rouse.Bytes(len(archive)), Code: info.Digest, Files: info.Size}, nil
}

// keep writes an archive under its digest, unless it is there.
func (s *Store) keep(digest string, archive []byte) error {
	name := filepath.Join(s.dir, packages, digest[len(algorithm)+1:])
	s.mu.Lock()
	now := time.Now()
	known := os.Chtimes(name, now, now) == nil // Collect leaves it alone for a while
	s.mu.Unlock()
	if known {
		return nil
	}
	f, err := os.CreateTemp(filepath.Join(s.dir, staging), "package-")
	if err != nil {
		return err
	}
	_, err = f.Write(archive)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.Rename(f.Name(), name); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(name))
}

// OpenPackage opens a kept archive, whoever asks closes it. One that is not
// here, or a digest that is none, is a NotFound error.
func (s *Store) OpenPackage(digest string) (*os.File, error) {
	name, ok := hexOf(digest)
	if !ok {
		return nil, rouse.Errorf(rouse.NotFound, "package %.80q: not a digest", digest)
	}
	f, err := os.Open(filepath.Join(s.dir, packages, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, rouse.Errorf(rouse.NotFound, "package %s is not kept here", digest)
	}
	return f, err
}

// WriteZip writes the tree of a digest to w as a zip archive, whose bytes depend
// on the tree alone. One that is not here is a NotFound error.
func (s *Store) WriteZip(ctx context.Context, w io.Writer, digest string) error {
	dir, ok := s.Path(digest)
	if !ok {
		return rouse.Errorf(rouse.NotFound, "artifact %.80q is not here", digest)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // read-only
	archive := zip.NewWriter(w)
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || d.IsDir() {
			return err
		}
		return zipFile(archive, root, name, d)
	})
	return errors.Join(err, archive.Close())
}

func zipFile(archive *zip.Writer, root *os.Root, name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	header := &zip.FileHeader{Name: name, Method: zip.Deflate}
	header.SetMode(info.Mode())
	w, err := archive.CreateHeader(header)
	if err != nil {
		return err
	}
	if d.Type() == fs.ModeSymlink {
		target, err := root.Readlink(name)
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, target)
		return err
	}
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read-only
	_, err = io.Copy(w, f)
	return err
}

// CollectPackages removes every kept archive that keep does not want and that
// was not added lately, as Collect does for trees. It returns how many.
func (s *Store) CollectPackages(ctx context.Context, keep func(digest string) bool) (removed int, err error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, packages))
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return removed, err
		}
		if keep(algorithm + ":" + e.Name()) {
			continue
		}
		gone, err := s.removePackage(e.Name())
		if err != nil {
			return removed, err
		}
		if gone {
			removed++
		}
	}
	return removed, nil
}

func (s *Store) removePackage(name string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	file := filepath.Join(s.dir, packages, name)
	info, err := os.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // by another one
	}
	if err != nil || time.Since(info.ModTime()) < s.options.Grace {
		return false, err
	}
	return true, os.Remove(file)
}

// hexOf is the name under which a digest's content lies.
func hexOf(digest string) (string, bool) {
	name, ok := strings.CutPrefix(digest, algorithm+":")
	if !ok || len(name) != 64 || strings.ToLower(name) != name {
		return "", false
	}
	_, err := hex.DecodeString(name)
	return name, err == nil
}
