package lambdaapi

import (
	"maps"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
)

// tagged is what a Resource names: a function, an event source mapping, or a code
// signing configuration.
type tagged struct {
	tags map[string]string
	// change has edit alter a copy of the tags, in one write.
	change func(edit func(map[string]string) error) error
}

func (a *api) listTags(r *request) (any, error) {
	of, err := a.tagged(r)
	if err != nil {
		return nil, err
	}
	tags := of.tags
	if tags == nil {
		tags = map[string]string{}
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
	return a.retag(r, func(tags map[string]string) error {
		maps.Copy(tags, in.Tags)
		return checkTags(tags)
	})
}

func (a *api) untagResource(r *request) (any, error) {
	keys, _ := r.input["TagKeys"].([]any)
	return a.retag(r, func(tags map[string]string) error {
		for _, key := range keys {
			delete(tags, key.(string)) // checked
		}
		return nil
	})
}

func (a *api) retag(r *request, edit func(map[string]string) error) (any, error) {
	of, err := a.tagged(r)
	if err != nil {
		return nil, err
	}
	return withStatus{status: http.StatusNoContent}, of.change(edit)
}

// checkTags says what is wrong with all tags that something would have.
func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return invalid("Number of tags exceeds resource tag limit.")
	}
	for key := range tags {
		if strings.HasPrefix(strings.ToLower(key), "aws:") { // which only AWS's own services set
			return invalid("aws: prefixed tag key names are not allowed for external use.")
		}
	}
	return nil
}

// tagged finds what a request's Resource names.
func (a *api) tagged(r *request) (tagged, error) {
	arn := r.text("Resource")
	if id, ok := strings.CutPrefix(arn, a.Place.MappingARN("")); ok {
		return a.taggedMapping(r, id)
	}
	if id := a.signingID(arn); id != arn {
		return a.taggedSigning(r, id)
	}
	if !strings.Contains(arn, ":function:") {
		return tagged{}, absent() // of a kind that there is none of
	}
	t, err := a.target(r.op.name, arn, "")
	if err != nil {
		return tagged{}, err
	}
	if t.qualifier != "" {
		return tagged{}, invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
	}
	fn, err := a.Catalog.Function(t.name)
	if err != nil {
		return tagged{}, a.notFound(t)
	}
	of := tagged{change: func(edit func(map[string]string) error) error {
		_, err := a.Catalog.Change(r.Request.Context(), t.name, func(fn *rouse.Function) error {
			lambda := rouse.LambdaFunction{}
			if fn.Lambda != nil {
				lambda = *fn.Lambda
			}
			lambda.Tags, lambda.Latest.RevisionID = editable(lambda.Tags), uuid.NewString()
			fn.Lambda = &lambda
			return edit(lambda.Tags)
		})
		return a.gone(t, err)
	}}
	if fn.Lambda != nil {
		of.tags = fn.Lambda.Tags
	}
	return of, nil
}

// editable is a copy of tags.
func editable(tags map[string]string) map[string]string {
	if tags = maps.Clone(tags); tags == nil {
		tags = map[string]string{}
	}
	return tags
}

func (a *api) taggedMapping(r *request, id string) (tagged, error) {
	m, ok := a.mapping(id)
	if !ok {
		return tagged{}, noMapping()
	}
	return tagged{m.Tags, func(edit func(map[string]string) error) error {
		_, err := a.Mappings.ChangeMapping(r.Request.Context(), id, func(m *rouse.Mapping) error {
			m.Tags = editable(m.Tags)
			return edit(m.Tags)
		})
		return goneMapping(err)
	}}, nil
}

func (a *api) taggedSigning(r *request, id string) (tagged, error) {
	c, ok := a.signing(r.text("Resource"))
	if !ok {
		return tagged{}, absent()
	}
	return tagged{c.Tags, func(edit func(map[string]string) error) error {
		_, err := a.Signing.ChangeSigningConfig(r.Request.Context(), id, func(c *rouse.SigningConfig) error {
			c.Tags = editable(c.Tags)
			return edit(c.Tags)
		})
		if rouse.CodeOf(err) == rouse.NotFound {
			return absent()
		}
		return err
	}}, nil
}
