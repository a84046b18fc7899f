package store

import (
	"context"
	"io"
	"iter"
)

// Space is an ordered space of keys whose changes are durable: what events are
// kept in. All methods may be called at once from many goroutines; after Close
// they return an error.
type Space interface {
	// Update has write change the space and blocks until the change is on disk,
	// or has not happened at all. Callers that arrive while another one waits
	// for the disk share the next transaction; a lone one waits for one commit
	// and for no timer. An error of write is returned as it is; then nothing of
	// its change stays, and nobody else's suffers.
	//
	// write may run on another goroutine and more than once, so it must not
	// block and begins by resetting what it sets outside. When ctx ends before
	// the change was taken up, it never happens. Unavailable is a full disk.
	Update(ctx context.Context, write func(Tx) error) error
	// Early is Update for a change that may be lost without harm: it returns once
	// write has succeeded, which others' later changes see, whether or not it is on
	// disk. settled is called once, before Early returns or after, with what Update
	// would have returned.
	Early(ctx context.Context, write func(Tx) error, settled func(error)) error
	// View has read see one moment of the space. It waits for no writer, but
	// keeps the space from shrinking: read must be short.
	View(ctx context.Context, read func(Reader) error) error
	io.Closer
}

// Reader reads within a transaction. What it returns is valid until the
// transaction ends and must not be changed.
type Reader interface {
	// Get returns the value under key, or nil when there is none. A value that
	// is empty is not nil.
	Get(key []byte) []byte
	// Scan yields the keys from from, inclusive, to to, exclusive, in the order
	// of their bytes, with their values. The loop's body must not write.
	Scan(from, to []byte) iter.Seq2[[]byte, []byte]
	// ScanBack yields what Scan does, the last key first.
	ScanBack(from, to []byte) iter.Seq2[[]byte, []byte]
}

// Tx changes the space within a transaction. It sees its own changes.
type Tx interface {
	Reader
	// Put sets a value. Both slices must stay unchanged until Update returns. A
	// failure of the space itself is reported by Update.
	Put(key, value []byte)
	// Delete is idempotent.
	Delete(key []byte)
}
