package lambdaapi

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestFunctionURLsAsAWSWordsThem follows configurations from their making to
// their end, one step after another.
func TestFunctionURLsAsAWSWordsThem(t *testing.T) {
	const url, missing = "/2021-10-31/functions/f/url", "/2021-10-31/functions/nobody/url"
	const gone, nobody = "The resource you requested does not exist.", "Function does not exist"
	none := `{"AuthType":"NONE"}`
	w := newWorld()
	h := w.api()
	step := func(method, path, body string, status int, want ...string) string {
		t.Helper()
		got := call(h, method, path, body)
		for _, part := range want {
			if !strings.Contains(got.Body.String()+got.Header().Get("X-Amzn-Errortype"), part) {
				t.Errorf("%s %s %s: %s lacks %s", method, path, body, got.Body, part)
			}
		}
		if got.Code != status || got.Body.Len() > 0 && !json.Valid(got.Body.Bytes()) {
			t.Errorf("%s %s %s: %d %s, want %d", method, path, body, got.Code, got.Body, status)
		}
		return got.Body.String()
	}
	step("GET", url, "", 404, "ResourceNotFoundException", gone)
	step("PUT", url, none, 404, gone)
	step("DELETE", url, "", 404, gone)
	step("POST", missing, none, 404, nobody)
	step("GET", "/2021-10-31/functions/nobody/urls", "", 404, nobody)
	step("POST", url, "{}", 400, "Value null at 'authType' failed to satisfy constraint: Member must not be null")
	step("POST", url, `{"AuthType":"ALL"}`, 400, "Member must satisfy enum value set")
	step("POST", url+"?Qualifier=1", none, 400, "at 'qualifier' failed to satisfy constraint")
	step("POST", url+"?Qualifier=$LATEST", none, 400, "at 'qualifier' failed to satisfy constraint")
	step("POST", url+"?Qualifier=none", none, 404, nobody)
	step("POST", url, `{"AuthType":"NONE","Cors":{"AllowMethods":["FETCH"]}}`, 400, "Cors AllowMethods FETCH: must be one of GET")
	step("POST", url, `{"AuthType":"NONE","Cors":{"AllowHeaders":["a b"]}}`, 400, "cannot stand in a header")
	step("POST", url, `{"AuthType":"NONE","Cors":{"MaxAge":86401}}`, 400, "Member must have value less than or equal to 86400")
	step("GET", url, "", 404, gone) // none of those left anything

	made := step("POST", url, `{"AuthType":"NONE","Cors":{"AllowOrigins":["https://a.example"],"MaxAge":0}}`, 201,
		`"FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:f"`, `"AuthType":"NONE"`, `"InvokeMode":"BUFFERED"`,
		`"AllowOrigins":["https://a.example"]`, `"MaxAge":0`)
	address := regexp.MustCompile(`"FunctionUrl":"http://127\.0\.0\.1/lambda-url/[a-z2-7]{32}/"`).FindString(made)
	if address == "" || strings.Contains(made, "LastModifiedTime") {
		t.Errorf("made %s", made)
	}
	step("POST", url, none, 409, "ResourceConflictException",
		"Failed to create function url config for [functionArn = arn:aws:lambda:us-east-1:000000000000:function:f]. Error message:  FunctionUrlConfig exists for this Lambda function")
	got := fields(t, step("GET", url, "", 200, address, "CreationTime", "LastModifiedTime"))
	if got["CreationTime"] != got["LastModifiedTime"] {
		t.Errorf("unchanged since, and it is %v", got)
	}
	if strings.Contains(made, "AllowCredentials") || strings.Contains(made, "AllowMethods") {
		t.Errorf("it answers with settings that nobody gave: %s", made)
	}
	for _, given := range []string{"true", "false"} {
		step("PUT", url, `{"Cors":{"AllowCredentials":`+given+`}}`, 200, `"Cors":{"AllowCredentials":`+given+`}`)
		step("GET", url, "", 200, `"Cors":{"AllowCredentials":`+given+`}`)
	}
	step("PUT", url, `{"Cors":{"AllowOrigins":["https://a.example"]}}`, 200, `"Cors":{"AllowOrigins":["https://a.example"]}`)
	step("PUT", url, `{"InvokeMode":"RESPONSE_STREAM"}`, 200, address, `"InvokeMode":"RESPONSE_STREAM"`, `"AllowOrigins":["https://a.example"]`)
	step("PUT", url, `{"AuthType":"AWS_IAM"}`, 200, `"AuthType":"AWS_IAM"`, `"InvokeMode":"RESPONSE_STREAM"`)
	if text := step("PUT", url, `{"Cors":{}}`, 200, address); strings.Contains(text, "Cors") {
		t.Errorf("empty settings leave %s", text)
	}
	step("POST", "/2015-03-31/functions/f/versions", "{}", 201)
	step("POST", "/2015-03-31/functions/f/aliases", `{"Name":"live","FunctionVersion":"1"}`, 201)
	live := step("POST", url+"?Qualifier=live", none, 201, `"FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:f:live"`)
	if strings.Contains(live, address) {
		t.Errorf("two URLs are one: %s", live)
	}
	first := step("GET", "/2021-10-31/functions/f/urls?MaxItems=1", "", 200, address, "NextMarker")
	var page struct{ NextMarker string }
	if err := json.Unmarshal([]byte(first), &page); err != nil {
		t.Fatal(err)
	}
	step("GET", "/2021-10-31/functions/f/urls?Marker="+strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(page.NextMarker), "", 200, "function:f:live")
	step("DELETE", "/2015-03-31/functions/f/aliases/live", "", 204)
	step("GET", url+"?Qualifier=live", "", 404, gone)
	step("DELETE", url, "", 204)
	step("DELETE", url, "", 404, gone)
	step("GET", "/2021-10-31/functions/f/urls", "", 200, `"FunctionUrlConfigs":[]`)
}

func TestAFunctionThatSpeaksHTTPGetsNoURL(t *testing.T) {
	w := newWorld()
	for _, rev := range w.revs {
		rev.Spec.Contract = "http"
	}
	if r := call(w.api(), http.MethodPost, "/2021-10-31/functions/f/url", `{"AuthType":"NONE"}`); r.Code != 400 || !strings.Contains(r.Body.String(), "/fn/f/") {
		t.Errorf("%d %s", r.Code, r.Body)
	}
}
