package lambdaapi

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

// TestProvisionedConcurrencyAsAWSWordsIt follows what was recorded of AWS, one
// step after another.
func TestProvisionedConcurrencyAsAWSWordsIt(t *testing.T) {
	const versions, aliases = "/2015-03-31/functions/f/versions", "/2015-03-31/functions/f/aliases"
	const provisioned, concurrency = "/2019-09-30/functions/f/provisioned-concurrency", "/2017-10-31/functions/f/concurrency"
	w := newWorld()
	h := w.api()
	state := func(p rouse.Provisioned) {
		w.provisioned = map[rouse.RevisionID]rouse.Provisioned{}
		for _, v := range w.fns["f"].Versions {
			w.provisioned[v.Revision] = p
		}
	}
	step := func(method, path, body string, status int, want ...string) {
		t.Helper()
		got := call(h, method, path, body)
		for _, part := range want {
			if !strings.Contains(got.Body.String()+got.Header().Get("X-Amzn-Errortype"), part) {
				t.Errorf("%s %s %s: %s lacks %s", method, path, body, got.Body, part)
			}
		}
		if got.Code != status {
			t.Errorf("%s %s %s: %d %s, want %d", method, path, body, got.Code, got.Body, status)
		}
		if len(got.Body.Bytes()) > 0 && !json.Valid(got.Body.Bytes()) {
			t.Errorf("%s", got.Body)
		}
	}
	two := `{"ProvisionedConcurrentExecutions":2}`
	step("PUT", provisioned+"?Qualifier=$LATEST", two, 400, "Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	for _, method := range []string{"GET", "DELETE"} {
		step(method, provisioned+"?Qualifier=$LATEST", "", 400, "The function resource provided must be an alias or a published version.")
		step(method, strings.Replace(provisioned, "/f/", "/nobody/", 1)+"?Qualifier=live", "", 404, "Cannot find alias arn: arn:aws:lambda:us-east-1:000000000000:function:nobody:live")
		step(method, strings.Replace(provisioned, "/f/", "/nobody/", 1)+"?Qualifier=7", "", 404, "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody:7")
	}
	step("PUT", provisioned+"?Qualifier=1", two, 404, "ResourceNotFoundException")
	step("POST", versions, "{}", 201)
	step("POST", aliases, `{"Name":"live","FunctionVersion":"1"}`, 201)
	step("PUT", provisioned+"?Qualifier=none", two, 404, "Cannot find alias arn")
	step("GET", provisioned+"?Qualifier=live", "", 404, "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function")
	step("PUT", provisioned+"?Qualifier=live", `{"ProvisionedConcurrentExecutions":0}`, 400, "Member must have value greater than or equal to 1")
	step("PUT", provisioned+"?Qualifier=live", `{"ProvisionedConcurrentExecutions":950}`, 400,
		`{"message":"Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."}`)
	step("PUT", provisioned+"?Qualifier=live", `{"ProvisionedConcurrentExecutions":1001}`, 400,
		`{"message":"Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [1000]."}`)
	step("PUT", provisioned+"?Qualifier=live", two, 202, `"Status":"IN_PROGRESS"`, `"AllocatedProvisionedConcurrentExecutions":0`, `"RequestedProvisionedConcurrentExecutions":2`)
	step("GET", provisioned+"?Qualifier=live", "", 200, `"Status":"IN_PROGRESS"`)
	state(rouse.Provisioned{Ready: 2})
	step("GET", provisioned+"?Qualifier=live", "", 200, `"Status":"READY"`, `"AllocatedProvisionedConcurrentExecutions":2`)
	state(rouse.Provisioned{Failed: true})
	step("GET", provisioned+"?Qualifier=live", "", 200, `"Status":"FAILED"`, `"StatusReason":"FUNCTION_ERROR_INIT_FAILURE"`)
	step("PUT", provisioned+"?Qualifier=1", two, 409, "Version is pointed by a Provisioned Concurrency alias")
	step("GET", provisioned+"?List=ALL", "", 200, `"FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:f:live"`)
	step("PUT", concurrency, `{"ReservedConcurrentExecutions":1}`, 400,
		`" ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2]."`)
	step("PUT", concurrency, `{"ReservedConcurrentExecutions":901}`, 400, "below its minimum value of [100].")
	step("PUT", concurrency, `{"ReservedConcurrentExecutions":2}`, 200)
	step("PUT", provisioned+"?Qualifier=live", `{"ProvisionedConcurrentExecutions":3}`, 400,
		"Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")
	step("GET", "/2016-08-19/account-settings", "", 200, `"UnreservedConcurrentExecutions":998`)
	step("DELETE", provisioned+"?Qualifier=live", "", 204)
	step("DELETE", provisioned+"?Qualifier=live", "", 204)
	step("PUT", provisioned+"?Qualifier=1", two, 202)
	step("PUT", provisioned+"?Qualifier=live", two, 409, "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version")
}
