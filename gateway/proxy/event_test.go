package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"pgregory.net/rapid"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
	"github.com/rousehq/rouse/gateway/internal/rawjson"
)

// capture keeps the event's payload for a test to look at.
func capture(into *[]byte) *eventTarget {
	return &eventTarget{func(ev *rouse.Event) (*rouse.Result, error) {
		*into = ev.Payload
		return &rouse.Result{Payload: []byte(`null`)}, nil
	}}
}

func TestARequestBecomesAPayload2Event(t *testing.T) {
	var payload []byte
	f := newFront(t, capture(&payload))
	f.prefix = "/fn/fn"
	req := request(t, "POST", f.URL+"/a%2Fb/c?x=1&x=2&y=%20z&bad=%zz", strings.NewReader(`{"k":"v"}`))
	req.Header["Cookie"] = []string{"a=1; b=2", "c=3"}
	req.Header["X-Many"] = []string{"1", "2"}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "tester/1")
	req.Header.Set("X-Forwarded-For", "10.0.0.1")
	req.Header.Set("Connection", "X-Secret")
	req.Header.Set("X-Secret", "for the next hop only")
	do(t, req)
	var ev events.APIGatewayV2HTTPRequest
	dec := json.NewDecoder(strings.NewReader(string(payload)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&ev); err != nil {
		t.Fatalf("%v in %s", err, payload)
	}
	for what, pair := range map[string][2]any{
		"version":     {ev.Version, "2.0"},
		"routeKey":    {ev.RouteKey, "$default"},
		"rawPath":     {ev.RawPath, "/a%2Fb/c"},
		"query":       {ev.RawQueryString, "x=1&x=2&y=%20z&bad=%zz"},
		"parameters":  {ev.QueryStringParameters, map[string]string{"x": "1,2", "y": " z"}},
		"cookies":     {ev.Cookies, []string{"a=1", "b=2", "c=3"}},
		"cookie":      {ev.Headers["cookie"], ""},
		"repeated":    {ev.Headers["x-many"], "1,2"},
		"hop by hop":  {ev.Headers["x-secret"], ""},
		"length":      {ev.Headers["content-length"], "9"},
		"host":        {ev.Headers["host"], strings.TrimPrefix(f.URL, "http://")},
		"for":         {ev.Headers["x-forwarded-for"], "10.0.0.1, 127.0.0.1"},
		"proto":       {ev.Headers["x-forwarded-proto"], "http"},
		"prefix":      {ev.Headers["x-forwarded-prefix"], "/fn/fn"},
		"body":        {ev.Body, `{"k":"v"}`},
		"base64":      {ev.IsBase64Encoded, false},
		"method":      {ev.RequestContext.HTTP.Method, "POST"},
		"path":        {ev.RequestContext.HTTP.Path, "/a%2Fb/c"},
		"protocol":    {ev.RequestContext.HTTP.Protocol, "HTTP/1.1"},
		"ip":          {ev.RequestContext.HTTP.SourceIP, "127.0.0.1"},
		"agent":       {ev.RequestContext.HTTP.UserAgent, "tester/1"},
		"stage":       {ev.RequestContext.Stage, "$default"},
		"api":         {ev.RequestContext.APIID, "fn"},
		"domain":      {ev.RequestContext.DomainName, "127.0.0.1"},
		"account":     {len(ev.RequestContext.AccountID), 12},
		"request id":  {len(ev.RequestContext.RequestID), 36},
		"recent":      {time.Since(time.UnixMilli(ev.RequestContext.TimeEpoch)) < time.Minute, true},
		"header id":   {ev.Headers["x-request-id"], ev.RequestContext.RequestID},
		"time's form": {strings.HasSuffix(ev.RequestContext.Time, " +0000"), true},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
}

func TestBodiesAreBase64UnlessTheyAreText(t *testing.T) {
	for _, tc := range []struct {
		kind, encoding, body string
		base64               bool
	}{
		{"application/json", "", "{}", false},
		{"application/json; charset=utf-8", "", "{}", false},
		{"application/problem+json", "", "{}", false},
		{"text/plain", "", "grüß", false},
		{"image/svg+xml", "", "<svg/>", false},
		{"", "", "plain", false},
		{"text/plain", "", "\xff\xfe", true},
		{"application/json", "gzip", "{}", true},
		{"application/x-www-form-urlencoded", "", "a=b", true},
		{"multipart/form-data; boundary=x", "", "--x--", true},
		{"application/octet-stream", "", "abc", true},
	} {
		var payload []byte
		f := newFront(t, capture(&payload))
		req := request(t, "POST", f.URL, strings.NewReader(tc.body))
		req.Header.Set("Content-Type", tc.kind)
		if tc.encoding != "" {
			req.Header.Set("Content-Encoding", tc.encoding)
		}
		do(t, req)
		var ev struct {
			Body            any
			IsBase64Encoded bool
		}
		if err := json.Unmarshal(payload, &ev); err != nil {
			t.Fatal(err)
		}
		if ev.IsBase64Encoded != tc.base64 || (!tc.base64 && ev.Body != tc.body) {
			t.Errorf("%s %s: %+v", tc.kind, tc.encoding, ev)
		}
	}
}

func TestResultsBecomeResponses(t *testing.T) {
	for name, tc := range map[string]struct {
		result, method string
		status         int
		header         http.Header
		body           string
	}{
		"plain object": {result: `{"a":1}`, status: 200, header: http.Header{"Content-Type": {"application/json"}}, body: `{"a":1}`},
		"plain string": {result: `"hi"`, status: 200, body: `"hi"`},
		"null":         {result: `null`, status: 200, body: `null`},
		"number":       {result: ` 12 `, status: 200, body: ` 12 `},
		"empty":        {result: ``, status: 200, body: ``},
		"body only":    {result: `{"body":"x"}`, status: 200, body: `{"body":"x"}`},
		"full": {result: ` {"statusCode": 201, "headers": {"content-type":"text/html","X-N": 5, "x-b":true, "x-nil":null}, "cookies":["a=1; Path=/","b=2"], "body":"<b>\u00e9\n</b>"} `,
			status: 201, header: http.Header{"Content-Type": {"text/html"}, "X-N": {"5"}, "X-B": {"true"}, "Set-Cookie": {"a=1; Path=/", "b=2"}}, body: "<b>é\n</b>"},
		"multi":          {result: `{"statusCode":200,"multiValueHeaders":{"x-m":["1","2"]}}`, status: 200, header: http.Header{"X-M": {"1", "2"}, "Content-Type": {"application/json"}}},
		"base64":         {result: `{"statusCode":"200","body":"aGk=","isBase64Encoded":true}`, status: 200, body: "hi"},
		"no content":     {result: `{"statusCode":204,"body":"ignored"}`, status: 204},
		"head":           {result: `{"statusCode":200,"body":"abc"}`, method: "HEAD", status: 200, header: http.Header{"Content-Length": {"3"}}},
		"own length":     {result: `{"statusCode":200,"headers":{"Content-Length":"99","Connection":"close"},"body":"abc"}`, status: 200, header: http.Header{"Content-Length": {"3"}}, body: "abc"},
		"streamed":       {result: `{"statusCode":203,"headers":{"X-S":"1"},"cookies":["c=d"]}` + "\x00\x00\x00\x00\x00\x00\x00\x00" + "a\x00b", status: 203, header: http.Header{"X-S": {"1"}, "Set-Cookie": {"c=d"}}, body: "a\x00b"},
		"not JSON":       {result: `oops`, status: 502, body: "not JSON"},
		"status 99":      {result: `{"statusCode":99}`, status: 502, body: "statusCode must be"},
		"status word":    {result: `{"statusCode":"ok"}`, status: 502, body: "statusCode must be"},
		"status object":  {result: `{"statusCode":{}}`, status: 502, body: "statusCode must be"},
		"body object":    {result: `{"statusCode":200,"body":{}}`, status: 502, body: "body must be a string"},
		"headers list":   {result: `{"statusCode":200,"headers":[]}`, status: 502, body: "headers must be an object"},
		"header object":  {result: `{"statusCode":200,"headers":{"a":{}}}`, status: 502, body: "must be a string"},
		"header nesting": {result: `{"statusCode":200,"headers":{"a":[["b"]]}}`, status: 502, body: "must be a string"},
		"header name":    {result: `{"statusCode":200,"headers":{"a b":"c"}}`, status: 502, body: "not a header's name"},
		"cookies string": {result: `{"statusCode":200,"cookies":"a=b"}`, status: 502, body: "cookies must be"},
		"bad base64":     {result: `{"statusCode":200,"body":"%","isBase64Encoded":true}`, status: 502, body: "not base64"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFront(t, &eventTarget{func(*rouse.Event) (*rouse.Result, error) {
				return &rouse.Result{Payload: []byte(tc.result)}, nil
			}})
			if tc.method == "" {
				tc.method = "GET"
			}
			res, body := do(t, request(t, tc.method, f.URL, nil))
			if res.StatusCode != tc.status {
				t.Fatalf("status %d: %s", res.StatusCode, body)
			}
			if tc.status == 502 {
				if !strings.Contains(body, tc.body) || !strings.Contains(body, `"code":"function_error"`) {
					t.Errorf("body %s", body)
				}
			} else if body != tc.body {
				t.Errorf("body %q, want %q", body, tc.body)
			}
			for name, values := range tc.header {
				if !reflect.DeepEqual(res.Header[name], values) {
					t.Errorf("%s: %q, want %q", name, res.Header[name], values)
				}
			}
			f.wantReleased(t, 1)
		})
	}
}

func TestTheRequestsIDIsNotTheFunctionsToSay(t *testing.T) {
	f := newFront(t, &eventTarget{func(*rouse.Event) (*rouse.Result, error) {
		return &rouse.Result{Payload: []byte(`{"statusCode": 200, "headers": {"x-request-id": "its own"}}`)}, nil
	}})
	req := request(t, "GET", f.URL, nil)
	req.Header.Set("X-Request-Id", "01993f5c-the-clients")
	if res, _ := do(t, req); !reflect.DeepEqual(res.Header["X-Request-Id"], []string{"01993f5c-the-clients"}) {
		t.Errorf("X-Request-Id: %q", res.Header["X-Request-Id"])
	}
}

func TestAHandlersFailureIs502WithItsTypeAndMessage(t *testing.T) {
	f := newFront(t, &eventTarget{func(*rouse.Event) (*rouse.Result, error) {
		return &rouse.Result{Failure: &rouse.Failure{Type: "KeyError", Message: "'x'", Trace: []string{"line"}}}, nil
	}})
	res, body := do(t, request(t, "GET", f.URL, nil))
	for _, part := range []string{`"code":"function_error"`, `"errorType":"KeyError"`, `"errorMessage":"'x'"`} {
		if res.StatusCode != 502 || !strings.Contains(body, part) {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
	}
	if err := f.wantReleased(t, 1); err != nil {
		t.Fatal("a handler's own error does not break its process:", err)
	}
}

func TestAnEventsErrorReachesClientAndLease(t *testing.T) {
	failure := &rouse.Error{Code: rouse.Timeout, Message: "Task timed out", Cause: rouse.ErrBroken}
	f := newFront(t, &eventTarget{func(*rouse.Event) (*rouse.Result, error) { return nil, failure }})
	res, body := do(t, request(t, "GET", f.URL, nil))
	if res.StatusCode != 504 || !strings.Contains(body, "Task timed out") {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	if err := f.wantReleased(t, 1); !errors.Is(err, rouse.ErrBroken) {
		t.Fatal(err)
	}
}

func TestAPanicReleasesTheLeaseAsBroken(t *testing.T) {
	f := newFront(t, &eventTarget{func(*rouse.Event) (*rouse.Result, error) { panic("oh") }})
	if res, _ := do(t, request(t, "GET", f.URL, nil)); res.StatusCode != 500 {
		t.Fatal(res.Status)
	}
	if err := f.wantReleased(t, 1); !errors.Is(err, rouse.ErrBroken) {
		t.Fatal(err)
	}
}

func TestAColdStartIsToldWithItsPhases(t *testing.T) {
	f := newFront(t, &eventTarget{func(*rouse.Event) (*rouse.Result, error) { return &rouse.Result{Payload: []byte("1")}, nil }})
	res, _ := do(t, request(t, "GET", f.URL, nil))
	if res.Header.Get("X-Rouse-Start") != "warm" || res.Header.Get("Server-Timing") != "" {
		t.Error("warm:", res.Header)
	}
	f.cold = true
	res, _ = do(t, request(t, "GET", f.URL, nil))
	if res.Header.Get("X-Rouse-Start") != "cold" || !strings.HasPrefix(res.Header.Get("Server-Timing"), "queue;dur=1.000, init;dur=2.500, first-byte;dur=") {
		t.Error("cold:", res.Header)
	}
}

func TestStringsAreWrittenAsEncodingJSONReadsThem(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(rt, "bytes"))
		var got string
		if err := json.Unmarshal(appendJSON(nil, s), &got); err != nil || got != strings.ToValidUTF8(fixed(s), "\ufffd") {
			rt.Fatalf("%q became %q, %v", s, got, err)
		}
	})
}

// fixed replaces each bad byte by itself; ToValidUTF8 would join runs of them.
func fixed(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteRune(r)
	}
	return b.String()
}

func TestMembersAreThoseOfEncodingJSON(t *testing.T) {
	value := rapid.Deferred(func() *rapid.Generator[any] {
		return rapid.OneOf(rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Float64Range(-9, 9).AsAny(), rapid.String().AsAny(),
			rapid.MapOfN(rapid.StringN(0, 3, 9), rapid.String(), 0, 3).AsAny(), rapid.SliceOfN(rapid.String(), 0, 3).AsAny())
	})
	rapid.Check(t, func(rt *rapid.T) {
		object := rapid.MapOf(rapid.StringMatching(`[a-z]{1,5}`), value).Draw(rt, "object")
		b, err := json.MarshalIndent(object, "", rapid.SampledFrom([]string{"", " "}).Draw(rt, "indent"))
		if err != nil {
			rt.Fatal(err)
		}
		got := map[string]json.RawMessage{}
		rawjson.Members(b, func(key string, value []byte) error {
			got[key] = value
			return nil
		})
		want := map[string]json.RawMessage{}
		if err := json.Unmarshal(b, &want); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			rt.Fatalf("%s: got %s, want %s", b, got, want)
		}
	})
}

func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"statusCode":200,"headers":{"a":"b"},"cookies":["c"],"body":"d"}`))
	f.Add([]byte(`{"statusCode":200}` + "\x00\x00\x00\x00\x00\x00\x00\x00x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		rep, err := parseReply(b)
		if err == nil && (rep.status < 200 || rep.status > 599) {
			t.Fatalf("status %d", rep.status)
		}
		if err != nil && rouse.CodeOf(err) != rouse.FunctionError {
			t.Fatal(err)
		}
	})
}

func TestACallByAFunctionURLIsAnEventOfThatURL(t *testing.T) {
	for _, stream := range []bool{false, true} {
		var got *rouse.Event
		f := newFront(t, &eventTarget{func(ev *rouse.Event) (*rouse.Result, error) {
			got = ev
			return &rouse.Result{Payload: []byte(`{"statusCode":201,"headers":{"x-mine":"a"}}`)}, nil
		}})
		f.url = &gateway.URLCall{ID: "urlid", ARN: "arn:of:f:live", Stream: stream, Head: func(h http.Header) { h.Set("X-Mine", h.Get("X-Mine")+"b") }}
		res, _ := do(t, request(t, "GET", f.URL+"/a", nil))
		var ev events.LambdaFunctionURLRequest
		if err := json.Unmarshal(got.Payload, &ev); err != nil {
			t.Fatalf("%v in %s", err, got.Payload)
		}
		about := ev.RequestContext
		if about.AccountID != "anonymous" || about.APIID != "urlid" || about.DomainPrefix != "urlid" || about.DomainName != "127.0.0.1" || about.HTTP.Path != "/a" || about.Authorizer != nil {
			t.Errorf("%+v", about)
		}
		port, root := ev.Headers["x-forwarded-port"], ev.Headers["x-amzn-trace-id"]
		if !strings.HasSuffix(f.URL, ":"+port) || !strings.HasPrefix(root, "Root=1-") || !strings.HasPrefix(got.TraceID, root+";Parent=") {
			t.Errorf("port %s, trace %s of %s", port, root, got.TraceID)
		}
		if got.ARN != "arn:of:f:live" || (got.Stream != nil) != stream || res.StatusCode != 201 || res.Header.Get("X-Mine") != "ab" {
			t.Errorf("stream %v: event %+v, answer %d %v", stream, got, res.StatusCode, res.Header)
		}
	}
}
