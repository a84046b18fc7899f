package adminapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

func TestAnEventAndItsResultPassUntouched(t *testing.T) {
	p := newPlatform()
	var got *rouse.Event
	p.invoke = func(ev *rouse.Event) (*rouse.Result, error) {
		got = ev
		return &rouse.Result{Payload: []byte(`{ "b":1,"a":2 }`)}, nil
	}
	s := serve(t, p)
	r, _ := http.NewRequest("POST", s.URL+"/api/v1/functions/hello/invocations?qualifier=$LATEST", strings.NewReader(` {"x": 1}`))
	r.Header.Set("X-Request-Id", "my-request")
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.Header.Get("X-Rouse-Start") != "warm" || res.Header.Get("X-Request-Id") != "my-request" || got.ID != "my-request" {
		t.Errorf("headers %v, event %+v", res.Header, got)
	}
	for body, want := range map[string]string{` {"x": 1}`: ` {"x": 1}`, "": "{}", "null": "null", `"text"`: `"text"`} {
		status, answer := call(t, s, "POST", "/api/v1/functions/hello/invocations", body)
		if status != 200 || answer != `{ "b":1,"a":2 }` || string(got.Payload) != want {
			t.Errorf("%q: %d %s; the event was %s", body, status, answer, got.Payload)
		}
	}
	if p.released != 5 {
		t.Errorf("%d leases were released", p.released)
	}
}

func TestFailedInvocationsTellWhy(t *testing.T) {
	p := newPlatform()
	s := serve(t, p)
	for _, tt := range []struct {
		result *rouse.Result
		err    error
		status int
		want   string
	}{
		{&rouse.Result{Failure: &rouse.Failure{Type: "KeyError", Message: "'x'"}}, nil, 502, `"errorType":"KeyError","errorMessage":"'x'"`},
		{nil, rouse.Errorf(rouse.Timeout, "Task timed out after 1.00 seconds"), 504, "Task timed out"},
		{nil, &rouse.Error{Code: rouse.FunctionError, Message: "exit", Cause: rouse.ErrBroken}, 502, `"code":"function_error"`},
	} {
		p.invoke = func(*rouse.Event) (*rouse.Result, error) { return tt.result, tt.err }
		if status, body := call(t, s, "POST", "/api/v1/functions/hello/invocations", "{}"); status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("got %d %s, want %d %s", status, body, tt.status, tt.want)
		}
	}
}

func TestBadInvocationsReachNoInstance(t *testing.T) {
	p := newPlatform()
	p.invoke = func(*rouse.Event) (*rouse.Result, error) {
		t.Error("the function was called")
		return &rouse.Result{}, nil
	}
	s := serve(t, p)
	for _, tt := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"hello/invocations", "{", 400, "must be JSON"},
		{"hello/invocations", "\xff", 400, "must be JSON"},
		{"hello/invocations", `"` + strings.Repeat("x", 1000) + `"`, 413, "too_large"},
		{"hello/invocations?qualifier=9", "{}", 404, "qualifier"},
		{"hello/invocations?qualifier=a/b", "{}", 400, "qualifier"},
		{"unknown/invocations", "{}", 404, "not_found"},
		{"web/invocations", "{}", 400, "send HTTP to /fn/web/"},
	} {
		if status, body := call(t, s, "POST", "/api/v1/functions/"+tt.path, tt.body); status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s with %.20q: %d %s", tt.path, tt.body, status, body)
		}
	}
}

func TestANextStartIsArranged(t *testing.T) {
	p := newPlatform()
	s := serve(t, p)
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"hello/next-start", `{"from":"cold"}`, http.StatusNoContent},
		{"web/next-start?qualifier=$LATEST", `{"from":"cell","force":true}`, http.StatusNoContent},
		{"hello/next-start", `{"from":"cell"}`, http.StatusConflict},
		{"hello/next-start", `{"form":"cell"}`, http.StatusBadRequest},
		{"hello/next-start?qualifier=nobody", `{"from":"cell"}`, http.StatusNotFound},
		{"nobody/next-start", `{"from":"cell"}`, http.StatusNotFound},
	} {
		if status, body := call(t, s, http.MethodPut, "/api/v1/functions/"+c.path, c.body); status != c.status {
			t.Errorf("%s %s: %d %s", c.path, c.body, status, body)
		}
	}
	if want := []rouse.Tier{rouse.TierCold, rouse.TierCell, rouse.TierCell}; !slices.Equal(p.arranged, want) {
		t.Errorf("arranged %v, want %v", p.arranged, want)
	}
}
