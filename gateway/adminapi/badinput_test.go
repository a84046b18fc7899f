package adminapi

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

func TestBadInputEndsInItsDocumentedError(t *testing.T) {
	p := newPlatform()
	s := serve(t, p)
	const fn = "/api/v1/functions/"
	for _, tt := range []struct {
		method, path, body string
		status             int
		want               string // part of the message
	}{
		// Paths and methods.
		{"GET", "/api/v1/nothing", "", 404, "/api/v1/openapi.json"},
		{"GET", "/api/v1/functions/", "", 404, "no such endpoint"},
		{"GET", "/api/v1//functions", "", 404, "no such endpoint"},
		{"POST", "/api/v1/functions", "", 405, "allows GET"},
		{"PATCH", fn + "hello", "", 405, "allows DELETE, GET, PUT"},
		// Names.
		{"GET", fn + "unknown", "", 404, "function unknown"},
		{"GET", fn + "%2e%2e", "", 400, "letters, digits"},
		{"GET", fn + "..%2F..%2Fetc%2Fpasswd", "", 400, "letters, digits"},
		{"PUT", fn + strings.Repeat("x", 65), "{}", 400, "1 to 64"},
		{"PUT", fn + "h%D0%B5llo", "{}", 400, "letters, digits"},
		{"PUT", fn + "%20", "{}", 400, "letters, digits"},
		{"PUT", fn + "hello:1", "{}", 400, "letters, digits"},
		{"PUT", fn + "hello/aliases/12", "{}", 400, "not only digits"},
		{"PUT", fn + "hello/aliases/$LATEST", "{}", 400, "alias"},
		{"DELETE", "/api/v1/instances/..%2f", "", 404, "not found"},
		// Bodies.
		{"PUT", fn + "new", "", 400, "body: missing"},
		{"PUT", fn + "new", "  ", 400, "body: missing"},
		{"PUT", fn + "new", "{", 400, "not JSON at byte 1"},
		{"PUT", fn + "new", "{} {}", 400, "not JSON at byte 4"},
		{"PUT", fn + "new", "[]", 400, "body: must be an object"},
		{"PUT", fn + "new", "null", 400, "body: must not be null"},
		{"PUT", fn + "new", strings.Repeat("[", 200_000), 400, "not JSON"},
		{"PUT", fn + "new", `"` + strings.Repeat("x", 1<<20) + `"`, 413, "limit of 1MB"},
		{"PUT", fn + "new", `{"name":"other",` + aSpec + `}`, 400, `must be "new"`},
		{"PUT", fn + "new", `{"spek":{}}`, 400, "spek: unknown key; did you mean spec?"},
		{"PUT", fn + "new", `{"Spec":{}}`, 400, "Spec: unknown key; did you mean spec?"},
		{"PUT", fn + "new", `{"spec":{"memry":1}}`, 400, "spec.memry: unknown key; did you mean memory?"},
		{"PUT", fn + "new", `{"spec":{"qqqqqqqq":1}}`, 400, "known are artifact, caps, command"},
		{"PUT", fn + "new", `{"spec":null}`, 400, "spec: must not be null"},
		{"PUT", fn + "new", `{"spec":{"memory":"much"}}`, 400, `spec.memory: size "much": write it like`},
		{"PUT", fn + "new", `{"spec":{"timeout":true}}`, 400, `spec.timeout: duration "true"`},
		{"PUT", fn + "new", `{"spec":{"runtime":"python3.11","handler":"app"}}`, 400, `handler "app": write it as module.function`},
		{"PUT", fn + "new", `{"spec":{"runtime":3}}`, 400, "spec.runtime: must be a string, not 3"},
		{"PUT", fn + "new", `{"spec":{"command":"ls"}}`, 400, "spec.command: must be a list of strings"},
		{"PUT", fn + "new", `{"spec":{"environment":{"A":1}}}`, 400, "spec.environment.A: must be a string"},
		{"PUT", fn + "new", `{"spec":{"environment":[]}}`, 400, "spec.environment: must be an object"},
		{"PUT", fn + "new", `{"settings":{"queue":1.5}}`, 400, "settings.queue: must be a whole number"},
		{"PUT", fn + "new", `{"wait":"yes"}`, 400, "wait: must be true or false"},
		{"PUT", fn + "new", `{"spec":1,"spec":{}}`, 400, "given twice"},
		{"PATCH", fn + "hello/settings", `{"idel":"1m"}`, 400, "did you mean idle?"},
		{"PATCH", fn + "hello/settings", `{"idle":null}`, 400, "idle: must not be null"},
		{"PATCH", fn + "hello/settings", `{"queue":-1}`, 400, "queue -1"},
		{"PATCH", fn + "hello/settings", `{"generation":1}`, 400, "generation: unknown key"},
		{"POST", fn + "hello/versions", `{"text":""}`, 400, "text: unknown key"},
		{"PUT", fn + "hello/aliases/prod", `{"version":"1"}`, 400, "version: must be a whole number"},
		{"PUT", fn + "hello/aliases/prod", `{"weight":"half"}`, 400, "weight: must be a number"},
	} {
		status, body := call(t, s, tt.method, tt.path, tt.body)
		var got struct{ Error ErrorBody }
		if err := json.Unmarshal([]byte(body), &got); err != nil || got.Error.Code == "" || got.Error.RequestID == "" {
			t.Errorf("%s %.60s: %d, not an error in our shape: %.200s", tt.method, tt.path, status, body)
			continue
		}
		if status != tt.status || !strings.Contains(got.Error.Message, tt.want) || len(got.Error.Message) > 300 {
			t.Errorf("%s %.60s %.60s: %d %s, want %d %s", tt.method, tt.path, tt.body, status, got.Error.Message, tt.status, tt.want)
		}
	}
	if len(p.functions) != 2 {
		t.Errorf("there are %d functions now", len(p.functions))
	}
}

func FuzzDecodeNeverBreaks(f *testing.F) {
	for _, seed := range []string{`{"spec":{"memory":"1GB","environment":{"A":"b"}}}`, `{"settings":{"reserved":null}}`, "[]", `{"a":`, `{"name":1e999}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var d rouse.Deployment
		err := decode(raw, &d)
		if err != nil && rouse.CodeOf(err) != rouse.Invalid {
			t.Fatalf("%q: %v", raw, err)
		}
		// What is accepted is no looser than the standard library.
		if err == nil && json.Unmarshal(raw, &d) != nil {
			t.Fatalf("%q is accepted", raw)
		}
	})
}
