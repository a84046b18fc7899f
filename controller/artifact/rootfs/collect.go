package rootfs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// gone ends the name of a folder that is about to be removed. Only Collect
// removes it, and only after another look at what is mounted: it may have been
// mounted just before it lost its name.
const gone = ".gone"

// Collect removes the images that inUse does not want, then every layer that no
// image has and nothing mounts; what was made or asked for lately stays. inUse
// must want what a revision or a running instance refers to; it is called
// without a lock.
//
// mounted returns the folders that any mount on this host reads layers from, as
// Mounted does: whatever the records say, a layer below a live mount is kept, for
// removing it gives the function no error but other files. When mounted fails
// nothing is removed.
//
// Collect blocks on the disk and returns the names of the folders and roots that
// it removed, also when it fails in the middle.
func (s *Store) Collect(ctx context.Context, inUse func(imageID string) bool, mounted func() (map[string]bool, error)) (removed []string, err error) {
	if err := s.dropParts(); err != nil {
		return nil, err
	}
	live, err := names(mounted)
	if err != nil {
		return nil, err
	}
	removed, wanted, err := s.collectRoots(ctx, inUse)
	if err != nil {
		return removed, err
	}
	var graves []string
	for _, kind := range []string{layersDir, madeDir} {
		entries, err := os.ReadDir(filepath.Join(s.dir, kind))
		if err != nil {
			return removed, err
		}
		for _, e := range entries {
			name := filepath.Join(kind, e.Name())
			if strings.HasSuffix(name, gone) {
				graves = append(graves, name)
				continue
			}
			if wanted[name] || live[e.Name()] {
				continue
			}
			if ok, err := s.withdraw(name); err != nil {
				return removed, err
			} else if ok {
				graves = append(graves, name+gone)
			}
		}
	}
	buried, err := s.bury(ctx, graves, mounted)
	return append(removed, buried...), err
}

// collectRoots forgets unwanted images and returns the folders that the others need.
func (s *Store) collectRoots(ctx context.Context, inUse func(string) bool) (removed []string, wanted map[string]bool, err error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, rootsDir))
	if err != nil {
		return nil, nil, err
	}
	wanted = map[string]bool{}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return removed, nil, err
		}
		name := strings.TrimSuffix(e.Name(), ".json")
		imageID := "sha256:" + name
		if !inUse(imageID) {
			ok, err := s.forget(imageID, name)
			if err != nil {
				return removed, nil, err
			}
			if ok {
				removed = append(removed, filepath.Join(rootsDir, name))
				continue
			}
		}
		// A root that cannot be read is none: it cannot be mounted either.
		var r record
		if content, err := os.ReadFile(s.rootFile(name)); err == nil && json.Unmarshal(content, &r) == nil {
			for _, layer := range r.Root.Layers {
				wanted[layer] = true
			}
		}
	}
	return removed, wanted, nil
}

// forget removes an image's record, unless it was made or asked for lately.
func (s *Store) forget(imageID, name string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recent(imageID, s.rootFile(name)) {
		return false, nil
	}
	delete(s.roots, imageID)
	delete(s.used, imageID)
	for key := range s.made {
		if strings.HasPrefix(key, imageID) {
			delete(s.made, key)
		}
	}
	err := os.Remove(s.rootFile(name))
	return err == nil, err
}

// withdraw takes a folder's name away, so that nothing new can mount it.
func (s *Store) withdraw(name string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recent(filepath.Base(name), filepath.Join(s.dir, name)) {
		return false, nil
	}
	for key, layer := range s.made {
		if layer == filepath.Join(s.dir, name, files) {
			delete(s.made, key)
		}
	}
	delete(s.used, filepath.Base(name))
	return true, os.Rename(filepath.Join(s.dir, name), filepath.Join(s.dir, name+gone))
}

// bury removes withdrawn folders and gives those that were mounted meanwhile
// their names back.
func (s *Store) bury(ctx context.Context, graves []string, mounted func() (map[string]bool, error)) (removed []string, err error) {
	live, err := names(mounted)
	for _, grave := range graves {
		name := strings.TrimSuffix(grave, gone)
		if err != nil || live[filepath.Base(name)] || ctx.Err() != nil {
			err = errors.Join(err, s.restore(grave, name))
			continue
		}
		if err = s.destroy(grave); err != nil {
			err = fmt.Errorf("removing %s: %w", grave, err)
			continue
		}
		removed = append(removed, name)
	}
	return removed, errors.Join(err, ctx.Err())
}

// destroy removes a grave. It goes to tmp first: what is half removed must never
// get its name back.
func (s *Store) destroy(grave string) error {
	dir, err := s.temp("old-")
	if err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(s.dir, grave), filepath.Join(dir, files)); err != nil {
		return errors.Join(err, os.Remove(dir))
	}
	return os.RemoveAll(dir)
}

// restore gives a folder its name back. One that was unpacked anew stays; the
// grave then waits for its mounts to end.
func (s *Store) restore(grave, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	final := filepath.Join(s.dir, name)
	if _, err := os.Lstat(final); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(filepath.Join(s.dir, grave), final)
}

// recent says whether something was asked for, or made, within the grace.
// The caller holds mu.
func (s *Store) recent(key, file string) bool {
	if used, ok := s.used[key]; ok && time.Since(used) < s.options.Grace {
		return true
	}
	info, err := os.Lstat(file)
	return err == nil && time.Since(info.ModTime()) < s.options.Grace
}

// names are the parts of mounted paths that may be names of ours. How a path
// leads here (through links, or from within a container) does not matter.
func names(mounted func() (map[string]bool, error)) (map[string]bool, error) {
	dirs, err := mounted()
	if err != nil {
		return nil, fmt.Errorf("looking what is mounted: %w", err)
	}
	live := map[string]bool{}
	for dir := range dirs {
		for part := range strings.SplitSeq(dir, "/") {
			if part = strings.TrimSuffix(part, gone); isHex(part) {
				live[part] = true
			}
		}
	}
	return live, nil
}
