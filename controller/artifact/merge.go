package artifact

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rousehq/rouse"
)

const (
	merged = "merged"
	// mergedTree and mergedOf are what a merged tree's folder holds.
	mergedTree = "tree"
	mergedOf   = "of"
)

// Merged is the folder of several trees laid over one another, the later over
// the earlier. It is made when it is first asked for, of links to the trees'
// files, which blocks on the disk; later it is one system call. A tree that is
// not here is a StartFailed error. With none of them the folder is "".
func (s *Store) Merged(digests []string) (dir string, err error) {
	dirs := make([]string, len(digests))
	for i, digest := range digests {
		var ok bool
		if dirs[i], ok = s.Path(digest); !ok {
			return "", rouse.Errorf(rouse.StartFailed, "layer %.80q is not on this machine; deploy the function again", digest)
		}
	}
	switch len(dirs) {
	case 0:
		return "", nil
	case 1:
		return dirs[0], nil
	}
	list := strings.Join(digests, "\n")
	sum := sha256.Sum256([]byte(list))
	final := filepath.Join(s.dir, merged, hex.EncodeToString(sum[:]))
	if _, err := os.Lstat(final); err == nil {
		return filepath.Join(final, mergedTree), nil
	}
	stage, err := os.MkdirTemp(filepath.Join(s.dir, staging), "merge-")
	if err != nil {
		return "", explain(err)
	}
	defer os.RemoveAll(stage) //nolint:errcheck // Open removes it at the next start
	tree := filepath.Join(stage, mergedTree)
	err = errors.Join(os.Chmod(stage, 0o755), os.WriteFile(filepath.Join(stage, mergedOf), []byte(list), 0o644))
	for _, dir := range dirs {
		if err == nil {
			err = overlay(dir, tree)
		}
	}
	if err == nil {
		err = syncTree(stage)
	}
	if err != nil {
		return "", explain(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := os.Lstat(final); err == nil {
		return filepath.Join(final, mergedTree), nil // by another start, just now
	}
	if err := os.Rename(stage, final); err != nil {
		return "", explain(err)
	}
	return filepath.Join(final, mergedTree), explain(syncDir(filepath.Dir(final)))
}

// overlay lays the tree from over the tree to. Folders are joined; of anything
// else the new one takes the place of what was there.
func overlay(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, inside)
		was, err := os.Lstat(target)
		switch {
		case err == nil && was.IsDir() && d.IsDir():
			return nil
		case err == nil:
			if err := os.RemoveAll(target); err != nil {
				return err
			}
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		switch {
		case d.IsDir():
			return errors.Join(os.Mkdir(target, 0o755), os.Chmod(target, 0o755)) // whatever the umask is
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(to, target)
		}
		return os.Link(path, target)
	})
}

// collectMerged removes the merged trees of which one is not kept any more and
// that were not made lately.
func (s *Store) collectMerged(keep func(digest string) bool) error {
	dir := filepath.Join(s.dir, merged)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("listing merged layers: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		list, err := os.ReadFile(filepath.Join(path, mergedOf))
		info, statErr := e.Info()
		if err != nil || statErr != nil || time.Since(info.ModTime()) < s.options.Grace {
			continue
		}
		wanted := true
		for digest := range strings.SplitSeq(string(list), "\n") {
			wanted = wanted && keep(digest)
		}
		if wanted {
			continue
		}
		grave := filepath.Join(s.dir, staging, "merged-"+e.Name())
		s.mu.Lock()
		err = os.Rename(path, grave)
		s.mu.Unlock()
		if err := errors.Join(err, os.RemoveAll(grave)); err != nil {
			return fmt.Errorf("removing merged layers: %w", err)
		}
	}
	return nil
}
