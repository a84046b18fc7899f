package bolt

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"

	"go.etcd.io/bbolt"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
)

var _ store.Store = (*Store)(nil)

// Store is an open file. Make one with Open.
type Store struct {
	db     *bbolt.DB
	path   string
	opened os.FileInfo // what was at path when it was opened
	group  *group
}

var (
	functions = []byte("functions")
	revisions = []byte("revisions")
	layers    = []byte("layers")
	settings  = []byte("settings")
)

// Close waits for transactions and closes the file. It is idempotent.
func (s *Store) Close() error { return s.db.Close() }

// Get reads one function.
func (s *Store) Get(ctx context.Context, name rouse.FunctionName) (rouse.Function, error) {
	fn, ok, err := get[rouse.Function](ctx, s, functions, string(name))
	if err == nil && !ok {
		err = rouse.Errorf(rouse.NotFound, "no function %q", name)
	}
	return fn, err
}

// Put compares and swaps one function; see store.Functions.
func (s *Store) Put(ctx context.Context, fn rouse.Function) (rouse.Function, error) {
	var next rouse.Function
	err := s.group.do(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(functions)
		var stored *rouse.Function
		if old := b.Get([]byte(fn.Name)); old != nil {
			stored = new(rouse.Function)
			if err := json.Unmarshal(old, stored); err != nil {
				return fmt.Errorf("reading function %s: %w", fn.Name, err)
			}
		}
		var err error
		if next, err = store.Swap(stored, fn); err != nil {
			return err
		}
		return put(b, string(fn.Name), next)
	})
	if err != nil {
		return rouse.Function{}, err
	}
	return next, nil
}

// Delete removes one function.
func (s *Store) Delete(ctx context.Context, name rouse.FunctionName) error {
	return s.group.do(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(functions)
		if b.Get([]byte(name)) == nil {
			return rouse.Errorf(rouse.NotFound, "no function %q", name)
		}
		return b.Delete([]byte(name))
	})
}

// All yields every function by name.
func (s *Store) All(ctx context.Context) iter.Seq2[rouse.Function, error] {
	return all[rouse.Function](ctx, s, functions)
}

// Revision reads one revision.
func (s *Store) Revision(ctx context.Context, id rouse.RevisionID) (rouse.Revision, error) {
	rev, ok, err := get[rouse.Revision](ctx, s, revisions, string(id))
	if err == nil && !ok {
		err = rouse.Errorf(rouse.NotFound, "no revision %q", id)
	}
	return rev, err
}

// PutRevision writes a revision unless its id is there.
func (s *Store) PutRevision(ctx context.Context, rev rouse.Revision) error {
	if err := store.CheckRevision(rev); err != nil {
		return err
	}
	return s.group.do(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(revisions)
		if b.Get([]byte(rev.ID)) != nil {
			return nil
		}
		return put(b, string(rev.ID), rev)
	})
}

// DeleteRevision removes one revision if it is there.
func (s *Store) DeleteRevision(ctx context.Context, id rouse.RevisionID) error {
	return s.group.do(ctx, func(tx *bbolt.Tx) error { return tx.Bucket(revisions).Delete([]byte(id)) })
}

// AllRevisions yields every revision by id.
func (s *Store) AllRevisions(ctx context.Context) iter.Seq2[rouse.Revision, error] {
	return all[rouse.Revision](ctx, s, revisions)
}

// Layer reads one layer.
func (s *Store) Layer(ctx context.Context, name string) (rouse.Layer, error) {
	l, ok, err := get[rouse.Layer](ctx, s, layers, name)
	if err == nil && !ok {
		err = rouse.Errorf(rouse.NotFound, "no layer %q", name)
	}
	return l, err
}

// PutLayer compares and swaps one layer; see store.Layers.
func (s *Store) PutLayer(ctx context.Context, l rouse.Layer) (rouse.Layer, error) {
	var next rouse.Layer
	err := s.group.do(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(layers)
		var stored *rouse.Layer
		if old := b.Get([]byte(l.Name)); old != nil {
			stored = new(rouse.Layer)
			if err := json.Unmarshal(old, stored); err != nil {
				return fmt.Errorf("reading layer %s: %w", l.Name, err)
			}
		}
		var err error
		if next, err = store.SwapLayer(stored, l); err != nil {
			return err
		}
		return put(b, l.Name, next)
	})
	if err != nil {
		return rouse.Layer{}, err
	}
	return next, nil
}

// AllLayers yields every layer by name.
func (s *Store) AllLayers(ctx context.Context) iter.Seq2[rouse.Layer, error] {
	return all[rouse.Layer](ctx, s, layers)
}

// Setting reads one value.
func (s *Store) Setting(ctx context.Context, key string) (string, error) {
	var value []byte
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		if v := tx.Bucket(settings).Get([]byte(key)); v != nil {
			value = append([]byte{}, v...)
		}
		return nil
	})
	if err == nil && value == nil {
		err = rouse.Errorf(rouse.NotFound, "no setting %q", key)
	}
	return string(value), err
}

// PutSetting writes one value.
func (s *Store) PutSetting(ctx context.Context, key, value string) error {
	if err := store.CheckSetting(key); err != nil {
		return err
	}
	return s.group.do(ctx, func(tx *bbolt.Tx) error { return tx.Bucket(settings).Put([]byte(key), []byte(value)) })
}

func (s *Store) view(ctx context.Context, read func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return explain(s.path, guard(func() error { return s.db.View(read) }))
}

func (s *Store) update(write func(*bbolt.Tx) error) error {
	if err := inPlace(s.path, s.opened); err != nil {
		return err
	}
	return explain(s.path, guard(func() error { return s.db.Update(write) }))
}

func get[T any](ctx context.Context, s *Store, bucket []byte, key string) (v T, ok bool, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket).Get([]byte(key))
		if b == nil {
			return nil
		}
		ok = true
		return json.Unmarshal(b, &v)
	})
	return v, ok, err
}

func put(b *bbolt.Bucket, key string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", key, err)
	}
	return b.Put([]byte(key), data)
}

// page is how many values are decoded per transaction when all are read.
const page = 256

func all[T any](ctx context.Context, s *Store, bucket []byte) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var last []byte
		for {
			values := make([]T, 0, page)
			err := s.view(ctx, func(tx *bbolt.Tx) error {
				c := tx.Bucket(bucket).Cursor()
				k, v := c.Seek(last)
				if last != nil && string(k) == string(last) {
					k, v = c.Next()
				}
				for ; k != nil && len(values) < page; k, v = c.Next() {
					var value T
					if err := json.Unmarshal(v, &value); err != nil {
						return fmt.Errorf("reading %s %q: %w", bucket, k, err)
					}
					values = append(values, value)
					last = append(last[:0], k...)
				}
				return nil
			})
			for _, v := range values {
				if !yield(v, nil) {
					return
				}
			}
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			if len(values) < page {
				return
			}
		}
	}
}
