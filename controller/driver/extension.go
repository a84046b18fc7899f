package driver

import (
	"os"
	"path"
	"path/filepath"
	"slices"
)

// Extensions lists the external extensions among a function's files: the
// programs in the folder extensions of any of dirs, which are seen at opt, as
// paths there. It reads folders and does not wait.
func Extensions(opt string, dirs ...string) []string {
	const folder = "extensions"
	var programs []string
	for _, dir := range dirs {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if err != nil {
			continue
		}
		for _, e := range entries {
			info, err := os.Stat(filepath.Join(dir, folder, e.Name()))
			if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				programs = append(programs, path.Join(opt, folder, e.Name()))
			}
		}
	}
	slices.Sort(programs)
	return slices.Compact(programs)
}
