package lambdaapi

import (
	"github.com/google/uuid"

	"github.com/rousehq/rouse"
)

// updateFunctionCode gives $LATEST new code. What runs finishes on the old one.
func (a *api) updateFunctionCode(r *request) (any, error) {
	var in struct {
		Publish, DryRun bool
		RevisionId      string
		Architectures   []string
	}
	if err := r.into(&in); err != nil {
		return nil, err
	}
	fn, t, err := a.latest(r)
	if err != nil {
		return nil, err
	}
	if err := a.buildable(in.Architectures); err != nil {
		return nil, err
	}
	if r.has("PublishTo") {
		return nil, unsupported("PublishTo", "leave it out")
	}
	if err := a.changeable(fn); err != nil {
		return nil, err
	}
	before, err := a.at(fn, 0)
	if err != nil {
		return nil, err
	}
	if in.RevisionId != "" && in.RevisionId != before.revisionID() {
		return nil, stale(getFunction)
	}
	spec := before.rev.Spec
	made := before.lambda
	if err := a.source(r, "", &spec, &made, spec.Artifact.Image != ""); err != nil {
		return nil, err
	}
	if err := fits(&spec, &made); err != nil {
		return nil, err
	}
	if err := a.unsigned(t.name, signingOf(fn)); err != nil {
		return nil, err
	}
	if in.DryRun { // it is described as it would be, and nothing goes on
		dry, rev := before, *before.rev
		rev.Spec, dry.rev, dry.lambda = spec, &rev, made
		c := a.configuration(dry)
		c.RevisionId = before.revisionID()
		return c, nil
	}
	return a.revise(r, t, in.RevisionId, in.Publish, func(_ *rouse.Function, s *rouse.Spec) error {
		s.Artifact = spec.Artifact
		return nil
	}, func(latest *rouse.LambdaVersion) { latest.Package = made.Package })
}

// latest is the function that a request changes the $LATEST of.
func (a *api) latest(r *request) (*rouse.Function, target, error) {
	fn, t, err := a.function(r)
	if err != nil {
		return nil, t, err
	}
	if t.qualifier != "" && t.qualifier != rouse.Latest {
		return nil, t, invalid("This operation is permitted on $LATEST only. Please specify either a function name or an unqualified function ARN.")
	}
	return fn, t, nil
}

// revise changes $LATEST in one write, unless its RevisionId is another one, and
// publishes it when asked to.
func (a *api) revise(r *request, t target, revision string, publish bool,
	respec func(*rouse.Function, *rouse.Spec) error, edit func(*rouse.LambdaVersion),
) (any, error) {
	number := 0
	fn, err := a.Catalog.Revise(r.Request.Context(), t.name, func(fn *rouse.Function, spec *rouse.Spec) error {
		if err := a.current(fn, revision); err != nil {
			return err
		}
		return respec(fn, spec)
	}, func(fn *rouse.Function) error {
		if fn.Lambda == nil {
			fn.Lambda = &rouse.LambdaFunction{}
		}
		latest := &fn.Lambda.Latest
		edit(latest)
		latest.RevisionID, latest.Serial, latest.Modified = uuid.NewString(), uuid.NewString(), a.now()
		if publish {
			number = fn.Publish(latest.Description, a.now()).Number
		}
		return nil
	})
	if rouse.CodeOf(err) == rouse.Conflict {
		if now, gone := a.Catalog.Function(t.name); gone == nil {
			return nil, a.busy(now)
		}
	}
	if err != nil {
		return nil, a.gone(t, err)
	}
	p, err := a.at(&fn, number)
	if err != nil {
		return nil, err
	}
	if publish {
		return a.configuration(p).creating(), nil
	}
	return a.configuration(p).updating(), nil
}

// current refuses a RevisionId that is not $LATEST's; "" is any.
func (a *api) current(fn *rouse.Function, revision string) error {
	if revision == "" {
		return nil
	}
	now, err := a.at(fn, 0)
	if err != nil {
		return err
	}
	if now.revisionID() != revision {
		return stale(getFunction)
	}
	return nil
}
