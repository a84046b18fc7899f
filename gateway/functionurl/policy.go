package functionurl

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// forbidden is AWS's word to everybody who may not call a URL: the function's resource
// policy does not allow lambda:InvokeFunctionUrl to principal *, which AddPermission with
// FunctionUrlAuthType NONE does, or the request is not signed.
const forbidden = "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"

// refusal is why a call may not go in.
type refusal struct{ name, message string }

// admit asks a caller what a URL's AuthType says: everybody's calls need a
// statement of the policy, and those that are signed come from the account that
// the function belongs to, which may do everything.
func (f *Front) admit(c *gateway.Call, policy []rouse.Statement, kind rouse.URLAuth) (*gateway.URLCaller, *refusal) {
	if kind != rouse.URLAuthIAM {
		if !allows(policy, kind) {
			return nil, &refusal{"AccessDeniedException", forbidden}
		}
		return nil, nil
	}
	who, err := f.Caller(c.Writer, c.Request)
	if err == nil {
		return who, nil
	}
	if e, ok := err.(interface{ Reason() string }); ok {
		return nil, &refusal{e.Reason(), strings.TrimPrefix(err.Error(), e.Reason()+": ")}
	}
	return nil, &refusal{"AccessDeniedException", forbidden}
}

// allows says whether a resource policy lets everybody call a URL.
func allows(policy []rouse.Statement, auth rouse.URLAuth) bool {
	return slices.ContainsFunc(policy, func(s rouse.Statement) bool { return permits(s.Body, auth) })
}

// permits reads one statement. A condition that a call by an unknown caller
// cannot meet is not met.
func permits(body []byte, auth rouse.URLAuth) bool {
	var s struct {
		Effect, Action string
		Principal      any
		Condition      map[string]map[string]string
	}
	if json.Unmarshal(body, &s) != nil || s.Effect != "Allow" {
		return false
	}
	if !slices.Contains([]string{"lambda:InvokeFunctionUrl", "lambda:*", "*"}, s.Action) {
		return false
	}
	if who, ok := s.Principal.(map[string]any); s.Principal != "*" && (!ok || who["AWS"] != "*") {
		return false
	}
	for operator, conditions := range s.Condition {
		for key, value := range conditions {
			switch {
			case operator == "StringEquals" && key == "lambda:FunctionUrlAuthType" && value == string(auth):
			case operator == "Bool" && key == "lambda:InvokedViaFunctionUrl" && value == "true":
			default:
				return false
			}
		}
	}
	return true
}
