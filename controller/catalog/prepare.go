package catalog

import (
	"context"
	"slices"
	"sync"

	"github.com/rousehq/rouse"
)

// preparation is the fetching of what one function is to run.
type preparation struct {
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when nothing is going to change any more
}

// preparations are those that go on, at most one of each function.
type preparations struct {
	mu  sync.Mutex
	now map[rouse.FunctionName]*preparation // under mu
}

func (p *preparations) of(name rouse.FunctionName) *preparation {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now[name]
}

func (p *preparations) begin(name rouse.FunctionName, one *preparation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == nil {
		p.now = make(map[rouse.FunctionName]*preparation)
	}
	p.now[name] = one
}

func (p *preparations) end(name rouse.FunctionName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.now, name)
}

// unknown says that it takes a while to find out what spec runs.
func unknown(spec rouse.Spec) bool { return spec.Artifact.Image != "" && spec.Artifact.ImageID == "" }

// prepare has spec, whose image is not known yet, become name's $LATEST as soon
// as it is here. It returns when that is durable, and the function goes on with
// what it runs. The caller holds the deploy lock, and nothing is being prepared.
func (c *Catalog) prepare(ctx context.Context, name rouse.FunctionName, spec rouse.Spec, edit func(*rouse.Function) error) (rouse.Function, error) {
	if err := c.cfg.Checker.Refuse(spec); err != nil {
		return rouse.Function{}, err
	}
	rev := rouse.NewRevision(name, spec, c.cfg.Now())
	rev.Preparing = &rouse.Preparing{Began: rev.Created}
	fn, err := c.commit(ctx, rev, edit)
	if err == nil {
		c.fetch(rev)
	}
	return fn, err
}

// Resume goes on with what an earlier run was preparing. It is called once, when
// functions can be run, and does not block.
func (c *Catalog) Resume() {
	for _, known := range c.views.Range {
		if rev := known.(*view).coming(); rev != nil {
			c.fetch(*rev)
		}
	}
}

// coming is what stands in for the next $LATEST, while that is being prepared.
func (v *view) coming() *rouse.Revision {
	if rev := v.find(v.fn.Next); rev != nil && rev.Preparing != nil && !rev.Preparing.Failed() {
		return rev
	}
	return nil
}

// busy is a Conflict while something is being prepared for v's function.
func (v *view) busy() error {
	if v.coming() != nil {
		return rouse.Errorf(rouse.Conflict, "function %q: an update is in progress", v.fn.Name)
	}
	return nil
}

// fetch has the image of what stands in for a revision fetched, and the
// revision takes its place. What fails is kept with its reason; what Close
// interrupts, the next run goes on with.
func (c *Catalog) fetch(from rouse.Revision) {
	ctx, cancel := context.WithCancelCause(c.running)
	p := &preparation{cancel: cancel, done: make(chan struct{})}
	c.preparing.begin(from.Function, p)
	c.background.Go(func() {
		defer close(p.done)
		defer c.preparing.end(from.Function)
		defer cancel(nil)
		spec, err := c.cfg.Checker.Check(ctx, from.Spec, func(string) {})
		if err == nil {
			err = c.arrived(ctx, from, spec)
		}
		if err == nil || c.running.Err() != nil {
			return
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx) // somebody gave it up
		} else {
			c.cfg.Log.Warn("what a function is to run cannot be had", "function", from.Function, "image", from.Spec.Artifact.Image, "error", err)
		}
		if err := c.unprepared(from, rouse.FailedToPrepare(err)); err != nil {
			c.cfg.Log.Error("a failure could not be stored", "function", from.Function, "error", err)
		}
	})
}

// supersede gives up what is being prepared for a function, and blocks until
// that has ended. The caller holds the deploy lock.
func (c *Catalog) supersede(ctx context.Context, name rouse.FunctionName, reason string) error {
	p := c.preparing.of(name)
	if p == nil {
		return nil
	}
	p.cancel(rouse.Errorf(rouse.Conflict, "%s", reason))
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// arrived puts the revision of spec where from stands in for it.
func (c *Catalog) arrived(ctx context.Context, from rouse.Revision, spec rouse.Spec) error {
	rev := c.revisionOf(from.Function, spec)
	_, err := c.commit(ctx, rev, func(fn *rouse.Function) error {
		if fn.Generation == 0 || fn.Next != from.ID {
			return rouse.Errorf(rouse.Conflict, "function %q was changed meanwhile", from.Function)
		}
		for i := range fn.Versions {
			if v := &fn.Versions[i]; v.Of == from.ID {
				v.Of, v.Revision = rev.ID, rev.ID
			}
		}
		return nil
	})
	return err
}

// revisionOf is the revision of spec: the known one, or a new one.
func (c *Catalog) revisionOf(name rouse.FunctionName, spec rouse.Spec) rouse.Revision {
	rev := rouse.NewRevision(name, spec, c.cfg.Now())
	if known, err := c.Revision(rev.ID); err == nil {
		rev = *known
		rev.Preparing = nil // it is here
	}
	return rev
}

// unprepared keeps why from, and the versions that it stands in for, come to
// nothing.
func (c *Catalog) unprepared(from rouse.Revision, why *rouse.PreparingFailure) error {
	unlock, err := c.writes.lock(c.running, from.Function)
	if err != nil {
		return err
	}
	defer unlock()
	v := c.view(from.Function)
	if v == nil || v.fn.Next != from.ID {
		return nil
	}
	var stand []rouse.RevisionID
	for _, version := range v.fn.Versions {
		if version.Of == from.ID {
			stand = append(stand, version.Revision)
		}
	}
	stand = append(stand, from.ID) // last: until then the next run goes on with it
	revs := slices.Clone(v.revs)
	for _, id := range stand {
		i := slices.IndexFunc(revs, func(r *rouse.Revision) bool { return r.ID == id })
		if i < 0 {
			continue
		}
		failed := *revs[i]
		failed.Preparing = &rouse.Preparing{Began: from.Preparing.Began, Failure: why}
		if err := c.cfg.Revisions.PutRevision(c.running, failed); err != nil {
			return err
		}
		revs[i] = &failed
		c.revisions.Store(id, &failed)
	}
	c.views.Store(from.Function, &view{fn: v.fn, revs: revs})
	return nil
}
