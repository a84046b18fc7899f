package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
)

var _ store.Store = (*Memory)(nil)

// Memory is a store that forgets everything, for tests. Values are kept as
// JSON, so that nobody shares a map or a slice with it.
type Memory struct {
	mu        sync.Mutex
	closed    bool
	functions map[string][]byte
	revisions map[string][]byte
	layers    map[string][]byte
	settings  map[string]string
}

// NewMemory makes an empty store.
func NewMemory() *Memory {
	return &Memory{functions: map[string][]byte{}, revisions: map[string][]byte{}, layers: map[string][]byte{}, settings: map[string]string{}}
}

var errClosed = errors.New("storetest: the store is closed")

// enter locks the store unless it is closed or ctx has ended.
func (m *Memory) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return errClosed
	}
	return nil
}

// Get returns a function or NotFound.
func (m *Memory) Get(ctx context.Context, name rouse.FunctionName) (rouse.Function, error) {
	var fn rouse.Function
	if err := m.enter(ctx); err != nil {
		return fn, err
	}
	defer m.mu.Unlock()
	b, ok := m.functions[string(name)]
	if !ok {
		return fn, rouse.Errorf(rouse.NotFound, "no function %q", name)
	}
	return fn, json.Unmarshal(b, &fn)
}

// Put compares and swaps.
func (m *Memory) Put(ctx context.Context, fn rouse.Function) (rouse.Function, error) {
	if err := m.enter(ctx); err != nil {
		return rouse.Function{}, err
	}
	defer m.mu.Unlock()
	var stored *rouse.Function
	if b, ok := m.functions[string(fn.Name)]; ok {
		stored = new(rouse.Function)
		if err := json.Unmarshal(b, stored); err != nil {
			return rouse.Function{}, err
		}
	}
	next, err := store.Swap(stored, fn)
	if err != nil {
		return rouse.Function{}, err
	}
	b, err := json.Marshal(next)
	if err != nil {
		return rouse.Function{}, err
	}
	m.functions[string(fn.Name)] = b
	return next, nil
}

// Delete removes a function or returns NotFound.
func (m *Memory) Delete(ctx context.Context, name rouse.FunctionName) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if _, ok := m.functions[string(name)]; !ok {
		return rouse.Errorf(rouse.NotFound, "no function %q", name)
	}
	delete(m.functions, string(name))
	return nil
}

// All yields a snapshot of every function.
func (m *Memory) All(ctx context.Context) iter.Seq2[rouse.Function, error] {
	return all[rouse.Function](ctx, m, func() map[string][]byte { return m.functions })
}

// Layer returns a layer or NotFound.
func (m *Memory) Layer(ctx context.Context, name string) (rouse.Layer, error) {
	var l rouse.Layer
	if err := m.enter(ctx); err != nil {
		return l, err
	}
	defer m.mu.Unlock()
	b, ok := m.layers[name]
	if !ok {
		return l, rouse.Errorf(rouse.NotFound, "no layer %q", name)
	}
	return l, json.Unmarshal(b, &l)
}

// PutLayer compares and swaps.
func (m *Memory) PutLayer(ctx context.Context, l rouse.Layer) (rouse.Layer, error) {
	if err := m.enter(ctx); err != nil {
		return rouse.Layer{}, err
	}
	defer m.mu.Unlock()
	var stored *rouse.Layer
	if b, ok := m.layers[l.Name]; ok {
		stored = new(rouse.Layer)
		if err := json.Unmarshal(b, stored); err != nil {
			return rouse.Layer{}, err
		}
	}
	next, err := store.SwapLayer(stored, l)
	if err != nil {
		return rouse.Layer{}, err
	}
	b, err := json.Marshal(next)
	if err != nil {
		return rouse.Layer{}, err
	}
	m.layers[l.Name] = b
	return next, nil
}

// AllLayers yields a snapshot of every layer.
func (m *Memory) AllLayers(ctx context.Context) iter.Seq2[rouse.Layer, error] {
	return all[rouse.Layer](ctx, m, func() map[string][]byte { return m.layers })
}

// Revision returns a revision or NotFound.
func (m *Memory) Revision(ctx context.Context, id rouse.RevisionID) (rouse.Revision, error) {
	var rev rouse.Revision
	if err := m.enter(ctx); err != nil {
		return rev, err
	}
	defer m.mu.Unlock()
	b, ok := m.revisions[string(id)]
	if !ok {
		return rev, rouse.Errorf(rouse.NotFound, "no revision %q", id)
	}
	return rev, json.Unmarshal(b, &rev)
}

// PutRevision keeps the first revision of an id.
func (m *Memory) PutRevision(ctx context.Context, rev rouse.Revision) error {
	if err := store.CheckRevision(rev); err != nil {
		return err
	}
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if _, ok := m.revisions[string(rev.ID)]; ok {
		return nil
	}
	b, err := json.Marshal(rev)
	if err != nil {
		return err
	}
	m.revisions[string(rev.ID)] = b
	return nil
}

// DeleteRevision is idempotent.
func (m *Memory) DeleteRevision(ctx context.Context, id rouse.RevisionID) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	delete(m.revisions, string(id))
	return nil
}

// AllRevisions yields a snapshot of every revision.
func (m *Memory) AllRevisions(ctx context.Context) iter.Seq2[rouse.Revision, error] {
	return all[rouse.Revision](ctx, m, func() map[string][]byte { return m.revisions })
}

// Setting returns a value or NotFound.
func (m *Memory) Setting(ctx context.Context, key string) (string, error) {
	if err := m.enter(ctx); err != nil {
		return "", err
	}
	defer m.mu.Unlock()
	value, ok := m.settings[key]
	if !ok {
		return "", rouse.Errorf(rouse.NotFound, "no setting %q", key)
	}
	return value, nil
}

// PutSetting keeps a value.
func (m *Memory) PutSetting(ctx context.Context, key, value string) error {
	if err := store.CheckSetting(key); err != nil {
		return err
	}
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	m.settings[key] = value
	return nil
}

// Close makes every later call an error. It is idempotent.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

func all[T any](ctx context.Context, m *Memory, table func() map[string][]byte) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if err := m.enter(ctx); err != nil {
			yield(zero, err)
			return
		}
		snapshot := maps.Clone(table()) // the values are never changed, only replaced
		m.mu.Unlock()
		for _, key := range slices.Sorted(maps.Keys(snapshot)) {
			if err := ctx.Err(); err != nil {
				yield(zero, err)
				return
			}
			var v T
			if err := json.Unmarshal(snapshot[key], &v); err != nil {
				yield(zero, err)
				return
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}
