package lambdaapi

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/rousehq/rouse"
)

// target is what a caller named: a function, perhaps with a qualifier.
type target struct {
	name      rouse.FunctionName
	qualifier rouse.Qualifier // "" when none was given
}

// named takes apart all the forms in which AWS knows a function: a name, a
// partial ARN and a whole one, each with or without a qualifier.
var named = regexp.MustCompile(`^(?:arn:aws[a-zA-Z-]*:lambda:)?(?:([a-z]{2,}(?:-[a-z]+)+-\d):)?(?:(\d{12}):)?(?:function:)?([a-zA-Z0-9_-]+)(?::(\$LATEST|[a-zA-Z0-9_-]+))?$`)

// target reads who is meant by a FunctionName and a Qualifier.
func (a *api) target(operation, text, qualifier string) (target, error) {
	if plain, err := rouse.ParseFunctionName(text); err == nil {
		return target{plain, rouse.Qualifier(qualifier)}, nil
	}
	parts := named.FindStringSubmatch(text)
	if parts == nil {
		return target{}, unmatched(operation, text)
	}
	region, account, name, derived := parts[1], parts[2], parts[3], parts[4]
	if region != "" && region != a.Place.Region {
		return target{}, missing("Functions from '%s' are not reachable in this region ('%s')", region, a.Place.Region)
	}
	if account != "" && account != a.Place.Account {
		if operation == "Invoke" || operation == "InvokeWithResponseStream" {
			operation = "InvokeFunction" // the name of the action
		}
		return target{}, denied("User: arn:aws:iam::%s:root is not authorized to perform: lambda:%s on resource: %s because no resource-based policy allows the lambda:%s action",
			a.Place.Account, operation, rouse.Place{Region: a.Place.Region, Account: account}.ARN(rouse.FunctionName(name), rouse.Qualifier(derived)), operation)
	}
	if derived != "" && qualifier != "" && derived != qualifier {
		return target{}, invalid("The derived qualifier from the function name does not match the specified qualifier.")
	}
	if qualifier == "" {
		qualifier = derived
	}
	plain, err := rouse.ParseFunctionName(name)
	if err != nil {
		e := invalid("1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64", clip(name))
		return target{}, e
	}
	return target{plain, rouse.Qualifier(qualifier)}, nil
}

func unmatched(operation, text string) error {
	shape := shapes["FunctionName"]
	if operation == "Invoke" || strings.HasPrefix(operation, "Get") {
		shape = shapes["NamespacedFunctionName"]
	}
	return validation([]string{"Value '" + clip(text) + "' at 'functionName' failed to satisfy constraint: " + shape.like()})
}

func denied(format string, args ...any) *apiError {
	e := user(http.StatusForbidden, "AccessDeniedException", format, args...)
	e.kind, e.capital = "", true
	return e
}

// target is the function that a request's FunctionName and Qualifier name.
func (a *api) targetOf(r *request) (target, error) {
	return a.target(r.op.name, r.text("FunctionName"), r.text("Qualifier"))
}

// function is a request's function, which exists.
func (a *api) function(r *request) (*rouse.Function, target, error) {
	t, err := a.targetOf(r)
	if err != nil {
		return nil, t, err
	}
	fn, err := a.Catalog.Function(t.name)
	if err != nil {
		return nil, t, a.notFound(t)
	}
	return fn, t, nil
}

// notFound is AWS's answer to a function or a qualifier that does not exist.
func (a *api) notFound(t target) error {
	return missing("Function not found: %s", a.Place.ARN(t.name, t.qualifier))
}

// gone turns the catalog's word that a function does not exist into AWS's.
func (a *api) gone(t target, err error) error {
	if rouse.CodeOf(err) == rouse.NotFound {
		return a.notFound(target{name: t.name})
	}
	return err
}
