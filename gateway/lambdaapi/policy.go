package lambdaapi

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
)

// statement is one of a policy's, in the order in which AWS writes it.
type statement struct {
	Sid       string
	Effect    string
	Principal any
	Action    string
	Resource  string
	Condition map[string]map[string]any `json:",omitempty"`
}

// document is a resource policy.
type document struct {
	Version   string
	Id        string
	Statement []json.RawMessage
}

const maxPolicy = 20480 // bytes, as on AWS

func (a *api) addPermission(r *request) (any, error) {
	var in struct {
		StatementId, Action, Principal, SourceArn, SourceAccount, EventSourceToken string
		PrincipalOrgID, FunctionUrlAuthType, RevisionId                            string
		InvokedViaFunctionUrl                                                      *bool
	}
	if err := r.into(&in); err != nil {
		return nil, err
	}
	_, t, err := a.function(r)
	if err != nil {
		return nil, err
	}
	if t.qualifier == rouse.Latest {
		return nil, invalid("We currently do not support adding policies for $LATEST.")
	}
	if in.FunctionUrlAuthType != "" && in.Action != "lambda:InvokeFunctionUrl" {
		return nil, invalid("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
	}
	if in.InvokedViaFunctionUrl != nil && in.Action != "lambda:InvokeFunction" {
		return nil, invalid("InvokedViaFunctionUrl is only supported for lambda:InvokeFunction action")
	}
	s := statement{Sid: in.StatementId, Effect: "Allow", Action: in.Action, Resource: a.Place.ARN(t.name, t.qualifier)}
	if s.Principal, err = principal(in.Principal); err != nil {
		return nil, err
	}
	s.when("StringEquals", "lambda:FunctionUrlAuthType", in.FunctionUrlAuthType)
	if in.InvokedViaFunctionUrl != nil {
		s.when("Bool", "lambda:InvokedViaFunctionUrl", map[bool]string{true: "true", false: "false"}[*in.InvokedViaFunctionUrl])
	}
	s.when("StringEquals", "aws:PrincipalOrgID", in.PrincipalOrgID)
	s.when("StringEquals", "AWS:SourceAccount", in.SourceAccount)
	s.when("StringEquals", "lambda:EventSourceToken", in.EventSourceToken)
	s.when("ArnLike", "AWS:SourceArn", in.SourceArn)
	text, err := compact(s)
	if err != nil {
		return nil, err
	}
	_, err = a.changePolicy(r, t, in.RevisionId, func(list []rouse.Statement) ([]rouse.Statement, error) {
		if slices.ContainsFunc(list, func(s rouse.Statement) bool { return s.ID == in.StatementId }) {
			return nil, conflict("The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", in.StatementId)
		}
		return append(list, rouse.Statement{ID: in.StatementId, Body: text}), nil
	})
	if err != nil {
		return nil, err
	}
	return map[string]string{"Statement": string(text)}, nil
}

func (s *statement) when(operator, key, value string) {
	if value == "" {
		return
	}
	if s.Condition == nil {
		s.Condition = map[string]map[string]any{}
	}
	if s.Condition[operator] == nil {
		s.Condition[operator] = map[string]any{}
	}
	s.Condition[operator][key] = value
}

var (
	service   = regexp.MustCompile(`^([a-z0-9-]+\.)+amazon(aws)?\.com$`)
	accountID = regexp.MustCompile(`^\d{12}$`)
	iamARN    = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:(iam|sts):`)
)

func principal(text string) (any, error) {
	switch {
	case service.MatchString(text):
		return map[string]string{"Service": text}, nil
	case accountID.MatchString(text):
		return map[string]string{"AWS": "arn:aws:iam::" + text + ":root"}, nil
	case iamARN.MatchString(text):
		return map[string]string{"AWS": text}, nil
	case text == "*":
		return text, nil
	}
	return nil, invalid("The provided principal was invalid. Please check the principal and try again.")
}

// changePolicy replaces the statements of what t names, in one write.
func (a *api) changePolicy(r *request, t target, revision string, edit func([]rouse.Statement) ([]rouse.Statement, error)) (rouse.Function, error) {
	fn, err := a.Catalog.Change(r.Request.Context(), t.name, func(fn *rouse.Function) error {
		if err := a.qualified(fn, t); err != nil {
			return err
		}
		if fn.Lambda == nil {
			fn.Lambda = &rouse.LambdaFunction{}
		}
		list, err := edit(slices.Clone(fn.Lambda.Policies[t.qualifier]))
		if err != nil {
			return err
		}
		if now, err := a.revisionOf(fn, t); err != nil || revision != "" && revision != now {
			return stale("GetPolicy")
		}
		size := 0
		for _, s := range list {
			size += len(s.Body)
		}
		if size > maxPolicy {
			return user(http.StatusBadRequest, "PolicyLengthExceededException", "The final policy size (%d) is bigger than the limit (%d).", size, maxPolicy)
		}
		if fn.Lambda.Policies == nil {
			fn.Lambda.Policies = map[rouse.Qualifier][]rouse.Statement{}
		}
		if fn.Lambda.Policies[t.qualifier] = list; len(list) == 0 {
			delete(fn.Lambda.Policies, t.qualifier)
		}
		revised(fn, t.qualifier)
		return nil
	})
	return fn, a.gone(t, err)
}

// revised gives what q names, whose policy was changed, another RevisionId.
func revised(fn *rouse.Function, q rouse.Qualifier) {
	if alias, ok := fn.Aliases[q]; ok {
		alias.RevisionID = uuid.NewString()
		fn.Aliases[q] = alias
		return
	}
	number, _ := fn.Number(q, 1)
	v := fn.Version(number)
	if v == nil {
		fn.Lambda.Latest.RevisionID = uuid.NewString()
		return
	}
	lambda := rouse.LambdaVersion{}
	if v.Lambda != nil {
		lambda = *v.Lambda
	}
	lambda.RevisionID, v.Lambda = uuid.NewString(), &lambda
}

// revisionOf is the RevisionId of the function, version or alias that t names.
func (a *api) revisionOf(fn *rouse.Function, t target) (string, error) {
	if alias, ok := fn.Aliases[t.qualifier]; ok {
		return aliasRevision(fn, t.qualifier, alias), nil
	}
	p, err := a.find(fn, t)
	if err != nil {
		return "", err
	}
	return p.revisionID(), nil
}

func (a *api) removePermission(r *request) (any, error) {
	t, err := a.targetOf(r)
	if err != nil {
		return nil, err
	}
	if _, err := a.Catalog.Function(t.name); err != nil {
		return nil, missing("No policy found for: %s", a.Place.ARN(t.name, ""))
	}
	if t.qualifier == rouse.Latest {
		t.qualifier = ""
	}
	id := r.text("StatementId")
	_, err = a.changePolicy(r, t, r.text("RevisionId"), func(list []rouse.Statement) ([]rouse.Statement, error) {
		if len(list) == 0 {
			return nil, missing("No policy is associated with the given resource.")
		}
		left := slices.DeleteFunc(slices.Clone(list), func(s rouse.Statement) bool { return s.ID == id })
		if len(left) == len(list) {
			return nil, missing("Statement %s is not found in resource policy.", id)
		}
		return left, nil
	})
	return withStatus{status: http.StatusNoContent}, err
}

func (a *api) getPolicy(r *request) (any, error) {
	fn, t, err := a.function(r)
	if err != nil {
		return nil, err
	}
	if t.qualifier == rouse.Latest {
		t.qualifier = ""
	}
	if fn.Lambda == nil || len(fn.Lambda.Policies[t.qualifier]) == 0 {
		return nil, absent()
	}
	revision, err := a.revisionOf(fn, t)
	if err != nil {
		return nil, err
	}
	text, err := policyText(fn.Lambda.Policies[t.qualifier])
	return map[string]string{"Policy": text, "RevisionId": revision}, err
}

func policyText(list []rouse.Statement) (string, error) {
	doc := document{Version: "2012-10-17", Id: "default"}
	for _, s := range list {
		doc.Statement = append(doc.Statement, s.Body)
	}
	b, err := compact(doc)
	return string(b), err
}
