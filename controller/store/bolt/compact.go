package bolt

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

const (
	// compacted is the suffix of a file that is to take the space's place.
	compacted = ".compacted"
	// copyBytes is about how much is copied per transaction.
	copyBytes = 1 << 20
	// fewKeys is how many changed keys are copied while writers wait.
	fewKeys = 2000
	// mostRounds bounds the catching up with writers before they have to wait.
	mostRounds = 8
)

// Size is what the file measures, and how much of it holds nothing.
func (s *Space) Size() (file, free int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	// The library's Info would tell the size of a page, too, but touches the
	// mapped file without a lock, and faults while a writer maps it anew.
	free = int64(s.db.Stats().FreeAlloc)
	if info, err := os.Stat(s.path); err == nil {
		file = info.Size()
	}
	return file, free
}

// Compact copies what is there into a new file that takes the old one's place,
// and blocks until that is done. Readers and writers go on meanwhile; writers
// wait only for the last few keys. A crash at any point leaves either file,
// whole. When ctx ends, or on an error, everything is as before, unless the error
// says that the new file is in use.
func (s *Space) Compact(ctx context.Context) (err error) {
	s.compacting.Lock()
	defer s.compacting.Unlock()
	path := s.path + compacted
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	fresh, err := openSpace(path, s.o.LockWait)
	if err != nil {
		return err
	}
	fresh.NoSync = true // until it counts
	defer func() {
		if err != nil && !s.uses(fresh) {
			fresh.Close()   //nolint:errcheck // it is thrown away
			os.Remove(path) //nolint:errcheck // the next open removes it
		}
	}()
	// From here on every changed key is noted.
	if err := s.exclusively(ctx, func() error { s.dirty = map[string]struct{}{}; return nil }); err != nil {
		return err
	}
	defer func() {
		err = joinFirst(err, s.exclusively(context.WithoutCancel(ctx), func() error { s.dirty = nil; return nil }))
	}()
	if err := fresh.Update(func(tx *bbolt.Tx) error { return prepare(tx, events) }); err != nil {
		return explain(path, err)
	}
	if err := s.copyAll(ctx, fresh); err != nil {
		return explain(path, err)
	}
	for range mostRounds {
		var changed map[string]struct{}
		if err := s.exclusively(ctx, func() error {
			if len(s.dirty) > fewKeys {
				changed, s.dirty = s.dirty, map[string]struct{}{}
			}
			return nil
		}); err != nil {
			return err
		}
		if changed == nil {
			break
		}
		if err := s.copyKeys(fresh, changed); err != nil {
			return explain(path, err)
		}
	}
	return s.exclusively(ctx, func() error { return explain(path, s.replace(fresh, path)) })
}

func joinFirst(err, second error) error {
	if err != nil {
		return err
	}
	return second
}

// exclusively runs f while nobody writes.
func (s *Space) exclusively(ctx context.Context, f func() error) error {
	select {
	case <-s.group.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { s.group.turn <- struct{}{} }()
	return f()
}

// copyAll copies every key in short transactions: a long one would keep
// writers from growing the file. Keys that change behind it are noted.
func (s *Space) copyAll(ctx context.Context, fresh *bbolt.DB) error {
	from, done := []byte{}, false
	for !done {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := guard(func() error {
			return s.db.View(func(old *bbolt.Tx) error {
				return fresh.Update(func(tx *bbolt.Tx) error {
					size, to := 0, tx.Bucket(space)
					to.FillPercent = 0.9 // the keys come in order
					c := old.Bucket(space).Cursor()
					k, v := c.Seek(from)
					for ; k != nil && size < copyBytes; k, v = c.Next() {
						size += len(k) + len(v)
						if err := to.Put(k, v); err != nil {
							return err
						}
					}
					done = k == nil
					from = append(from[:0], k...)
					return nil
				})
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// copyKeys makes fresh agree with the old file on some keys.
func (s *Space) copyKeys(fresh *bbolt.DB, keys map[string]struct{}) error {
	return guard(func() error {
		return s.db.View(func(old *bbolt.Tx) error {
			from := old.Bucket(space)
			return fresh.Update(func(tx *bbolt.Tx) error {
				to := tx.Bucket(space)
				for key := range keys {
					var err error
					if value := from.Get([]byte(key)); value != nil {
						err = to.Put([]byte(key), value)
					} else {
						err = to.Delete([]byte(key))
					}
					if err != nil {
						return err
					}
				}
				return nil
			})
		})
	})
}

// replace puts fresh into the old file's place, while nobody writes.
func (s *Space) replace(fresh *bbolt.DB, path string) error {
	if err := s.copyKeys(fresh, s.dirty); err != nil {
		return err
	}
	if err := fresh.Sync(); err != nil {
		return err
	}
	opened, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := inPlace(s.path, s.opened); err != nil {
		return err // not over somebody else's file
	}
	if err := os.Rename(path, s.path); err != nil {
		return err
	}
	fresh.NoSync = false
	s.opened = opened
	s.mu.Lock()
	old := s.db
	s.db = fresh
	s.mu.Unlock()
	old.Close() //nolint:errcheck // nothing in it counts any more
	if err := s.syncDir(filepath.Dir(s.path)); err != nil {
		return fmt.Errorf("the compacted file is in use, but might not survive a power failure: %w", err)
	}
	return nil
}

func (s *Space) uses(db *bbolt.DB) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.db == db
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // only synced
	return d.Sync()
}
