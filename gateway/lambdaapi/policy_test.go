package lambdaapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

const policyF = "/2015-03-31/functions/f/policy"

// permission is an AddPermission of usual values with others in their place.
func permission(others map[string]any) string {
	p := map[string]any{"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
	for name, value := range others {
		if p[name] = value; value == nil {
			delete(p, name)
		}
	}
	b, _ := json.Marshal(p)
	return string(b)
}

func TestAStatementSaysWhatItWasMadeOf(t *testing.T) {
	const start, end = `{"Sid":"s","Effect":"Allow","Principal":`, `,"Resource":"arn:aws:lambda:us-east-1:000000000000:function:f"`
	const invoke = `,"Action":"lambda:InvokeFunction"` + end
	for _, c := range []struct {
		given map[string]any
		want  string
	}{
		{nil, start + `{"Service":"s3.amazonaws.com"}` + invoke + `}`},
		{map[string]any{"Principal": "alexa-connectedhome.amazon.com", "EventSourceToken": "t"}, start + `{"Service":"alexa-connectedhome.amazon.com"}` + invoke + `,"Condition":{"StringEquals":{"lambda:EventSourceToken":"t"}}}`},
		{map[string]any{"Principal": "123456789012"}, start + `{"AWS":"arn:aws:iam::123456789012:root"}` + invoke + `}`},
		{map[string]any{"Principal": "arn:aws:iam::123456789012:role/r"}, start + `{"AWS":"arn:aws:iam::123456789012:role/r"}` + invoke + `}`},
		{map[string]any{"Principal": "*", "PrincipalOrgID": "o-0123456789"}, start + `"*"` + invoke + `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-0123456789"}}}`},
		{map[string]any{"SourceArn": "arn:aws:s3:::b", "SourceAccount": "123456789012"}, start + `{"Service":"s3.amazonaws.com"}` + invoke + `,"Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b"},"StringEquals":{"AWS:SourceAccount":"123456789012"}}}`},
		{map[string]any{"Principal": "*", "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"}, start + `"*","Action":"lambda:InvokeFunctionUrl"` + end + `,"Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}}`},
		{map[string]any{"Principal": "*", "InvokedViaFunctionUrl": true}, start + `"*"` + invoke + `,"Condition":{"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}}`},
	} {
		h := newWorld().api()
		made := call(h, "POST", policyF, permission(c.given))
		var answer struct{ Statement string }
		if err := json.Unmarshal(made.Body.Bytes(), &answer); err != nil || made.Code != 201 || answer.Statement != c.want {
			t.Errorf("%v: %d %s, want %s", c.given, made.Code, made.Body, c.want)
		}
		var got struct{ Policy, RevisionId string }
		body := call(h, "GET", policyF, "").Body
		if err := json.Unmarshal(body.Bytes(), &got); err != nil || got.Policy != `{"Version":"2012-10-17","Id":"default","Statement":[`+c.want+`]}` || got.RevisionId == "" {
			t.Errorf("%v: the policy is %s", c.given, body)
		}
	}
}

func TestAStatementThatAWSWouldRefuseIsRefused(t *testing.T) {
	h := newWorld().api()
	for _, c := range []struct {
		given map[string]any
		says  string
	}{
		{map[string]any{"FunctionUrlAuthType": "NONE"}, "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"},
		{map[string]any{"Action": "lambda:*", "FunctionUrlAuthType": "AWS_IAM"}, "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"},
		{map[string]any{"FunctionUrlAuthType": "ALL"}, "Value 'ALL' at 'functionUrlAuthType' failed to satisfy constraint: Member must satisfy enum value set: [NONE, AWS_IAM]"},
		{map[string]any{"Action": "lambda:InvokeFunctionUrl", "InvokedViaFunctionUrl": true}, "InvokedViaFunctionUrl is only supported for lambda:InvokeFunction action"},
		{map[string]any{"Action": "lambda:GetFunction", "InvokedViaFunctionUrl": false}, "InvokedViaFunctionUrl is only supported for lambda:InvokeFunction action"},
		{map[string]any{"FunctionUrlAuthType": "NONE", "InvokedViaFunctionUrl": true}, "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"},
		{map[string]any{"InvokedViaFunctionUrl": "yes"}, "STRING_VALUE can not be converted to a Boolean"},
		{map[string]any{"Principal": "amazonaws.com"}, "The provided principal was invalid."},
		{map[string]any{"Principal": ".amazonaws.com"}, "The provided principal was invalid."},
		{map[string]any{"Principal": "12345678901"}, "The provided principal was invalid."},
		{map[string]any{"Principal": "a b"}, "Value 'a b' at 'principal' failed to satisfy constraint"},
		{map[string]any{"Principal": nil}, "Value null at 'principal' failed to satisfy constraint: Member must not be null"},
		{map[string]any{"StatementId": "a.b"}, "Value 'a.b' at 'statementId' failed to satisfy constraint"},
		{map[string]any{"Action": "s3:Get"}, "Value 's3:Get' at 'action' failed to satisfy constraint"},
		{map[string]any{"SourceAccount": "1"}, "Value '1' at 'sourceAccount' failed to satisfy constraint"},
		{map[string]any{"SourceArn": "b"}, "Value 'b' at 'sourceArn' failed to satisfy constraint"},
		{map[string]any{"PrincipalOrgID": "o-x"}, "at 'principalOrgID' failed to satisfy constraint"},
		{map[string]any{"EventSourceToken": "a b"}, "Value 'a b' at 'eventSourceToken' failed to satisfy constraint"},
	} {
		if got := call(h, "POST", policyF, permission(c.given)); got.Code != 400 || !strings.Contains(got.Body.String(), c.says) {
			t.Errorf("%v: %d %s, want %s", c.given, got.Code, got.Body, c.says)
		}
	}
	if got := call(h, "GET", policyF, ""); got.Code != 404 {
		t.Errorf("a refused statement is kept: %s", got.Body)
	}
}

func TestAPolicyIsChangedOnlyByWhoKnowsIt(t *testing.T) {
	h := newWorld().api()
	if got := call(h, "POST", "/2015-03-31/functions/f/versions", "{}"); got.Code != 201 {
		t.Fatal(got.Body)
	}
	if got := call(h, "POST", "/2015-03-31/functions/f/aliases", `{"Name":"live","FunctionVersion":"1"}`); got.Code != 201 {
		t.Fatal(got.Body)
	}
	for of, path := range map[string]string{"": functionF + "/configuration", "1": functionF + "/configuration?Qualifier=1", "live": functionF + "/aliases/live"} {
		t.Run("of "+of, func(t *testing.T) { changedByWhoKnows(t, h, of, path) })
	}
}

// changedByWhoKnows changes the policy of what a qualifier names, which path tells of.
func changedByWhoKnows(t *testing.T, h http.Handler, qualifier, path string) {
	revision := func() string {
		t.Helper()
		var got, told struct{ RevisionId string }
		if err := json.Unmarshal(call(h, "GET", policyF+"?Qualifier="+qualifier, "").Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(call(h, "GET", path, "").Body.Bytes(), &told); err != nil || told != got {
			t.Errorf("the policy is of revision %s, what it is attached to of %s (%v)", got.RevisionId, told.RevisionId, err)
		}
		return got.RevisionId
	}
	for _, id := range []string{"one", "two"} {
		if got := call(h, "POST", policyF+"?Qualifier="+qualifier, permission(map[string]any{"StatementId": id})); got.Code != 201 {
			t.Fatal(got.Body)
		}
	}
	stale := revision()
	if got := call(h, "DELETE", policyF+"/one?Qualifier="+qualifier+"&RevisionId="+stale, ""); got.Code != 204 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	for _, c := range []struct{ method, path, body string }{
		{"DELETE", policyF + "/two?Qualifier=" + qualifier + "&RevisionId=" + stale, ""},
		{"POST", policyF + "?Qualifier=" + qualifier, permission(map[string]any{"RevisionId": stale})},
	} {
		if got := call(h, c.method, c.path, c.body); got.Code != 412 || !strings.Contains(got.Body.String(), "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id") {
			t.Errorf("%s with a stale revision: %d %s", c.method, got.Code, got.Body)
		}
	}
	if got := call(h, "DELETE", policyF+"/two?Qualifier="+qualifier+"&RevisionId="+revision(), ""); got.Code != 204 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := call(h, "DELETE", policyF+"/two?Qualifier="+qualifier, ""); got.Code != 404 || !strings.Contains(got.Body.String(), "No policy is associated with the given resource.") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}
