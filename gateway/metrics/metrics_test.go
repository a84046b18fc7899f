package metrics_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
	"github.com/rousehq/rouse/gateway/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// platform is what the metrics are told of: a snapshot, and which functions exist.
type platform struct {
	snapshot metrics.Snapshot
	mu       sync.Mutex
	gone     map[rouse.FunctionName]bool
}

func (p *platform) exists(fn rouse.FunctionName) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.gone[fn]
}

func (p *platform) metrics() *metrics.Metrics {
	return metrics.New(metrics.Config{
		Version: "1.2.3", Driver: "process", Log: slog.New(slog.DiscardHandler),
		Snapshot: func() metrics.Snapshot { return p.snapshot }, Exists: p.exists,
	})
}

func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func wantLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
}

// pass sends a call of fn through the station, to next, behind the way in.
func pass(m *metrics.Metrics, fn rouse.FunctionName, ctx context.Context, next gateway.Handler) {
	defer func() { recover() }() // a cut connection
	h := gateway.Entry(func(c *gateway.Call) error {
		c.Function = &rouse.Function{Name: fn}
		return m.Station(next)(c)
	}, slog.New(slog.DiscardHandler))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx))
}

func TestRequestsAreCountedByOutcome(t *testing.T) {
	m := (&platform{}).metrics()
	left, leave := context.WithCancel(t.Context())
	leave()
	status := func(n int) gateway.Handler {
		return func(c *gateway.Call) error { c.Writer.WriteHeader(n); return nil }
	}
	pass(m, "hello", t.Context(), func(*gateway.Call) error { return nil })
	pass(m, "hello", t.Context(), status(302))
	pass(m, "hello", t.Context(), status(404))
	pass(m, "hello", t.Context(), status(500))
	pass(m, "hello", t.Context(), func(*gateway.Call) error { return rouse.Errorf(rouse.Throttled, "full") })
	pass(m, "hello", t.Context(), func(*gateway.Call) error { return errors.New("a bug") })
	pass(m, "hello", t.Context(), func(*gateway.Call) error { panic("a bug") })
	pass(m, "hello", t.Context(), func(*gateway.Call) error { return gateway.ErrClientGone })
	pass(m, "hello", left, func(*gateway.Call) error { return context.Canceled })
	pass(m, "hello", left, func(*gateway.Call) error { panic(http.ErrAbortHandler) })
	pass(m, "other", t.Context(), status(200))
	wantLines(t, scrape(t, m),
		`rouse_requests_total{function="hello",outcome="ok"} 2`,
		`rouse_requests_total{function="hello",outcome="client_error"} 1`,
		`rouse_requests_total{function="hello",outcome="server_error"} 1`,
		`rouse_requests_total{function="hello",outcome="throttled"} 1`,
		`rouse_requests_total{function="hello",outcome="internal"} 2`,
		`rouse_requests_total{function="hello",outcome="client_gone"} 3`,
		`rouse_request_duration_seconds_count{function="hello"} 10`,
		`rouse_requests_total{function="other",outcome="ok"} 1`,
	)
}

func TestStartsAndEvictionsAreCounted(t *testing.T) {
	m := (&platform{}).metrics()
	m.InstanceStarted("hello", rouse.TierCell, []rouse.Timing{
		{Phase: rouse.PhaseSandbox, Took: 200 * time.Millisecond}, {Phase: rouse.PhaseInit, Took: 3 * time.Millisecond},
	}, nil)
	m.InstanceStarted("hello", rouse.TierCold, []rouse.Timing{{Phase: rouse.PhaseSandbox, Took: time.Second}}, rouse.Errorf(rouse.StartFailed, "crashed"))
	m.InstanceStarted("hello", "", []rouse.Timing{{Phase: rouse.PhaseInit, Took: time.Millisecond}}, nil)
	m.InstanceThawed("hello", 100*time.Microsecond)
	m.Evicted("hello")
	text := scrape(t, m)
	wantLines(t, text,
		`rouse_starts_total{function="hello",outcome="ok"} 2`,
		`rouse_starts_total{function="hello",outcome="start_failed"} 1`,
		`rouse_start_phase_seconds_count{phase="sandbox",tier="cell"} 1`,
		`rouse_start_phase_seconds_sum{phase="init",tier="cell"} 0.003`,
		`rouse_start_phase_seconds_sum{phase="init",tier="restart"} 0.001`,
		`rouse_start_phase_seconds_sum{phase="thaw",tier="frozen"} 0.0001`,
		`rouse_evictions_total{function="hello"} 1`,
	)
}

func TestTheStateIsReadAtTheScrape(t *testing.T) {
	p := &platform{}
	m := p.metrics()
	if text := scrape(t, m); strings.Contains(text, "rouse_instances{") {
		t.Error("an instance without there being one")
	}
	p.snapshot = metrics.Snapshot{
		Instances: []rouse.Instance{
			{Function: "hello", State: rouse.Ready, InFlight: 3}, {Function: "hello", State: rouse.Ready, InFlight: 1},
			{Function: "hello", State: rouse.Starting}, {Function: "other", State: rouse.Draining, InFlight: 1},
		},
		Waiting: 5, QueueBytes: 1024, MemoryBudget: 4 * rouse.GB, MemoryInUse: rouse.GB,
		Cells: &rouse.Cells{Most: 4, Ready: 2, Making: 1, Memory: 7 * rouse.MB, Kinds: []rouse.CellKind{{Kind: "none", Ready: 2, Making: 1}}},
	}
	wantLines(t, scrape(t, m),
		`rouse_instances{function="hello",state="ready"} 2`,
		`rouse_instances{function="hello",state="starting"} 1`,
		`rouse_instances{function="hello",state="draining"} 0`,
		`rouse_instances{function="other",state="draining"} 1`,
		`rouse_requests_in_flight{function="hello"} 4`,
		`rouse_requests_waiting 5`,
		`rouse_queue_bytes 1024`,
		`rouse_memory_budget_bytes 4.294967296e+09`,
		`rouse_memory_in_use_bytes 1.073741824e+09`,
		`rouse_cells{kind="none",state="ready"} 2`,
		`rouse_cells{kind="none",state="making"} 1`,
		`rouse_cell_memory_bytes 7.340032e+06`,
	)
}

func TestADeletedFunctionsSeriesGoAtTheNextScrape(t *testing.T) {
	p := &platform{gone: map[rouse.FunctionName]bool{}}
	m := p.metrics()
	for _, fn := range []rouse.FunctionName{"hello", "other"} {
		pass(m, fn, t.Context(), func(*gateway.Call) error { return nil })
		pass(m, fn, t.Context(), func(*gateway.Call) error { return rouse.Errorf(rouse.Timeout, "late") })
		m.InstanceStarted(fn, rouse.TierCold, nil, nil)
		m.Evicted(fn)
	}
	m.Evicted("only-evicted")
	p.gone["hello"], p.gone["only-evicted"] = true, true
	text := scrape(t, m)
	if strings.Contains(text, `"hello"`) || strings.Contains(text, "only-evicted") {
		t.Error("series of a deleted function are left")
	}
	if n := strings.Count(text, `function="other"`); n < 6 {
		t.Errorf("%d lines are left of another function", n)
	}
	delete(p.gone, "hello")
	pass(m, "hello", t.Context(), func(*gateway.Call) error { return nil })
	wantLines(t, scrape(t, m), `rouse_requests_total{function="hello",outcome="ok"} 1`)
}

func TestPrometheusFindsNothingToComplainOf(t *testing.T) {
	p := &platform{snapshot: metrics.Snapshot{Instances: []rouse.Instance{{Function: "hello", State: rouse.Ready}}}}
	m := p.metrics()
	pass(m, "hello", t.Context(), func(*gateway.Call) error { return nil })
	m.InstanceStarted("hello", "", []rouse.Timing{{Phase: rouse.PhaseInit}}, nil)
	m.InstanceStarted("hello", "", []rouse.Timing{{Phase: rouse.PhaseInit, Took: time.Millisecond}}, nil)
	m.InstanceThawed("hello", 100*time.Microsecond)
	m.Evicted("hello")
	text := scrape(t, m)
	problems, err := promlint.New(bytes.NewReader([]byte(text))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		if strings.HasPrefix(problem.Metric, "rouse_") {
			t.Errorf("%s: %s", problem.Metric, problem.Text)
		}
	}
	if !strings.Contains(text, `rouse_build_info{driver="process",goversion="go1`) || !strings.Contains(text, "go_goroutines ") || !strings.Contains(text, "process_resident_memory_bytes ") {
		t.Error("build, Go or process metrics are missing")
	}
}

func TestConcurrentCallsAndScrapes(t *testing.T) {
	p := &platform{gone: map[rouse.FunctionName]bool{"gone": true}}
	m := p.metrics()
	var all sync.WaitGroup
	for _, fn := range []rouse.FunctionName{"hello", "other", "gone", "hello"} {
		all.Go(func() {
			for range 200 {
				pass(m, fn, t.Context(), func(*gateway.Call) error { return nil })
			}
		})
	}
	all.Go(func() {
		for range 20 {
			scrape(t, m)
		}
	})
	all.Wait()
	wantLines(t, scrape(t, m), `rouse_requests_total{function="hello",outcome="ok"} 400`, `rouse_requests_total{function="other",outcome="ok"} 200`)
}

func BenchmarkStation(b *testing.B) {
	m := (&platform{}).metrics()
	c := &gateway.Call{
		Writer: httptest.NewRecorder(), Request: httptest.NewRequest("GET", "/", nil), Began: time.Now(),
		Function: &rouse.Function{Name: "hello"},
	}
	h := m.Station(func(*gateway.Call) error { return nil })
	b.ReportAllocs()
	for b.Loop() {
		h(c)
	}
}
