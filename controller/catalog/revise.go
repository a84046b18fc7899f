package catalog

import (
	"context"

	"github.com/rousehq/rouse"
)

// Create makes a function of spec that must not exist yet, else it is a Conflict.
// Nothing is started: a spec that this host can run is taken at its word, as on
// AWS, and what is wrong with its code shows when it is called. edit completes
// the function before it is stored; it blocks on the driver and the store. An
// image is not waited for: the function cannot run before it is here.
func (c *Catalog) Create(ctx context.Context, name rouse.FunctionName, spec rouse.Spec, edit func(*rouse.Function) error) (rouse.Function, error) {
	if _, err := rouse.ParseFunctionName(string(name)); err != nil {
		return rouse.Function{}, err
	}
	unlock, err := c.deploys.lock(ctx, name)
	if err != nil {
		return rouse.Function{}, err
	}
	defer unlock()
	exists := rouse.Errorf(rouse.Conflict, "function %q exists already", name)
	if c.view(name) != nil {
		return rouse.Function{}, exists
	}
	return c.turn(ctx, name, spec, func(fn *rouse.Function) error {
		if fn.Generation != 0 {
			return exists
		}
		return edit(fn)
	})
}

// Revise makes what respec makes of $LATEST's spec the new $LATEST, and what
// edit makes of the rest, in one write. Traffic moves at once, or, for another
// image, when that is here; until then what ran goes on, and another Revise is a
// Conflict. Like Create it starts nothing. An error of respec or edit is returned
// as it is, and nothing changes.
func (c *Catalog) Revise(ctx context.Context, name rouse.FunctionName, respec func(*rouse.Function, *rouse.Spec) error, edit func(*rouse.Function) error) (rouse.Function, error) {
	unlock, err := c.deploys.lock(ctx, name)
	if err != nil {
		return rouse.Function{}, err
	}
	defer unlock()
	v := c.view(name)
	if v == nil {
		return rouse.Function{}, notFound(name)
	}
	if err := v.busy(); err != nil {
		return rouse.Function{}, err
	}
	latest := v.find(v.fn.Latest)
	if latest == nil {
		return rouse.Function{}, rouse.Errorf(rouse.Internal, "function %q: its revision %s is missing; deploy it again", name, v.fn.Latest.Short())
	}
	spec := latest.Spec
	if err := respec(&v.fn, &spec); err != nil {
		return rouse.Function{}, err
	}
	return c.turn(ctx, name, spec, func(fn *rouse.Function) error {
		if fn.Generation == 0 {
			return notFound(name)
		}
		return edit(fn)
	})
}

// turn checks spec and makes it name's $LATEST. The caller holds the deploy lock.
func (c *Catalog) turn(ctx context.Context, name rouse.FunctionName, spec rouse.Spec, edit func(*rouse.Function) error) (rouse.Function, error) {
	spec.Version = "" // only publishing gives one
	if err := spec.Validate(); err != nil {
		return rouse.Function{}, err
	}
	if code := spec.Artifact.Code; code != "" {
		if _, ok := c.cfg.Artifacts.Path(code); !ok {
			return rouse.Function{}, rouse.Errorf(rouse.Invalid, "artifact %.80q: no such code was uploaded", code)
		}
	}
	if unknown(spec) {
		return c.prepare(ctx, name, spec, edit)
	}
	spec, err := c.cfg.Checker.Check(ctx, spec, func(string) {})
	if err != nil {
		return rouse.Function{}, err
	}
	return c.commit(ctx, c.revisionOf(name, spec), edit)
}
