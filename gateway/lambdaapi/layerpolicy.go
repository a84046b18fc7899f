package lambdaapi

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
)

// layerStatement is a statement of a layer version's policy.
type layerStatement struct {
	Sid, Effect string
	Principal   any
	Action      string
	Resource    string
	Condition   map[string]map[string]string `json:",omitempty"`
}

func (a *api) addLayerVersionPermission(r *request) (any, error) {
	var in struct{ StatementId, Action, Principal, OrganizationId, RevisionId string }
	if err := r.into(&in); err != nil {
		return nil, err
	}
	s := layerStatement{Sid: in.StatementId, Effect: "Allow", Principal: in.Principal, Action: in.Action}
	if in.Principal != "*" {
		p, err := principal(in.Principal)
		if err != nil {
			return nil, err
		}
		s.Principal = p
	}
	if in.OrganizationId != "" {
		s.Condition = map[string]map[string]string{"StringEquals": {"aws:PrincipalOrgID": in.OrganizationId}}
	}
	var text []byte
	revision, err := a.changeLayerPolicy(r, in.RevisionId, func(arn string, list []rouse.Statement) ([]rouse.Statement, error) {
		if slices.ContainsFunc(list, func(s rouse.Statement) bool { return s.ID == in.StatementId }) {
			return nil, conflict("The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", in.StatementId)
		}
		s.Resource = arn
		var err error
		text, err = compact(s)
		return append(slices.Clone(list), rouse.Statement{ID: in.StatementId, Body: text}), err
	})
	if err != nil {
		return nil, err
	}
	return map[string]string{"Statement": string(text), "RevisionId": revision}, nil
}

func (a *api) removeLayerVersionPermission(r *request) (any, error) {
	id := r.text("StatementId")
	_, err := a.changeLayerPolicy(r, r.text("RevisionId"), func(_ string, list []rouse.Statement) ([]rouse.Statement, error) {
		left := slices.DeleteFunc(slices.Clone(list), func(s rouse.Statement) bool { return s.ID == id })
		if len(left) == len(list) {
			return nil, missing("Statement %s is not found in resource policy.", id)
		}
		return left, nil
	})
	return withStatus{status: http.StatusNoContent}, err
}

// changeLayerPolicy replaces a layer version's statements, in one write, and
// returns the policy's new RevisionId.
func (a *api) changeLayerPolicy(r *request, revision string, edit func(arn string, list []rouse.Statement) ([]rouse.Statement, error)) (string, error) {
	name, err := a.layerName(r.text("LayerName"))
	if err != nil {
		return "", err
	}
	number := r.number("VersionNumber", 0)
	arn := a.Place.LayerARN(name, strconv.Itoa(number))
	next := uuid.NewString()
	_, err = a.changeLayer(r.Request.Context(), name, func(l *rouse.Layer) error {
		v := l.Version(number)
		if v == nil {
			return missing("Layer version %s does not exist.", arn)
		}
		if revision != "" && revision != v.PolicyID {
			return stale("GetLayerPolicy")
		}
		list, err := edit(arn, v.Policy)
		if err != nil {
			return err
		}
		v.Policy, v.PolicyID = list, next
		return nil
	})
	return next, err
}

func (a *api) getLayerVersionPolicy(r *request) (any, error) {
	name, v, err := a.layerVersion(r)
	if err != nil {
		if name != "" {
			return nil, missing("Layer version %s does not exist.", a.Place.LayerARN(name, strconv.Itoa(r.number("VersionNumber", 0))))
		}
		return nil, err
	}
	if len(v.Policy) == 0 {
		return nil, missing("No policy is associated with the given resource.")
	}
	text, err := policyText(v.Policy)
	return map[string]string{"Policy": text, "RevisionId": v.PolicyID}, err
}
