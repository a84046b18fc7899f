//go:build !linux

package artifact

import (
	"io/fs"
	"os"
	"path/filepath"
)

// syncTree brings a tree to the disk, file by file.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() && !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // read-only
		return f.Sync()
	})
}
