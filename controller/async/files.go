package async

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// files keeps large results, each in a file named by its job's id.
type files struct{ dir string }

// put writes a result and blocks until it is on disk. It comes before the
// commit that refers to it: a crash in between leaves a file that collect removes.
func (f files) put(id string, content []byte) error {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(f.dir, ".new-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(content)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), f.path(id))
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return f.sync()
}

func (f files) sync() error {
	dir, err := os.Open(f.dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (f files) get(id string) ([]byte, error) { return os.ReadFile(f.path(id)) }

// remove is idempotent.
func (f files) remove(id string) error {
	if err := os.Remove(f.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// collect removes what nothing refers to.
func (f files) collect(used func(id string) bool) error {
	entries, err := os.ReadDir(f.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var errs []error
	for _, e := range entries {
		if id := e.Name(); strings.HasPrefix(id, ".new-") || !used(id) {
			errs = append(errs, f.remove(id))
		}
	}
	return errors.Join(append(errs, err)...)
}

func (f files) path(id string) string { return filepath.Join(f.dir, id) }
