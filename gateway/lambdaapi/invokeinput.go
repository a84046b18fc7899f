package lambdaapi

import (
	"net/http"

	"github.com/rousehq/rouse"
)

// invocationInputs are the inputs of the operations that run functions. They are not
// read like other inputs, since most of them are a plain name and an event.
var invocationInputs = map[string]*shape{
	"Invoke":                   shapes["InvocationRequest"],
	"InvokeAsync":              shapes["InvokeAsyncRequest"],
	"InvokeWithResponseStream": shapes["InvokeWithResponseStreamRequest"],
}

// checkInvocation says what the service model does not allow of what comes with
// an event, all at once, as AWS does. qualifier is nil when none was given.
func checkInvocation(operation, name string, qualifier []string, h http.Header) error {
	var check checker
	for _, m := range invocationInputs[operation].members {
		var values []string
		switch m.location {
		case "uri":
			if _, err := rouse.ParseFunctionName(name); err != nil {
				values = []string{name}
			}
		case "querystring":
			if len(qualifier) > 0 && qualifier[0] != "" {
				values = qualifier[:1]
			}
		case "header":
			values = h[http.CanonicalHeaderKey(m.wire())]
		}
		if len(values) == 0 {
			continue
		}
		switch m.name {
		case "TenantId", "DurableExecutionName":
			return unsupported(m.name, "functions have no tenants and no durable executions; leave it out")
		}
		check.constraints(lowerFirst(m.name), show(values[0]), shapes[m.shape].broken(values[0]))
	}
	if len(check.problems) > 0 {
		return validation(check.problems)
	}
	return nil
}
