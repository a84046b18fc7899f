package artifact

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rousehq/rouse"
)

// AddZip stores what a zip archive unpacks to and returns its name; the same
// content has the same name however it was packed. It blocks until the tree is
// on disk. Errors are Invalid or TooLarge, naming the entry, and Unavailable
// when the disk is full; after an error nothing is left.
func (s *Store) AddZip(ctx context.Context, r io.Reader) (Info, error) {
	info, err := s.addZip(ctx, r)
	return info, explain(err)
}

func (s *Store) addZip(ctx context.Context, r io.Reader) (Info, error) {
	f, err := os.CreateTemp(filepath.Join(s.dir, staging), "upload-")
	if err != nil {
		return Info{}, err
	}
	defer f.Close() //nolint:errcheck // it has no name any more
	// Without a name it is gone whenever we are.
	if err := os.Remove(f.Name()); err != nil {
		return Info{}, err
	}
	size, err := io.Copy(f, io.LimitReader(reader{ctx, r}, int64(s.options.MaxUnpacked)+1))
	if err != nil {
		return Info{}, err
	}
	if size > int64(s.options.MaxUnpacked) {
		return Info{}, rouse.Errorf(rouse.TooLarge, "the zip archive has more than %s", s.options.MaxUnpacked)
	}
	archive, err := s.readZip(f, size)
	if err != nil {
		return Info{}, err
	}
	t, err := s.newTree()
	if err != nil {
		return Info{}, err
	}
	defer t.drop()
	for _, f := range archive.File {
		if err := ctx.Err(); err != nil {
			return Info{}, err
		}
		if err := t.unzip(ctx, f); err != nil {
			return Info{}, err
		}
	}
	info, err := t.finish()
	if err != nil {
		return Info{}, err
	}
	return info, s.publish(t.dir, info.Digest)
}

// readZip reads the archive's directory. Its entries are held in memory, so how
// much of it is read at all is bounded.
func (s *Store) readZip(f io.ReaderAt, size int64) (*zip.Reader, error) {
	limited := &limitedReaderAt{r: f, left: int64(s.options.MaxFiles)*256 + 1<<20}
	archive, err := zip.NewReader(limited, size)
	// An insecure path is reported with the archive; entryName has the better words.
	if limited.left < 0 {
		return nil, rouse.Errorf(rouse.TooLarge, "the zip archive has more than %d entries, or very long names", s.options.MaxFiles)
	}
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		if errors.Is(err, zip.ErrFormat) || errors.Is(err, zip.ErrAlgorithm) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return nil, rouse.Errorf(rouse.Invalid, "not a zip archive, or a damaged one")
		}
		return nil, err
	}
	limited.left = 1 << 62 // contents are bounded by the tree
	var promised uint64
	for _, entry := range archive.File {
		// Honest bombs are refused before anything is written.
		if promised += entry.UncompressedSize64; promised > uint64(s.options.MaxUnpacked) || promised < entry.UncompressedSize64 {
			return nil, rouse.Errorf(rouse.TooLarge, "entry %s: the files have more than %s unpacked", quote(entry.Name), s.options.MaxUnpacked)
		}
	}
	return archive, nil
}

func (t *tree) unzip(ctx context.Context, f *zip.File) error {
	name, err := entryName(f.Name)
	if err != nil {
		return err
	}
	mode := f.Mode()
	switch {
	case f.Flags&1 != 0:
		return rouse.Errorf(rouse.Invalid, "entry %s: it is encrypted", quote(name))
	case mode.IsDir() || name == ".":
		return t.folder(name)
	case mode&fs.ModeType != 0 && mode&fs.ModeType != fs.ModeSymlink:
		return rouse.Errorf(rouse.Invalid, "entry %s: neither a file, a folder nor a link", quote(name))
	}
	content, err := f.Open()
	if err != nil {
		return damaged(name, err)
	}
	defer content.Close() //nolint:errcheck // read-only
	if mode&fs.ModeSymlink != 0 {
		target, err := io.ReadAll(io.LimitReader(content, maxPath+1))
		if err != nil {
			return damaged(name, err)
		}
		if err := checkTarget(name, string(target)); err != nil {
			return err
		}
		return t.link(name, string(target))
	}
	return t.file(ctx, name, mode&0o111 != 0, unpacking{name, content})
}

// unpacking tells an archive's errors from the disk's.
type unpacking struct {
	name string
	r    io.Reader
}

func (u unpacking) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if err != nil && err != io.EOF {
		err = damaged(u.name, err)
	}
	return n, err
}

// damaged passes on what is the host's trouble, such as a failing disk.
func damaged(name string, err error) error {
	var host *fs.PathError
	if errors.As(err, &host) {
		return err
	}
	return rouse.Errorf(rouse.Invalid, "entry %s: it cannot be unpacked (%v)", quote(name), err)
}

var errLimit = errors.New("read too much")

// limitedReaderAt fails once left bytes were read, and says of an offset that
// only a broken archive asks for that the archive is broken.
type limitedReaderAt struct {
	r    io.ReaderAt
	left int64
}

func (l *limitedReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, zip.ErrFormat
	}
	if l.left -= int64(len(p)); l.left < 0 {
		return 0, errLimit
	}
	return l.r.ReadAt(p, off)
}
