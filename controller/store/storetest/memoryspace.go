package storetest

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/rousehq/rouse/controller/store"
)

var _ store.Space = (*MemorySpace)(nil)

// MemorySpace is a space that forgets everything, for tests. It panics over a
// write within a scan, which a space on disk would suffer silently.
type MemorySpace struct {
	mu     sync.Mutex
	closed bool
	values map[string][]byte
}

// NewSpace makes an empty space.
func NewSpace() *MemorySpace { return &MemorySpace{values: map[string][]byte{}} }

func (m *MemorySpace) enter(ctx context.Context) error {
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

// Update runs write on a copy, which takes the space's place unless it fails.
func (m *MemorySpace) Update(ctx context.Context, write func(store.Tx) error) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	t := &memoryTx{values: maps.Clone(m.values)}
	if err := write(t); err != nil {
		return err
	}
	m.values = t.values
	return nil
}

// Early is Update, since there is no disk to wait for.
func (m *MemorySpace) Early(ctx context.Context, write func(store.Tx) error, settled func(error)) error {
	err := m.Update(ctx, write)
	settled(err)
	return err
}

// View runs read on what is there now.
func (m *MemorySpace) View(ctx context.Context, read func(store.Reader) error) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	values := m.values // replaced, never changed
	m.mu.Unlock()
	return read(&memoryTx{values: values})
}

// Close makes every later call an error. It is idempotent.
func (m *MemorySpace) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

type memoryTx struct {
	values   map[string][]byte
	scanning int
}

func (t *memoryTx) Get(key []byte) []byte { return t.values[string(key)] }

func (t *memoryTx) Scan(from, to []byte) iter.Seq2[[]byte, []byte] {
	return t.scan(slices.Sorted(maps.Keys(t.values)), from, to)
}

func (t *memoryTx) ScanBack(from, to []byte) iter.Seq2[[]byte, []byte] {
	keys := slices.Sorted(maps.Keys(t.values))
	slices.Reverse(keys)
	return t.scan(keys, from, to)
}

func (t *memoryTx) scan(keys []string, from, to []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		t.scanning++
		defer func() { t.scanning-- }()
		for _, key := range keys {
			if key >= string(from) && key < string(to) && !yield([]byte(key), t.values[key]) {
				return
			}
		}
	}
}

func (t *memoryTx) Put(key, value []byte) {
	t.writes()
	t.values[string(key)] = append([]byte{}, bytes.Clone(value)...)
}

func (t *memoryTx) Delete(key []byte) {
	t.writes()
	delete(t.values, string(key))
}

func (t *memoryTx) writes() {
	if t.scanning > 0 {
		panic("storetest: a write within a scan")
	}
}
