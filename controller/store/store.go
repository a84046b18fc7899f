// Package store is the contract of what keeps the platform's definitions:
// functions, revisions and settings. An implementation is a folder below this
// one and passes storetest's conformance suite.
//
// Nothing on a request's way reads or writes the store: the control plane keeps
// what it needs in memory and writes here before it says that something is done.
package store

import (
	"context"
	"io"
	"iter"

	"github.com/rousehq/rouse"
)

// Functions keeps every function under its name.
type Functions interface {
	// Get returns a function or a NotFound error. The result is the caller's own.
	Get(ctx context.Context, name rouse.FunctionName) (rouse.Function, error)
	// Put compares and swaps as Swap decides: fn.Generation is 0 to create, else
	// what Get said. It blocks until fn is on disk and returns it with its new
	// generation. Errors are Invalid (the name), Conflict, and Unavailable when
	// the disk is full; after an error nothing has changed.
	Put(ctx context.Context, fn rouse.Function) (rouse.Function, error)
	// Delete removes a function, or returns NotFound. Its revisions stay. It
	// blocks until that is on disk.
	Delete(ctx context.Context, name rouse.FunctionName) error
	// All yields every function in the order of names. Functions written or
	// deleted meanwhile may be seen or not; no lock is held while the loop's
	// body runs. An error is yielded once, last.
	All(ctx context.Context) iter.Seq2[rouse.Function, error]
}

// Revisions keeps every revision under its id.
type Revisions interface {
	// Revision returns a revision or a NotFound error.
	Revision(ctx context.Context, id rouse.RevisionID) (rouse.Revision, error)
	// PutRevision blocks until rev is on disk. A revision is immutable: putting
	// an id again changes nothing and is no error.
	PutRevision(ctx context.Context, rev rouse.Revision) error
	// DeleteRevision is idempotent and blocks until the removal is on disk.
	DeleteRevision(ctx context.Context, id rouse.RevisionID) error
	// AllRevisions yields in the order of ids, with All's promises.
	AllRevisions(ctx context.Context) iter.Seq2[rouse.Revision, error]
}

// Layers keeps every layer under its name.
type Layers interface {
	// Layer returns a layer or a NotFound error. The result is the caller's own.
	Layer(ctx context.Context, name string) (rouse.Layer, error)
	// PutLayer compares and swaps: l.Generation is 0 to create, else what Layer
	// said. It blocks until l is on disk and returns it with its new generation.
	// Errors are Invalid (the name), Conflict and Unavailable, as Put's.
	PutLayer(ctx context.Context, l rouse.Layer) (rouse.Layer, error)
	// AllLayers yields in the order of names, with All's promises.
	AllLayers(ctx context.Context) iter.Seq2[rouse.Layer, error]
}

// Settings keeps the platform's own facts, such as the data directory's id.
type Settings interface {
	// Setting returns a value or a NotFound error.
	Setting(ctx context.Context, key string) (string, error)
	// PutSetting blocks until the value is on disk.
	PutSetting(ctx context.Context, key, value string) error
}

// Store keeps everything. All methods may be called at once from many
// goroutines; after Close they return an error.
type Store interface {
	Functions
	Revisions
	Layers
	Settings
	io.Closer
}

// Swap decides whether fn may replace stored, which is nil when there is none,
// and returns fn with its next generation. A function that was deleted and made
// again is another one, which its time of creation shows.
func Swap(stored *rouse.Function, fn rouse.Function) (rouse.Function, error) {
	if _, err := rouse.ParseFunctionName(string(fn.Name)); err != nil {
		return rouse.Function{}, err
	}
	switch {
	case stored == nil && fn.Generation != 0:
		return rouse.Function{}, rouse.Errorf(rouse.Conflict, "function %s was deleted meanwhile", fn.Name)
	case stored != nil && fn.Generation == 0:
		return rouse.Function{}, rouse.Errorf(rouse.Conflict, "function %s exists already", fn.Name)
	case stored != nil && (fn.Generation != stored.Generation || !fn.Created.Equal(stored.Created)):
		return rouse.Function{}, rouse.Errorf(rouse.Conflict, "function %s was changed meanwhile; read it again", fn.Name)
	}
	fn.Generation++
	return fn, nil
}

// SwapLayer decides whether l may replace stored, which is nil when there is
// none, and returns l with its next generation.
func SwapLayer(stored *rouse.Layer, l rouse.Layer) (rouse.Layer, error) {
	if l.Name == "" || len(l.Name) > maxLayer {
		return rouse.Layer{}, rouse.Errorf(rouse.Invalid, "layer %q: a name must be 1 to %d characters", l.Name, maxLayer)
	}
	present := uint64(0)
	if stored != nil {
		present = stored.Generation
	}
	if l.Generation != present {
		return rouse.Layer{}, rouse.Errorf(rouse.Conflict, "layer %s was changed meanwhile; read it again", l.Name)
	}
	l.Generation++
	return l, nil
}

// CheckRevision refuses a revision that could not be found again.
func CheckRevision(rev rouse.Revision) error {
	if rev.ID == "" || len(rev.ID) > maxKey {
		return rouse.Errorf(rouse.Invalid, "revision id %q: must be 1 to %d characters", rev.ID, maxKey)
	}
	return nil
}

// CheckSetting refuses a key that is no word.
func CheckSetting(key string) error {
	if key == "" || len(key) > maxKey {
		return rouse.Errorf(rouse.Invalid, "setting %q: a key must be 1 to %d characters", key, maxKey)
	}
	return nil
}

// maxKey keeps keys far below what any implementation can hold.
const maxKey = 128

// maxLayer is AWS's bound on a layer's name.
const maxLayer = 140
