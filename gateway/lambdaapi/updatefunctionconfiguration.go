package lambdaapi

import "github.com/rousehq/rouse"

// updateFunctionConfiguration changes what is given of $LATEST and keeps the rest.
func (a *api) updateFunctionConfiguration(r *request) (any, error) {
	var in settings
	if err := r.into(&in); err != nil {
		return nil, err
	}
	in.variables = r.variables
	fn, t, err := a.latest(r)
	if err != nil {
		return nil, err
	}
	if err := a.changeable(fn); err != nil {
		return nil, err
	}
	before, err := a.at(fn, 0)
	if err != nil {
		return nil, err
	}
	if err := a.refuse(r, &in, before.rev.Spec.Runtime); err != nil {
		return nil, err
	}
	if in.Layers != nil && len(*in.Layers) > 0 {
		if err := a.unsigned(t.name, signingOf(fn)); err != nil {
			return nil, err
		}
	}
	var given rouse.LambdaVersion // takes what apply says of the rest
	return a.revise(r, t, in.RevisionId, false, func(fn *rouse.Function, spec *rouse.Spec) error {
		image := spec.Artifact.Image != ""
		switch {
		case image && (in.Runtime != nil || in.Handler != nil || in.Layers != nil):
			return invalid("Please don't provide Handler or Runtime or Layer when the function PackageType is Image.")
		case !image && in.ImageConfig != nil:
			return invalid("ImageConfig is only supported for functions with PackageType Image.")
		}
		if fn.Lambda != nil {
			given = fn.Lambda.Latest
		}
		if err := a.apply(r.Request.Context(), &in, spec, &given); err != nil {
			return err
		}
		return fits(spec, &given)
	}, func(latest *rouse.LambdaVersion) {
		latest.Description, latest.Role, latest.Layers, latest.DeadLetter = given.Description, given.Role, given.Layers, given.DeadLetter
		latest.HasEnvironment = given.HasEnvironment
	})
}
