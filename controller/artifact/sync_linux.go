package artifact

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncTree brings a tree to the disk. One call for the whole file system is
// far quicker than one for each of a thousand small files.
func syncTree(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // read-only
	return unix.Syncfs(int(d.Fd()))
}
