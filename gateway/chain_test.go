package gateway_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
	"github.com/rousehq/rouse/gateway/hold"
	"github.com/rousehq/rouse/gateway/limit"
	"github.com/rousehq/rouse/gateway/metrics"
	"github.com/rousehq/rouse/gateway/route"
)

// control is a control plane with one lambda function, hello.
type control struct {
	function rouse.Function
	revision rouse.Revision
	acquired atomic.Int64
	out      atomic.Int64 // leases that are not released
}

func newControl() *control {
	rev := rouse.NewRevision("hello", rouse.DefaultSpec(), time.Now())
	return &control{revision: rev, function: rouse.Function{Name: "hello", Latest: rev.ID, Settings: rouse.DefaultSettings()}}
}

func (c *control) Resolve(ref rouse.Ref) (*rouse.Function, *rouse.Revision, error) {
	if ref.Name != c.function.Name {
		return nil, nil, rouse.Errorf(rouse.NotFound, "function %s: not found", ref.Name)
	}
	return &c.function, &c.revision, nil
}

func (c *control) Acquire(context.Context, rouse.RevisionID, rouse.Bytes) (*rouse.Lease, error) {
	c.acquired.Add(1)
	c.out.Add(1)
	return rouse.NewLease(func(error) { c.out.Add(-1) }), nil
}

// handler is the whole way, in its order, with last at its end.
func (c *control) handler(last gateway.Handler) gateway.Handler {
	m := metrics.New(metrics.Config{
		Log: quiet, Exists: func(rouse.FunctionName) bool { return true },
		Snapshot: func() metrics.Snapshot { return metrics.Snapshot{} },
	})
	return gateway.Chain(last, route.New(c).Station, m.Station, limit.Station(limit.Limits{}), hold.Station(c))
}

func TestACallPassesEveryStation(t *testing.T) {
	c := newControl()
	s := serve(t, quiet, c.handler(func(call *gateway.Call) error {
		if c.out.Load() != 1 || string(call.Body) != "body" || call.Path != "/a" {
			t.Errorf("%d leases, body %q, path %q", c.out.Load(), call.Body, call.Path)
		}
		call.Writer.Write([]byte("answer"))
		return nil
	}))
	res, err := s.Client().Post(s.URL+"/fn/hello/a", "text/plain", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); string(b) != "answer" {
		t.Errorf("got %q", b)
	}
	s.Close() // waits for the handler's end
	if c.out.Load() != 0 {
		t.Error("the lease is not back")
	}
}

// send writes the beginning of a request and returns what comes back first.
func send(t *testing.T, s *httptest.Server, text string) (net.Conn, string) {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	io.WriteString(conn, text)
	b := make([]byte, 12)
	n, _ := io.ReadFull(conn, b)
	return conn, string(b[:n])
}

func TestAnUnknownNameIsRefusedBeforeItsBodyComes(t *testing.T) {
	c := newControl()
	s := serve(t, quiet, c.handler(func(*gateway.Call) error { return nil }))
	if _, got := send(t, s, "POST /fn/unknown/ HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"); got != "HTTP/1.1 404" {
		t.Errorf("got %q", got)
	}
	if _, got := send(t, s, "POST /fn/hello/ HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"); got != "HTTP/1.1 413" {
		t.Errorf("got %q", got)
	}
	if c.acquired.Load() != 0 {
		t.Error("an instance was asked for")
	}
}

func TestASlowClientHoldsNoInstance(t *testing.T) {
	c := newControl()
	s := serve(t, quiet, c.handler(func(call *gateway.Call) error { call.Writer.Write(call.Body); return nil }))
	// The server's 100 Continue says that it waits for the body.
	conn, got := send(t, s, "POST /fn/hello/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
	if got != "HTTP/1.1 100" || c.acquired.Load() != 0 {
		t.Errorf("got %q with %d leases", got, c.acquired.Load())
	}
	io.WriteString(conn, "body")
	io.CopyN(io.Discard, conn, int64(len(" Continue\r\n\r\n")))
	answer := make([]byte, 12)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "HTTP/1.1 200" || c.acquired.Load() != 1 {
		t.Errorf("got %q, %v with %d leases", answer, err, c.acquired.Load())
	}
}

// nowhere is a response writer that keeps nothing.
type nowhere struct{ header http.Header }

func (w nowhere) Header() http.Header         { return w.header }
func (w nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (w nowhere) WriteHeader(int)             {}

func BenchmarkWayToTheInstance(b *testing.B) {
	h := gateway.Entry(newControl().handler(func(*gateway.Call) error { return nil }), quiet)
	r := httptest.NewRequest(http.MethodGet, "/fn/hello/a/b?c=d", nil)
	w := nowhere{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		delete(r.Header, "X-Request-Id")
		h.ServeHTTP(w, r)
	}
}
