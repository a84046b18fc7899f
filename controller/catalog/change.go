package catalog

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/rousehq/rouse"
)

// clone makes a copy of fn that an edit may change in place.
func clone(fn rouse.Function) rouse.Function {
	fn.Versions = slices.Clone(fn.Versions)
	fn.Aliases, fn.Provisioned = maps.Clone(fn.Aliases), maps.Clone(fn.Provisioned)
	if fn.Settings.Reserved != nil {
		reserved := *fn.Settings.Reserved
		fn.Settings.Reserved = &reserved
	}
	if fn.Lambda != nil {
		lambda := *fn.Lambda
		lambda.Tags, lambda.Policies = maps.Clone(lambda.Tags), maps.Clone(lambda.Policies)
		lambda.Async, lambda.URLs = maps.Clone(lambda.Async), maps.Clone(lambda.URLs)
		fn.Lambda = &lambda
	}
	return fn
}

// Change lets edit change whatever is not the revision, in one write. It blocks
// on the store. What edit returns is returned as it is, and nothing changes.
func (c *Catalog) Change(ctx context.Context, name rouse.FunctionName, edit func(*rouse.Function) error) (rouse.Function, error) {
	return c.change(ctx, name, edit)
}

// change replaces a function by what edit makes of a copy. It blocks on the store.
func (c *Catalog) change(ctx context.Context, name rouse.FunctionName, edit func(*rouse.Function) error) (rouse.Function, error) {
	unlock, err := c.writes.lock(ctx, name)
	if err != nil {
		return rouse.Function{}, err
	}
	defer unlock()
	v := c.view(name)
	if v == nil {
		return rouse.Function{}, notFound(name)
	}
	fn := clone(v.fn)
	if err := edit(&fn); err != nil {
		return rouse.Function{}, err
	}
	fn.Updated = c.cfg.Now()
	published, err := c.number(ctx, &fn, v.find(fn.Latest))
	if err != nil {
		return rouse.Function{}, err
	}
	if fn, err = c.cfg.Functions.Put(ctx, fn); err != nil {
		return rouse.Function{}, err
	}
	c.views.Store(name, &view{fn: fn, revs: append(published, v.revs...)})
	c.cfg.Pool.Changed(fn)
	return fn, nil
}

// number gives each version that still shares latest, which is $LATEST, a
// revision of its own, which tells the code its number, and stores it.
func (c *Catalog) number(ctx context.Context, fn *rouse.Function, latest *rouse.Revision) ([]*rouse.Revision, error) {
	var made []*rouse.Revision
	for i := range fn.Versions {
		v := &fn.Versions[i]
		if latest == nil || v.Revision != latest.ID {
			continue
		}
		spec := latest.Spec
		spec.Version = strconv.Itoa(v.Number)
		rev := rouse.NewRevision(fn.Name, spec, c.cfg.Now())
		rev.Preparing = latest.Preparing
		if err := c.cfg.Revisions.PutRevision(ctx, rev); err != nil {
			return nil, err
		}
		v.Revision = rev.ID
		c.revisions.Store(rev.ID, &rev)
		made = append(made, &rev)
	}
	return made, nil
}

// UpdateSettings lets edit change the function's settings and applies them to
// what runs. Settings that the function's contract does not allow are an
// Invalid error, and nothing changes.
func (c *Catalog) UpdateSettings(ctx context.Context, name rouse.FunctionName, edit func(*rouse.Settings) error) (rouse.Function, error) {
	return c.change(ctx, name, func(fn *rouse.Function) error {
		if err := edit(&fn.Settings); err != nil {
			return err
		}
		contract := rouse.ContractLambda
		if rev, err := c.Revision(fn.Latest); err == nil {
			contract = rev.Spec.Contract
		}
		return fn.Settings.Validate(contract)
	})
}

// Publish gives $LATEST a number. As on AWS, publishing what the newest version
// already is returns that version. What cannot run is a Conflict.
func (c *Catalog) Publish(ctx context.Context, name rouse.FunctionName, description string) (rouse.Version, error) {
	number := 0
	fn, err := c.change(ctx, name, func(fn *rouse.Function) error {
		if latest, err := c.Revision(fn.Latest); err == nil && latest.Preparing != nil {
			return rouse.Errorf(rouse.Conflict, "function %q has nothing yet that could be published: %s", name, latest.Runnable().(*rouse.Error).Message)
		}
		number = fn.Publish(description, c.cfg.Now()).Number
		return nil
	})
	if err != nil {
		return rouse.Version{}, err
	}
	return *fn.Version(number), nil
}

// SetAlias points an alias, new or not, at one version or at two.
func (c *Catalog) SetAlias(ctx context.Context, name rouse.FunctionName, q rouse.Qualifier, alias rouse.Alias) error {
	if _, err := rouse.ParseAlias(string(q)); err != nil {
		return err
	}
	if alias.Weight < 0 || alias.Weight > 1 || (alias.Second == 0 && alias.Weight != 0) {
		return rouse.Errorf(rouse.Invalid, "weight %g: must be 0 to 1, the share of a second version", alias.Weight)
	}
	if alias.Second == alias.Version {
		return rouse.Errorf(rouse.Invalid, "second %d: must be another version than the first", alias.Second)
	}
	_, err := c.change(ctx, name, func(fn *rouse.Function) error {
		for _, number := range []int{alias.Version, alias.Second} {
			known := slices.ContainsFunc(fn.Versions, func(v rouse.Version) bool { return v.Number == number })
			if !known && (number != 0 || number == alias.Version) {
				return rouse.Errorf(rouse.NotFound, "function %q has no version %d", name, number)
			}
		}
		if fn.Aliases == nil {
			fn.Aliases = make(map[rouse.Qualifier]rouse.Alias)
		}
		fn.Aliases[q] = alias
		return nil
	})
	return err
}

// DeleteAlias removes an alias; one that does not exist is a NotFound error.
func (c *Catalog) DeleteAlias(ctx context.Context, name rouse.FunctionName, q rouse.Qualifier) error {
	_, err := c.change(ctx, name, func(fn *rouse.Function) error {
		if _, ok := fn.Aliases[q]; !ok {
			return rouse.Errorf(rouse.NotFound, "function %q has no alias %q", name, q)
		}
		delete(fn.Aliases, q)
		delete(fn.Provisioned, q)
		return nil
	})
	return err
}

// Delete removes a function with everything that belongs to it. A deployment
// that goes on is waited for, and what is being fetched is given up. Requests that run are finished; it does not
// block on them.
func (c *Catalog) Delete(ctx context.Context, name rouse.FunctionName) error {
	unlockDeploy, err := c.deploys.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlockDeploy()
	if err := c.supersede(ctx, name, "the function is being deleted"); err != nil {
		return err
	}
	unlock, err := c.writes.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	v := c.view(name)
	if v == nil {
		return notFound(name)
	}
	if err := c.cfg.Functions.Delete(ctx, name); err != nil {
		return err
	}
	c.views.Delete(name)
	c.drop(ctx, v.revs)
	if c.cfg.Removed != nil {
		c.cfg.Removed(name)
	}
	return nil
}
