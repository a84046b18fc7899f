package jobs

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
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
	coming []rouse.JobStatus
	// lasting has Next wait for the end of its context when nothing is to come.
	lasting bool
	filter  rouse.JobFilter
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

// Next tells of the statuses that are to come, one after the other, and then of
// the end of ctx.
func (k *kept) Next(ctx context.Context, last *rouse.Job) (*rouse.Job, bool, error) {
	_, k.waited = ctx.Deadline()
	if len(k.coming) == 0 {
		if k.lasting {
			<-ctx.Done()
		}
		return last, false, nil
	}
	k.status, k.coming = k.coming[0], k.coming[1:]
	j, err := k.Job(ctx, last.ID)
	return j, true, err
}

func (k *kept) List(_ context.Context, f rouse.JobFilter) ([]*rouse.Job, string, error) {
	k.filter = f
	return []*rouse.Job{{ID: id, JobStatus: k.status}}, "more", nil
}

func (k *kept) Payload(context.Context, *rouse.Job) ([]byte, error) { return []byte(k.answer), nil }

// call sends a request through the station to a function of a contract.
func call(k *kept, contract rouse.Contract, r *http.Request) *httptest.ResponseRecorder {
	cfg := Config{Jobs: k, MaxBody: 10, Slow: time.Minute, Webhook: noPrivate, Event: func(c *gateway.Call, _ time.Time) []byte { return append([]byte("event of "), c.Body...) }}
	at := func(next gateway.Handler) gateway.Handler {
		return func(c *gateway.Call) error {
			c.Ref, c.Path, c.Revision = rouse.Ref{Name: "f", Qualifier: rouse.Latest}, "/path", &rouse.Revision{Spec: rouse.Spec{Contract: contract}}
			c.Function = &rouse.Function{Name: "f"}
			c.Body = []byte("body")
			return next(c)
		}
	}
	sync := func(c *gateway.Call) error { c.Writer.WriteHeader(http.StatusTeapot); return nil }
	w := httptest.NewRecorder()
	gateway.Entry(gateway.Chain(sync, at, Station(cfg)), slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	return w
}

func noPrivate(url string) error {
	if strings.Contains(url, "10.0.0.1") {
		return rouse.Errorf(rouse.Invalid, "webhook %q: private", url)
	}
	return nil
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
		h.From != "192.0.2.1:1234" || h.Header.Get("X-Mine") != "1" || h.Header.Get("Prefer") != "" || string(k.got.Payload) != "12345" {
		t.Errorf("%d, submitted %+v, %+v", w.Code, k.got, h)
	}
	if w := call(k, rouse.ContractHTTP, post("12345678901", "Prefer", "respond-async")); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a body over the limit: %d", w.Code)
	}
	if w := call(k, rouse.ContractHTTP, post("", "Prefer", "respond-async", "Upgrade", "websocket")); w.Code != http.StatusBadRequest {
		t.Errorf("an upgrade: %d", w.Code)
	}
}

func TestAWebhookIsKeptWithTheWayBackAndBadOnesAreRefused(t *testing.T) {
	k := &kept{}
	w := call(k, rouse.ContractHTTP, post("1", "Prefer", "respond-async", "Webhook-Url", "https://example.com/done"))
	if w.Code != http.StatusAccepted || string(k.got.Notify) != `{"webhook":"https://example.com/done","base":"http://example.com"}` || k.got.HTTP.Header.Get("Webhook-Url") != "" {
		t.Errorf("%d, submitted %+v with %s", w.Code, k.got, k.got.Notify)
	}
	k = &kept{}
	if w := call(k, rouse.ContractLambda, post("1", "Prefer", "respond-async", "Webhook-Url", "https://10.0.0.1/")); w.Code != http.StatusBadRequest || k.got.Payload != nil {
		t.Errorf("a private one: %d, submitted %+v", w.Code, k.got)
	}
}

func ask(k *kept, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	a := &API{Reader: k, Stopping: context.Background(), Alive: time.Second}
	h := a.Handler
	if strings.HasPrefix(path, "/api/v1/jobs") {
		h = a.List
	}
	gateway.Entry(h, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	return w
}

func get(k *kept, path string, headers ...string) (int, map[string]any) {
	w := ask(k, "GET", path, headers...)
	var body map[string]any
	json.Unmarshal(w.Body.Bytes(), &body) //nolint:errcheck // then it is empty
	return w.Code, body
}

func TestAnAnswerIsShownAsWhatItIsOrByALink(t *testing.T) {
	const link = "http://example.com/jobs/" + id + "/result"
	for answer, want := range map[string][2]any{
		`{"a":1}`: {map[string]any{"a": 1.0}, nil}, "text": {"text", nil}, "\xff": {nil, link}, "": {nil, nil},
		strings.Repeat("1", 64<<10): bare(strings.Repeat("1", 64<<10)), strings.Repeat("1", 64<<10+1): {nil, link},
	} {
		k := &kept{answer: answer, status: rouse.JobStatus{State: rouse.JobSucceeded, Result: &rouse.JobResult{Size: len(answer)}}}
		w := ask(k, "GET", "/jobs/"+id)
		var body struct {
			Result json.RawMessage `json:"result"`
			URL    any             `json:"result_url"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		wanted, _ := json.Marshal(want[0])
		if raw, ok := want[0].(json.RawMessage); ok {
			wanted = raw
		}
		if want[0] == nil {
			wanted = nil
		}
		if w.Code != http.StatusOK || string(body.Result) != string(wanted) || body.URL != want[1] {
			t.Errorf("%.20q: %d %.40s at %v", answer, w.Code, body.Result, body.URL)
		}
	}
}

func bare(raw string) [2]any { return [2]any{json.RawMessage(raw), nil} }

func TestAResultIsGivenAsItWasAndMayDoNothingAsAPage(t *testing.T) {
	for _, c := range []struct {
		answer, kind string
		header       http.Header
	}{
		{`{"a":1}`, "application/json", nil},
		{"\xff", "application/octet-stream", nil},
		{"<script>", "text/html", http.Header{"Content-Type": {"text/html"}, "Set-Cookie": {"x=1"}}},
	} {
		k := &kept{answer: c.answer, status: rouse.JobStatus{State: rouse.JobSucceeded, Result: &rouse.JobResult{Size: len(c.answer), Header: c.header}}}
		w := ask(k, "GET", "/jobs/"+id+"/result")
		if h := w.Header(); w.Code != 200 || w.Body.String() != c.answer || h.Get("Content-Type") != c.kind || !strings.HasPrefix(h.Get("Content-Security-Policy"), "sandbox") || h.Get("Set-Cookie") != "" {
			t.Errorf("%q: %d %q %v", c.answer, w.Code, w.Body, h)
		}
	}
	for status, want := range map[rouse.JobState]int{rouse.JobRunning: http.StatusConflict, rouse.JobCancelled: http.StatusNotFound} {
		if w := ask(&kept{status: rouse.JobStatus{State: status}}, "GET", "/jobs/"+id+"/result"); w.Code != want {
			t.Errorf("of a job that is %s: %d, want %d", status, w.Code, want)
		}
	}
}

func TestALongPollWaitsForTheEndAndBadOnesAreRefused(t *testing.T) {
	running := rouse.JobStatus{State: rouse.JobRunning, Attempts: 1}
	k := &kept{status: running, coming: []rouse.JobStatus{{State: rouse.JobPending, Attempts: 1}, {State: rouse.JobSucceeded, Attempts: 2}, running}}
	if code, body := get(k, "/jobs/"+id, "Prefer", "wait=20"); code != http.StatusOK || !k.waited || body["status"] != "succeeded" {
		t.Errorf("%d %v, waited %v", code, body, k.waited)
	}
	k = &kept{status: running}
	if code, body := get(k, "/jobs/"+id); code != http.StatusOK || k.waited || body["status"] != "running" {
		t.Errorf("without: %d %v, waited %v", code, body, k.waited)
	}
	if code, _ := get(k, "/jobs/"+id, "Prefer", "wait=soon"); code != http.StatusBadRequest {
		t.Errorf("wait=soon: %d", code)
	}
	for path, want := range map[string]int{"/jobs/x": 404, "/jobs/" + id + "/other": 404} {
		if code, _ := get(k, path); code != want {
			t.Errorf("%s: %d", path, code)
		}
	}
	if w := ask(k, "POST", "/jobs/"+id); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD, DELETE" {
		t.Errorf("POST: %d %v", w.Code, w.Header())
	}
}

func TestAStreamTellsOfEachChangeUntilTheEnd(t *testing.T) {
	k := &kept{status: rouse.JobStatus{State: rouse.JobPending}, coming: []rouse.JobStatus{
		{State: rouse.JobRunning, Attempts: 1}, {State: rouse.JobFailed, Attempts: 1},
	}}
	w := ask(k, "GET", "/jobs/"+id, "Accept", "text/event-stream")
	var events []string
	for line := range strings.Lines(w.Body.String()) {
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			events = append(events, strings.TrimSpace(name))
		}
	}
	if got := strings.Join(events, " "); got != "pending running failed" || w.Header().Get("Content-Type") != "text/event-stream" {
		t.Errorf("events %s, headers %v", got, w.Header())
	}
}

func TestAQuietStreamSaysThatItGoesOnAndEndsWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kept{status: rouse.JobStatus{State: rouse.JobRunning}, lasting: true}
		stopping, stop := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer stop()
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/jobs/"+id, nil)
		r.Header.Set("Accept", "text/event-stream")
		a := &API{Reader: k, Stopping: stopping, Alive: time.Second}
		gateway.Entry(a.Handler, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
		if n := strings.Count(w.Body.String(), ": still running\n"); n != 3 || strings.Count(w.Body.String(), "event:") != 1 {
			t.Errorf("got %q, want one event and three signs of life", w.Body)
		}
	})
}

func TestAListingIsFilteredAndSaysWhereItGoesOn(t *testing.T) {
	k := &kept{status: rouse.JobStatus{State: rouse.JobFailed}}
	code, body := get(k, "/api/v1/jobs?function=f&status=failed&limit=7&after=x")
	if want := (rouse.JobFilter{Function: "f", State: rouse.JobFailed, Most: 7, After: "x"}); code != 200 || k.filter != want || body["next"] != "more" {
		t.Errorf("%d %v, asked for %+v", code, body, k.filter)
	}
	for _, query := range []string{"status=dead", "limit=0", "limit=1001", "limit=x", "function=a+b"} {
		if code, _ := get(k, "/api/v1/jobs?"+query); code != http.StatusBadRequest {
			t.Errorf("%s: %d", query, code)
		}
	}
}
