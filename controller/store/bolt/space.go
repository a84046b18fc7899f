package bolt

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"iter"
	"os"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
)

var _ store.Space = (*Space)(nil)

var (
	space  = []byte("space")
	events = kind{format: "rouse events", schema: "1", buckets: [][]byte{space}}
)

// SpaceOptions change how a space is opened.
type SpaceOptions struct {
	// LockWait is as in Options.
	LockWait time.Duration
	// Committed, when set, is told how long each commit took. It must not block.
	Committed func(time.Duration)
}

// Space is an ordered space of keys in one file. Make one with OpenSpace.
//
// The list of free pages is written with a commit only while it is short: after
// a backlog has been drained it would be most of what a commit writes. It is
// written when the space is closed, too. Opening a file without it, which is what
// a kill then leaves, finds the free pages by reading the whole tree.
type Space struct {
	path  string
	o     SpaceOptions
	group *group
	// syncDir brings a folder to the disk: the function of that name, but in tests.
	syncDir func(dir string) error

	compacting sync.Mutex // one at a time; taken before the group's turn

	mu sync.RWMutex // readers of db; written when a compacted file takes its place
	db *bbolt.DB

	// Only whoever has the group's turn uses these.
	opened os.FileInfo         // db's file
	dirty  map[string]struct{} // keys changed since a compaction began
}

const (
	// mostFree is how long a list of free pages is written with each commit: what
	// fits on a page.
	mostFree = 2000
	// fullness is how much of a page is left where it is split. Most keys come in
	// order, so that pages before the last one are never put into again.
	fullness = 0.8
)

// OpenSpace opens the file at path or makes it, with Open's promises. It takes
// no time unless the file has no list of free pages; then the longer the bigger
// the file is, about a second for a gigabyte that is in memory.
func OpenSpace(path string, o SpaceOptions) (*Space, error) {
	if o.LockWait == 0 {
		o.LockWait = time.Second
	}
	if err := inspect(path, o.LockWait, func(tx *bbolt.Tx) error { return known(tx, events) }); err != nil {
		return nil, err
	}
	db, err := openSpace(path, o.LockWait)
	if err != nil {
		return nil, err
	}
	opened, err := os.Stat(path)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := &Space{db: db, opened: opened, path: path, o: o, syncDir: syncDir}
	s.group = newGroup(s.update)
	if err := s.group.do(context.Background(), func(tx *bbolt.Tx) error { return prepare(tx, events) }); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	// What a crash during a compaction leaves was never in use.
	if err := os.Remove(path + compacted); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// pageSize is of new files. Opening touches every page, and there are a quarter
// as many of these as of the usual ones.
const pageSize = 16 << 10

func openSpace(path string, lockWait time.Duration) (*bbolt.DB, error) {
	return openFile(path, &bbolt.Options{
		Timeout: lockWait, FreelistType: bbolt.FreelistMapType, NoFreelistSync: true, PageSize: pageSize,
	})
}

// Close waits for transactions and closes the file. It is idempotent.
func (s *Space) Close() error {
	return s.exclusively(context.Background(), func() error {
		s.mu.RLock()
		defer s.mu.RUnlock()
		if s.db.NoFreelistSync {
			s.db.NoFreelistSync = false
			// Without the list nothing is lost: the next opening looks for itself.
			_ = guard(func() error { return s.db.Update(func(*bbolt.Tx) error { return nil }) })
		}
		return s.db.Close()
	})
}

// Update changes the space; see store.Space.
func (s *Space) Update(ctx context.Context, write func(store.Tx) error) error {
	w := writing{s: s, write: write}
	return w.outcome(s.group.do(ctx, w.change))
}

// Early changes the space; see store.Space. Who commits for the others waits
// for the disk.
func (s *Space) Early(ctx context.Context, write func(store.Tx) error, settled func(error)) error {
	w := writing{s: s, write: write}
	return w.outcome(s.group.submit(ctx, &call{
		change: w.change, done: make(chan struct{}), ran: make(chan struct{}, 1),
		settled: func(err error) { settled(w.outcome(err)) },
	}))
}

// writing is somebody's write as a change of the file.
type writing struct {
	s       *Space
	write   func(store.Tx) error
	refusal error // of the last run
}

func (w *writing) change(tx *bbolt.Tx) error {
	t := spaceTx{spaceReader: spaceReader{tx.Bucket(space)}, dirty: w.s.dirty}
	t.bucket.FillPercent = fullness
	w.refusal = w.write(&t)
	switch {
	case t.fault != nil:
		w.refusal = nil
		return t.fault
	case w.refusal == nil:
		return nil
	case t.wrote:
		return &spoiled{w.refusal}
	}
	return errRefused
}

// outcome is the error that write meant, if err is one of its making.
func (w *writing) outcome(err error) error {
	if err == nil { // it may be running again, for another's sake
		return nil
	}
	return cmp.Or(w.refusal, err)
}

// errRefused stands for the error of a caller that has written nothing.
var errRefused = rouse.Errorf(rouse.Invalid, "refused")

// View reads the space; see store.Space.
func (s *Space) View(ctx context.Context, read func(store.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return explain(s.path, guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) error { return read(spaceReader{tx.Bucket(space)}) })
	}))
}

// update is called by whoever has the group's turn, and so is the only one that
// could replace db.
func (s *Space) update(write func(*bbolt.Tx) error) error {
	if err := inPlace(s.path, s.opened); err != nil {
		return err
	}
	began := time.Now()
	stats := s.db.Stats()
	s.db.NoFreelistSync = stats.FreePageN+stats.PendingPageN > mostFree
	err := explain(s.path, guard(func() error { return s.db.Update(write) }))
	if s.o.Committed != nil {
		s.o.Committed(time.Since(began))
	}
	return err
}

type spaceReader struct{ bucket *bbolt.Bucket }

func (r spaceReader) Get(key []byte) []byte { return r.bucket.Get(key) }

func (r spaceReader) Scan(from, to []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		c := r.bucket.Cursor()
		for k, v := c.Seek(from); k != nil && bytes.Compare(k, to) < 0; k, v = c.Next() {
			if !yield(k, v) {
				return
			}
		}
	}
}

func (r spaceReader) ScanBack(from, to []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		c := r.bucket.Cursor()
		k, v := c.Seek(to)
		if k == nil {
			k, v = c.Last()
		}
		for ; k != nil && bytes.Compare(k, from) >= 0; k, v = c.Prev() {
			if bytes.Compare(k, to) < 0 && !yield(k, v) {
				return
			}
		}
	}
}

type spaceTx struct {
	spaceReader
	wrote bool
	fault error // of the file
	dirty map[string]struct{}
}

func (t *spaceTx) Put(key, value []byte) {
	t.wrote = true
	t.changed(key)
	if err := t.bucket.Put(key, value); err != nil && t.fault == nil {
		t.fault = err
	}
}

func (t *spaceTx) Delete(key []byte) {
	t.wrote = true
	t.changed(key)
	if err := t.bucket.Delete(key); err != nil && t.fault == nil {
		t.fault = err
	}
}

// changed notes a key for a compaction under way. One too many does no harm.
func (t *spaceTx) changed(key []byte) {
	if t.dirty != nil {
		t.dirty[string(key)] = struct{}{}
	}
}
