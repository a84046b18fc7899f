package functionurl

import (
	"encoding/json"
	"slices"

	"github.com/rousehq/rouse"
)

const forbidden = "Forbidden. The function's resource policy must allow lambda:InvokeFunctionUrl to principal * for this URL; " +
	"AddPermission with FunctionUrlAuthType NONE does that"

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
