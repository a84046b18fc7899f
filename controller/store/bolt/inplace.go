package bolt

import (
	"errors"
	"io/fs"
	"os"

	"github.com/rousehq/rouse"
)

// inPlace says whether path still leads to the file that was opened. What is
// written to one that was removed or replaced is lost at the next start, so a
// write looks first: next to its fsync that costs nothing.
func inPlace(path string, opened os.FileInfo) error {
	now, err := os.Stat(path)
	switch {
	case err == nil && os.SameFile(now, opened):
		return nil
	case err == nil || errors.Is(err, fs.ErrNotExist):
		return rouse.Errorf(rouse.Unavailable, "the data directory was removed or replaced while this rouse used it, so nothing can be kept; start it again")
	}
	return err
}
