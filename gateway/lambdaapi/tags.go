package lambdaapi

import (
	"maps"
	"net/http"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
)

func (a *api) listTags(r *request) (any, error) {
	fn, _, err := a.tagged(r)
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	if fn.Lambda != nil && fn.Lambda.Tags != nil {
		tags = fn.Lambda.Tags
	}
	return map[string]any{"Tags": tags}, nil
}

func (a *api) tagResource(r *request) (any, error) {
	var in struct{ Tags map[string]string }
	if err := r.into(&in); err != nil {
		return nil, err
	}
	if len(in.Tags) == 0 {
		return nil, invalid("An error occurred and the request cannot be processed.")
	}
	return a.retag(r, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
}

func (a *api) untagResource(r *request) (any, error) {
	keys, _ := r.input["TagKeys"].([]any)
	return a.retag(r, func(tags map[string]string) {
		for _, key := range keys {
			delete(tags, key.(string)) // checked
		}
	})
}

func (a *api) retag(r *request, edit func(map[string]string)) (any, error) {
	_, t, err := a.tagged(r)
	if err != nil {
		return nil, err
	}
	_, err = a.Catalog.Change(r.Request.Context(), t.name, func(fn *rouse.Function) error {
		if fn.Lambda == nil {
			fn.Lambda = &rouse.LambdaFunction{}
		}
		if fn.Lambda.Tags == nil {
			fn.Lambda.Tags = map[string]string{}
		}
		edit(fn.Lambda.Tags)
		if len(fn.Lambda.Tags) > maxTags {
			return invalid("Number of tags exceeds resource tag limit.")
		}
		fn.Lambda.Latest.RevisionID = uuid.NewString()
		return nil
	})
	return withStatus{status: http.StatusNoContent}, a.gone(t, err)
}

// tagged is the function that a Resource names.
func (a *api) tagged(r *request) (*rouse.Function, target, error) {
	arn := r.text("Resource")
	t, err := a.target(r.op.name, arn, "")
	if err != nil {
		if named.MatchString(arn) {
			return nil, t, err
		}
		return nil, t, absent()
	}
	if t.qualifier != "" {
		return nil, t, invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
	}
	fn, err := a.Catalog.Function(t.name)
	if err != nil {
		return nil, t, a.notFound(t)
	}
	return fn, t, nil
}
