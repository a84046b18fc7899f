// Package catalog knows every function and revision of this host: it answers
// what a name and qualifier mean, deploys, publishes and deletes.
//
// Reading never locks: each function is one immutable view that writers replace.
// A deployment holds its function's deploy lock for as long as the first start
// takes; the write lock is held for one store transaction only, so that
// settings and aliases can change while a deployment goes on.
//
// An image that is not here can take minutes. Where nobody is to wait for that,
// a revision that cannot run yet stands in for the one that it becomes, and is
// what the store knows of it: an interrupted fetch is begun again (prepare.go).
//
// Of the revisions that nothing points at any more the newest few stay, so that
// they can be called by id and rolled back to.
package catalog

import (
	"context"
	"iter"
	"log/slog"
	"time"

	"github.com/rousehq/rouse"
)

// keepUnreferenced is how many revisions stay that neither $LATEST nor a
// version names.
const keepUnreferenced = 5

// Functions is where functions are kept. Put compares and swaps on Generation
// and returns what it stored.
type Functions interface {
	Put(ctx context.Context, fn rouse.Function) (rouse.Function, error)
	Delete(ctx context.Context, name rouse.FunctionName) error
	All(ctx context.Context) iter.Seq2[rouse.Function, error]
}

// Revisions is where revisions are kept.
type Revisions interface {
	PutRevision(ctx context.Context, rev rouse.Revision) error
	DeleteRevision(ctx context.Context, id rouse.RevisionID) error
	AllRevisions(ctx context.Context) iter.Seq2[rouse.Revision, error]
}

// Pool is what runs the revisions.
type Pool interface {
	// Warm blocks until one instance of rev is ready; it starts one unless one is.
	Warm(ctx context.Context, rev rouse.Revision, settings rouse.Settings) error
	// Running says whether rev has instances.
	Running(id rouse.RevisionID) bool
	// Changed has fn's settings and $LATEST obeyed from now on. It does not block.
	Changed(fn rouse.Function)
	// Retire lets rev's instances finish what they have and go. It does not
	// block; a retired revision may be asked for again.
	Retire(id rouse.RevisionID)
}

// Checker says what is wrong with running spec here and completes it.
type Checker interface {
	// Refuse says as much of it as is known at once. It does not block.
	Refuse(spec rouse.Spec) error
	// Check blocks as long as it takes to have what spec runs, and is called for any
	// number of functions at once: how many images come at a time is its business.
	// An image that spec has the id of is that very one; else it is what its name
	// means now.
	Check(ctx context.Context, spec rouse.Spec, report func(string)) (rouse.Spec, error)
}

// Artifacts is where unpacked code lies.
type Artifacts interface {
	Path(digest string) (dir string, ok bool)
}

// Config is what a catalog works with. Every field but Removed is needed.
type Config struct {
	Functions Functions
	Revisions Revisions
	Pool      Pool
	Checker   Checker
	Artifacts Artifacts
	// Removed is told of every function that has been deleted.
	Removed func(rouse.FunctionName)
	Now     func() time.Time
	Log     *slog.Logger
}
