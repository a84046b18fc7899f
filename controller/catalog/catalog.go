package catalog

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/rousehq/rouse"
)

// minPrefix is the shortest prefix of a revision's id that names it.
const minPrefix = 8

// Catalog is the functions and revisions of this host. Its methods may be
// called concurrently.
type Catalog struct {
	cfg       Config
	views     sync.Map // rouse.FunctionName → *view
	revisions sync.Map // rouse.RevisionID → *rouse.Revision
	deploys   keyed
	writes    keyed
	preparing preparations
	pick      func() float64 // in [0,1), chooses between an alias' versions

	background sync.WaitGroup // deployments that nobody waits for
	stop       context.CancelFunc
	running    context.Context
}

// view is one function as of now. Nothing in it changes.
type view struct {
	fn   rouse.Function
	revs []*rouse.Revision // every known one, newest first
}

func (v *view) find(id rouse.RevisionID) *rouse.Revision {
	for _, rev := range v.revs {
		if rev.ID == id {
			return rev
		}
	}
	return nil
}

// Open loads every function and drops revisions that an interrupted deployment
// left. It blocks on the store and asks nothing of the pool.
func Open(ctx context.Context, config Config) (*Catalog, error) {
	c := &Catalog{cfg: config, pick: rand.Float64}
	c.running, c.stop = context.WithCancel(context.Background())
	revs := make(map[rouse.FunctionName][]*rouse.Revision)
	for rev, err := range c.cfg.Revisions.AllRevisions(ctx) {
		if err != nil {
			return nil, fmt.Errorf("loading revisions: %w", err)
		}
		revs[rev.Function] = append(revs[rev.Function], &rev)
	}
	for fn, err := range c.cfg.Functions.All(ctx) {
		if err != nil {
			return nil, fmt.Errorf("loading functions: %w", err)
		}
		known := revs[fn.Name]
		delete(revs, fn.Name)
		slices.SortFunc(known, func(a, b *rouse.Revision) int { return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID)) })
		v := &view{fn: fn, revs: known}
		for _, rev := range known {
			c.revisions.Store(rev.ID, rev)
		}
		c.views.Store(fn.Name, v)
		if v.find(fn.Latest) == nil {
			c.cfg.Log.Error("a function's revision is missing from the store", "function", fn.Name, "revision", fn.Latest)
		}
	}
	for _, orphans := range revs {
		for _, rev := range orphans {
			if err := c.cfg.Revisions.DeleteRevision(ctx, rev.ID); err != nil {
				return nil, fmt.Errorf("removing an orphan revision: %w", err)
			}
		}
	}
	return c, nil
}

// Provision has the pool keep ready what is provisioned and set apart what is
// reserved. It is called once the
// pool has taken over what an earlier run left, and does not block.
func (c *Catalog) Provision() {
	for _, v := range c.views.Range {
		if fn := v.(*view).fn; fn.AccountShare() > 0 {
			c.cfg.Pool.Changed(fn)
		}
	}
}

// Close gives up deployments that nobody waits for and blocks until they are done.
func (c *Catalog) Close() {
	c.stop()
	c.background.Wait()
}

func (c *Catalog) view(name rouse.FunctionName) *view {
	v, ok := c.views.Load(name)
	if !ok {
		return nil
	}
	return v.(*view)
}

func notFound(name rouse.FunctionName) error {
	return rouse.Errorf(rouse.NotFound, "function %q does not exist", name)
}

// Resolve finds what ref means now. It does not block; what it returns must
// not be changed. An unknown name or qualifier is a NotFound error.
func (c *Catalog) Resolve(ref rouse.Ref) (*rouse.Function, *rouse.Revision, error) {
	v := c.view(ref.Name)
	if v == nil {
		return nil, nil, notFound(ref.Name)
	}
	pick := 0.0
	if len(v.fn.Aliases) > 0 {
		pick = c.pick()
	}
	if id, ok := v.fn.Revision(ref.Qualifier, pick); ok {
		rev := v.find(id)
		if rev == nil {
			return nil, nil, rouse.Errorf(rouse.Internal, "function %q: its revision %s is missing; deploy it again", ref.Name, id.Short())
		}
		return &v.fn, rev, nil
	}
	rev, err := v.byPrefix(ref)
	if err != nil {
		return nil, nil, err
	}
	return &v.fn, rev, nil
}

func (v *view) byPrefix(ref rouse.Ref) (*rouse.Revision, error) {
	var found *rouse.Revision
	if len(ref.Qualifier) >= minPrefix {
		for _, rev := range v.revs {
			if !strings.HasPrefix(string(rev.ID), string(ref.Qualifier)) {
				continue
			}
			if found != nil {
				return nil, rouse.Errorf(rouse.Invalid, "qualifier %q: several revisions of %q begin like this", ref.Qualifier, ref.Name)
			}
			found = rev
		}
	}
	if found == nil {
		return nil, rouse.Errorf(rouse.NotFound, "function %q has no version, alias or revision %q", ref.Name, ref.Qualifier)
	}
	return found, nil
}

// Functions lists every function by name. It does not block.
func (c *Catalog) Functions() []rouse.Function {
	fns := []rouse.Function{}
	for _, v := range c.views.Range {
		fns = append(fns, v.(*view).fn)
	}
	slices.SortFunc(fns, func(a, b rouse.Function) int { return cmp.Compare(a.Name, b.Name) })
	return fns
}

// Function finds one function. It does not block; what it returns must not be changed.
func (c *Catalog) Function(name rouse.FunctionName) (*rouse.Function, error) {
	v := c.view(name)
	if v == nil {
		return nil, notFound(name)
	}
	return &v.fn, nil
}

// Revision finds a revision by its whole id. It does not block; what it
// returns must not be changed.
func (c *Catalog) Revision(id rouse.RevisionID) (*rouse.Revision, error) {
	rev, ok := c.revisions.Load(id)
	if !ok {
		return nil, rouse.Errorf(rouse.NotFound, "revision %s does not exist", id.Short())
	}
	return rev.(*rouse.Revision), nil
}

// Lookup finds a revision to run, with its function. It does not block. One that
// is not here yet is an Unavailable error, and StartFailed when it never will be.
func (c *Catalog) Lookup(id rouse.RevisionID) (rouse.Revision, rouse.Function, error) {
	rev, err := c.Revision(id)
	if err != nil {
		return rouse.Revision{}, rouse.Function{}, err
	}
	v := c.view(rev.Function)
	if v == nil {
		return rouse.Revision{}, rouse.Function{}, notFound(rev.Function)
	}
	return *rev, v.fn, rev.Runnable()
}

// Revisions yields every known revision. It does not block.
func (c *Catalog) Revisions() iter.Seq[*rouse.Revision] {
	return func(yield func(*rouse.Revision) bool) {
		c.revisions.Range(func(_, rev any) bool { return yield(rev.(*rouse.Revision)) })
	}
}
