package artifact

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rousehq/rouse"
)

// Options bound what a store takes. The zero value means the defaults.
type Options struct {
	// MaxUnpacked is the most bytes in one tree, and in one uploaded archive;
	// 250MB, as on AWS Lambda.
	MaxUnpacked rouse.Bytes
	// MaxFiles is the most files, links and folders in one tree; 50,000.
	MaxFiles int
	// Grace is how long Collect leaves a tree alone after it was added, so that a
	// deployment can refer to it; one hour.
	Grace time.Duration
}

// Store is a folder of trees. Its methods may be called at once from many
// goroutines, but only one Store may be open on a folder.
type Store struct {
	dir     string
	options Options
	// mu orders publishing a tree and collecting it, so that what was just added
	// again is not removed.
	mu sync.Mutex
}

const (
	algorithm = "sha256"
	staging   = "tmp"
)

// Open makes the folder if needed and removes what an interrupted process left
// half made.
func Open(dir string, o Options) (*Store, error) {
	if o.MaxUnpacked == 0 {
		o.MaxUnpacked = 250 * rouse.MB
	}
	if o.MaxFiles == 0 {
		o.MaxFiles = 50_000
	}
	if o.Grace == 0 {
		o.Grace = time.Hour
	}
	if err := os.RemoveAll(filepath.Join(dir, staging)); err != nil {
		return nil, fmt.Errorf("emptying the artifacts' temporary folder: %w", err)
	}
	for sub, mode := range map[string]fs.FileMode{algorithm: 0o755, packages: 0o700, merged: 0o755, staging: 0o700} {
		if err := os.MkdirAll(filepath.Join(dir, sub), mode); err != nil {
			return nil, fmt.Errorf("making the artifacts' folder: %w", err)
		}
	}
	// Functions run under other users; a umask must not lock them out.
	for _, public := range []string{dir, filepath.Join(dir, algorithm), filepath.Join(dir, merged)} {
		if err := os.Chmod(public, 0o755); err != nil {
			return nil, fmt.Errorf("opening the artifacts to readers: %w", err)
		}
	}
	return &Store{dir: dir, options: o}, nil
}

// Path is the folder of a tree. ok is false when it is not here, or when digest
// is none. It makes one system call.
func (s *Store) Path(digest string) (dir string, ok bool) {
	name, ok := hexOf(digest)
	if !ok {
		return "", false
	}
	dir = filepath.Join(s.dir, algorithm, name)
	info, err := os.Lstat(dir)
	return dir, err == nil && info.IsDir()
}

// publish renames a finished tree to its name, unless it is there already.
func (s *Store) publish(tree, digest string) error {
	if s.renew(digest) {
		return nil
	}
	if err := syncTree(tree); err != nil {
		return fmt.Errorf("bringing the code to the disk: %w", err)
	}
	final := filepath.Join(s.dir, algorithm, strings.TrimPrefix(digest, algorithm+":"))
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.Path(digest); ok {
		return nil // by another upload, just now
	}
	now := time.Now()
	if err := os.Chtimes(tree, now, now); err != nil {
		return err
	}
	if err := os.Rename(tree, final); err != nil {
		return err
	}
	return syncDir(filepath.Dir(final))
}

// renew notes that a tree was added once more; false when it is not here. The
// time of its folder is when it was last added: Collect reads it.
func (s *Store) renew(digest string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, ok := s.Path(digest)
	now := time.Now()
	return ok && os.Chtimes(dir, now, now) == nil
}

// Collect removes every tree that keep does not want and that was not added
// lately. keep must want what a revision or a running instance refers to; it is
// called without a lock, and may be called for any digest. Collect blocks on the
// disk and returns what it removed even when it fails in the middle.
func (s *Store) Collect(ctx context.Context, keep func(digest string) bool) (removed []string, err error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, algorithm))
	if err != nil {
		return nil, fmt.Errorf("listing the artifacts: %w", err)
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return removed, err
		}
		digest := algorithm + ":" + e.Name()
		if keep(digest) {
			continue
		}
		gone, err := s.withdraw(e.Name())
		if err != nil {
			return removed, fmt.Errorf("removing %s: %w", digest, err)
		}
		if gone == "" {
			continue
		}
		removed = append(removed, digest)
		if err := os.RemoveAll(gone); err != nil {
			return removed, fmt.Errorf("removing %s: %w", digest, err)
		}
	}
	return removed, s.collectMerged(keep)
}

// withdraw takes a tree's name away, at once and for good, and returns where it
// lies now; "" when it was added lately or is gone already.
func (s *Store) withdraw(name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir := filepath.Join(s.dir, algorithm, name)
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil // by another Collect
	}
	if err != nil {
		return "", err
	}
	if time.Since(info.ModTime()) < s.options.Grace {
		return "", nil
	}
	grave, err := os.MkdirTemp(filepath.Join(s.dir, staging), "old-")
	if err != nil {
		return "", err
	}
	return grave, os.Rename(dir, filepath.Join(grave, name))
}

// explain tells a full disk from other troubles. An Error passes as it is.
func explain(err error) error {
	var known *rouse.Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &rouse.Error{
			Code:    rouse.Unavailable,
			Message: "the disk of the data directory is full; the upload was dropped",
			Cause:   err,
		}
	}
	return fmt.Errorf("storing code: %w", err)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // read-only
	return d.Sync()
}
