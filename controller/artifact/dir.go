package artifact

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"

	"github.com/rousehq/rouse"
)

// AddDir stores a copy of a folder of this host, whose content must not change
// meanwhile. It blocks until the copy is on disk; errors are AddZip's.
func (s *Store) AddDir(ctx context.Context, dir string) (Info, error) {
	info, err := s.addDir(ctx, dir)
	return info, explain(err)
}

func (s *Store) addDir(ctx context.Context, dir string) (Info, error) {
	source, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Info{}, rouse.Errorf(rouse.Invalid, "folder %s: it does not exist", quote(dir))
	}
	if err != nil {
		return Info{}, err
	}
	defer source.Close() //nolint:errcheck // read-only
	t, err := s.newTree()
	if err != nil {
		return Info{}, err
	}
	defer t.drop()
	err = fs.WalkDir(source.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		return t.copy(ctx, source, name, d)
	})
	if err != nil {
		return Info{}, err
	}
	info, err := t.finish()
	if err != nil {
		return Info{}, err
	}
	return info, s.publish(t.dir, info.Digest)
}

func (t *tree) copy(ctx context.Context, source *os.Root, name string, d fs.DirEntry) error {
	if _, err := entryName(path.Clean(name)); err != nil {
		return err
	}
	switch {
	case d.IsDir():
		return t.folder(name)
	case d.Type() == fs.ModeSymlink:
		target, err := source.Readlink(name)
		if err != nil {
			return err
		}
		return t.link(name, target)
	case !d.Type().IsRegular():
		return rouse.Errorf(rouse.Invalid, "entry %s: neither a file, a folder nor a link", quote(name))
	}
	f, err := source.Open(name)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read-only
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return t.file(ctx, name, info.Mode()&0o111 != 0, f)
}
