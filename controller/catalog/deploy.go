package catalog

import (
	"context"
	"slices"

	"github.com/rousehq/rouse"
)

// Deploy makes d's spec the function's $LATEST and returns what came of it.
//
// With d.Wait it blocks until the new revision's first instance is ready and
// moves traffic then; a revision that fails to start leaves everything as it
// was, and the error is the start's. Without, it returns before: traffic moves
// at once when nothing of the old revision runs, else when the new one is
// ready. report, which may be nil, is told of slow steps in words for people.
// Deployments of one function follow one another. Deploying what is already
// $LATEST only changes the settings.
func (c *Catalog) Deploy(ctx context.Context, d rouse.Deployment, report func(string)) (rouse.Deployed, error) {
	if report == nil {
		report = func(string) {}
	}
	if _, err := rouse.ParseFunctionName(string(d.Name)); err != nil {
		return rouse.Deployed{}, err
	}
	unlock, err := c.deploys.lock(ctx, d.Name)
	if err != nil {
		return rouse.Deployed{}, err
	}
	handedOver := false
	defer func() {
		if !handedOver {
			unlock()
		}
	}()

	if err := c.supersede(ctx, d.Name, "a later deployment replaced it"); err != nil {
		return rouse.Deployed{}, err
	}
	settings, err := c.check(ctx, &d, report)
	if err != nil {
		return rouse.Deployed{}, err
	}
	rev := c.revisionOf(d.Name, d.Spec) // of a roll-back, what the store has
	old := c.view(d.Name)
	if old != nil && old.fn.Latest == rev.ID && old.find(rev.ID) != nil {
		return c.redeploy(ctx, d, old)
	}
	if !d.Wait && old != nil && c.cfg.Pool.Running(old.fn.Latest) {
		handedOver = true
		c.background.Go(func() {
			defer unlock()
			if err := c.warm(c.running, rev, settings); err != nil {
				c.cfg.Log.Error("a deployment failed and the earlier revision goes on serving", "function", d.Name, "revision", rev.ID, "error", err)
			} else if _, err := c.commit(c.running, rev, replace(d.Settings)); err != nil {
				c.cfg.Log.Error("a deployment could not be stored", "function", d.Name, "revision", rev.ID, "error", err)
			}
		})
		return rouse.Deployed{Function: old.fn, Revision: rev, Changed: true}, nil
	}

	done := rouse.Deployed{Revision: rev, Created: old == nil, Changed: true}
	if d.Wait {
		report("starting the first instance")
		began := c.cfg.Now()
		if err := c.warm(ctx, rev, settings); err != nil {
			return rouse.Deployed{}, err
		}
		done.Started = rouse.Duration(c.cfg.Now().Sub(began))
	}
	done.Function, err = c.commit(ctx, rev, replace(d.Settings))
	if err != nil {
		c.abandon(rev)
		return rouse.Deployed{}, err
	}
	return done, nil
}

// check says what is wrong with d before anything starts, completes its spec
// and returns the settings that will hold.
func (c *Catalog) check(ctx context.Context, d *rouse.Deployment, report func(string)) (rouse.Settings, error) {
	if err := d.Spec.Validate(); err != nil {
		return rouse.Settings{}, err
	}
	d.Spec.Version = "" // only publishing gives one
	settings := rouse.DefaultSettings()
	if old := c.view(d.Name); old != nil {
		settings = old.fn.Settings
	}
	if d.Settings != nil {
		settings = *d.Settings
	}
	if err := settings.Validate(d.Spec.Contract); err != nil {
		return rouse.Settings{}, err
	}
	dir, code := "", d.Spec.Artifact.Code
	if code != "" {
		var ok bool
		if dir, ok = c.cfg.Artifacts.Path(code); !ok {
			return rouse.Settings{}, rouse.Errorf(rouse.Invalid, "artifact %.80q: no such code was uploaded", code)
		}
	}
	for _, layer := range d.Spec.Layers {
		if _, ok := c.cfg.Artifacts.Path(layer); !ok {
			return rouse.Settings{}, rouse.Errorf(rouse.Invalid, "layer %.80q: no such layer was uploaded", layer)
		}
	}
	// The driver knows the runtimes: one that does not exist is said first.
	var err error
	if d.Spec, err = c.cfg.Checker.Check(ctx, d.Spec, report); err != nil || code == "" || len(d.Spec.Layers) > 0 {
		return settings, err // a layer may bring the handler
	}
	return settings, checkHandler(dir, d.Spec)
}

// redeploy is a deployment that changes no revision.
func (c *Catalog) redeploy(ctx context.Context, d rouse.Deployment, v *view) (rouse.Deployed, error) {
	done := rouse.Deployed{Function: v.fn, Revision: *v.find(v.fn.Latest)}
	if d.Settings == nil && v.fn.Next == "" {
		return done, nil
	}
	fn, err := c.change(ctx, d.Name, func(fn *rouse.Function) error {
		fn.Next = "" // which failed, and is not wanted any more
		return replace(d.Settings)(fn)
	})
	done.Function = fn
	return done, err
}

// warm blocks until rev has a ready instance. A failure leaves nothing running.
func (c *Catalog) warm(ctx context.Context, rev rouse.Revision, settings rouse.Settings) error {
	err := c.cfg.Pool.Warm(ctx, rev, settings)
	if err != nil {
		c.abandon(rev)
	}
	return err
}

// abandon stops what a failed deployment started, unless the function has it
// anyway, as a version perhaps.
func (c *Catalog) abandon(rev rouse.Revision) {
	v := c.view(rev.Function)
	if v == nil || !slices.Contains(v.fn.Revisions(), rev.ID) {
		c.cfg.Pool.Retire(rev.ID)
	}
}

// replace is the edit that sets settings, unless they are nil.
func replace(settings *rouse.Settings) func(*rouse.Function) error {
	return func(fn *rouse.Function) error {
		if settings != nil {
			fn.Settings = *settings
		}
		return nil
	}
}

// commit makes rev the function's $LATEST, here and in the store, with what edit
// makes of the rest. The function may have changed since the deployment began:
// only what was deployed is set. A new one has generation 0. A rev that is being
// prepared becomes $LATEST only where there is none that runs.
func (c *Catalog) commit(ctx context.Context, rev rouse.Revision, edit func(*rouse.Function) error) (rouse.Function, error) {
	unlock, err := c.writes.lock(ctx, rev.Function)
	if err != nil {
		return rouse.Function{}, err
	}
	defer unlock()
	old := c.view(rev.Function)
	fn := rouse.Function{Name: rev.Function, Settings: rouse.DefaultSettings(), Created: c.cfg.Now()}
	var revs []*rouse.Revision
	if old != nil {
		fn, revs = clone(old.fn), old.revs
	}
	before := fn.Latest
	fn.Latest, fn.Updated = rev.ID, c.cfg.Now()
	if err := edit(&fn); err != nil {
		return rouse.Function{}, err
	}
	// The revision goes first: an interruption leaves one that nothing names,
	// never a function without its revision.
	if err := c.cfg.Revisions.PutRevision(ctx, rev); err != nil {
		return rouse.Function{}, err
	}
	versions, err := c.number(ctx, &fn, &rev)
	if err != nil {
		return rouse.Function{}, err
	}
	if fn.Next = ""; rev.Preparing != nil {
		fn.Next = rev.ID
		if old != nil && old.runs() {
			fn.Latest = before
		}
	}
	if fn, err = c.cfg.Functions.Put(ctx, fn); err != nil {
		return rouse.Function{}, err
	}

	revs = slices.DeleteFunc(slices.Clone(revs), func(r *rouse.Revision) bool { return r.ID == rev.ID })
	kept, dropped := prune(&fn, append(versions, slices.Insert(revs, 0, &rev)...))
	c.revisions.Store(rev.ID, &rev)
	c.views.Store(fn.Name, &view{fn: fn, revs: kept})
	c.cfg.Pool.Changed(fn)
	if before != "" && !slices.Contains(fn.Revisions(), before) {
		c.cfg.Pool.Retire(before)
	}
	c.drop(ctx, dropped)
	return fn, nil
}

// runs says whether $LATEST is something that can run.
func (v *view) runs() bool {
	latest := v.find(v.fn.Latest)
	return latest != nil && latest.Preparing == nil
}

// prune splits revs, newest first, into those that stay and those that go.
func prune(fn *rouse.Function, revs []*rouse.Revision) (kept, dropped []*rouse.Revision) {
	named := fn.Revisions()
	unreferenced := 0
	for _, rev := range revs {
		if rev.ID == fn.Next || slices.Contains(named, rev.ID) {
			kept = append(kept, rev)
			continue
		}
		if rev.Preparing == nil {
			unreferenced++
		}
		if rev.Preparing != nil || unreferenced > keepUnreferenced {
			dropped = append(dropped, rev)
		} else {
			kept = append(kept, rev)
		}
	}
	return kept, dropped
}

// drop forgets revisions. One that the store keeps against our will is dropped
// at the next deployment or start.
func (c *Catalog) drop(ctx context.Context, revs []*rouse.Revision) {
	for _, rev := range revs {
		c.revisions.Delete(rev.ID)
		c.cfg.Pool.Retire(rev.ID)
		if err := c.cfg.Revisions.DeleteRevision(ctx, rev.ID); err != nil {
			c.cfg.Log.Warn("an old revision could not be removed from the store", "function", rev.Function, "revision", rev.ID, "error", err)
		}
	}
}
