package jobs

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

const id = "01993f5c-1111-7111-8111-111111111111"

// kept is Jobs with one job.
type kept struct {
	got    rouse.JobRequest
	status rouse.JobStatus
	answer string
	waited bool
}

func (k *kept) Submit(_ context.Context, r rouse.JobRequest) (*rouse.Job, bool, error) {
	k.got = r
	return &rouse.Job{ID: id, Request: r, JobStatus: rouse.JobStatus{State: rouse.JobPending}}, r.Key == "", nil
}

func (k *kept) Job(_ context.Context, asked string) (*rouse.Job, error) {
	if asked != id {
		return nil, rouse.Errorf(rouse.NotFound, "no job %q", asked)
	}
	return &rouse.Job{ID: id, Request: k.got, JobStatus: k.status}, nil
}

func (k *kept) Wait(ctx context.Context, asked string) (*rouse.Job, error) {
	_, k.waited = ctx.Deadline()
	return k.Job(ctx, asked)
}

func (k *kept) Payload(context.Context, *rouse.Job) ([]byte, error) { return []byte(k.answer), nil }

// call sends a request through the station to a function of a contract.
func call(k *kept, contract rouse.Contract, r *http.Request) *httptest.ResponseRecorder {
	cfg := Config{Jobs: k, MaxBody: 10, Event: func(c *gateway.Call, _ time.Time) []byte { return append([]byte("event of "), c.Body...) }}
	at := func(next gateway.Handler) gateway.Handler {
		return func(c *gateway.Call) error {
			c.Ref, c.Path, c.Revision = rouse.Ref{Name: "f", Qualifier: rouse.Latest}, "/path", &rouse.Revision{Spec: rouse.Spec{Contract: contract}}
			c.Body = []byte("body")
			return next(c)
		}
	}
	sync := func(c *gateway.Call) error { c.Writer.WriteHeader(http.StatusTeapot); return nil }
	w := httptest.NewRecorder()
	gateway.Entry(gateway.Chain(sync, at, Station(cfg)), slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	return w
}

func post(body string, headers ...string) *http.Request {
	r := httptest.NewRequest("POST", "/fn/f/path?q=1", strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestOnlyACallThatPrefersItBecomesAJob(t *testing.T) {
	for header, async := range map[string]bool{
		"": false, "respond-async": true, "wait=5, Respond-Async": true, "respond-async; x=y": true, "return=minimal": false,
	} {
		k := &kept{}
		w := call(k, rouse.ContractLambda, post("x", "Prefer", header))
		if (w.Code == http.StatusAccepted) != async || (w.Code == http.StatusTeapot) == async {
			t.Errorf("Prefer: %s: %d", header, w.Code)
		}
	}
}

func TestAnAcceptedCallIsToldWhereItsJobIs(t *testing.T) {
	k := &kept{}
	w := call(k, rouse.ContractLambda, post("x", "Prefer", "respond-async", "Idempotency-Key", "k", "X-Amzn-Trace-Id", "Root=1"))
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got["request_id"] != id || got["status"] != "pending" || got["poll_url"] != "http://example.com/jobs/"+id || got["existing"] != true {
		t.Errorf("body %v", got)
	}
	if h := w.Header(); h.Get("Location") != "/jobs/"+id || h.Get("Preference-Applied") != "respond-async" {
		t.Errorf("headers %v", h)
	}
	if k.got.Key != "k" || k.got.TraceID != "Root=1" || string(k.got.Payload) != "event of body" || k.got.HTTP != nil {
		t.Errorf("submitted %+v", k.got)
	}
}

func TestARequestToAnHTTPFunctionIsKeptWhole(t *testing.T) {
	k := &kept{}
	w := call(k, rouse.ContractHTTP, post("12345", "Prefer", "respond-async", "X-Mine", "1"))
	h := k.got.HTTP
	if w.Code != http.StatusAccepted || h == nil || h.Method != "POST" || h.Path != "/path" || h.Query != "q=1" ||
		h.Header.Get("X-Mine") != "1" || h.Header.Get("Prefer") != "" || string(k.got.Payload) != "12345" {
		t.Errorf("%d, submitted %+v, %+v", w.Code, k.got, h)
	}
	if w := call(k, rouse.ContractHTTP, post("12345678901", "Prefer", "respond-async")); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a body over the limit: %d", w.Code)
	}
	if w := call(k, rouse.ContractHTTP, post("", "Prefer", "respond-async", "Upgrade", "websocket")); w.Code != http.StatusBadRequest {
		t.Errorf("an upgrade: %d", w.Code)
	}
}

func get(k *kept, path string, headers ...string) (int, map[string]any) {
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	gateway.Entry(Get(k, context.Background()), slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	var body map[string]any
	json.Unmarshal(w.Body.Bytes(), &body) //nolint:errcheck // then it is empty
	return w.Code, body
}

func TestAnAnswerIsShownAsWhatItIs(t *testing.T) {
	for answer, want := range map[string][2]any{
		`{"a":1}`: {map[string]any{"a": 1.0}, nil}, "text": {"text", nil}, "\xff": {nil, "/w=="}, "": {nil, nil},
	} {
		k := &kept{answer: answer, status: rouse.JobStatus{State: rouse.JobSucceeded, Result: &rouse.JobResult{Size: len(answer)}}}
		code, body := get(k, "/jobs/"+id)
		text, _ := json.Marshal([2]any{body["result"], body["result_base64"]})
		wanted, _ := json.Marshal(want)
		if code != http.StatusOK || string(text) != string(wanted) {
			t.Errorf("%q: %d %s, want %s", answer, code, text, wanted)
		}
	}
}

func TestALongPollWaitsAndBadOnesAreRefused(t *testing.T) {
	k := &kept{status: rouse.JobStatus{State: rouse.JobRunning, Attempts: 1}}
	if code, body := get(k, "/jobs/"+id, "Prefer", "wait=20"); code != http.StatusOK || !k.waited || body["status"] != "running" {
		t.Errorf("%d %v, waited %v", code, body, k.waited)
	}
	if code, _ := get(k, "/jobs/"+id, "Prefer", "wait=soon"); code != http.StatusBadRequest {
		t.Errorf("wait=soon: %d", code)
	}
	if code, _ := get(k, "/jobs/x"); code != http.StatusNotFound {
		t.Errorf("an unknown job: %d", code)
	}
}
