package proxy

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// eventTarget is an EventTarget made of a function.
type eventTarget struct {
	handle func(*rouse.Event) (*rouse.Result, error)
}

func (e *eventTarget) Ready(context.Context) error { return nil }
func (e *eventTarget) Reset()                      {}
func (e *eventTarget) Close() error                { return nil }
func (e *eventTarget) Invoke(_ context.Context, ev *rouse.Event) (*rouse.Result, error) {
	return e.handle(ev)
}

// server is a RoundTripper target in front of a test server.
type server struct {
	*http.Transport
	addr string
}

func (s *server) Ready(context.Context) error { return nil }
func (s *server) Reset()                      {}
func (s *server) Close() error                { s.CloseIdleConnections(); return nil }

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	r.URL.Host = s.addr
	return s.Transport.RoundTrip(r)
}

// front is a gateway of one function, without the stations before the proxy.
type front struct {
	*httptest.Server
	mu       sync.Mutex
	releases []error
	released chan struct{}
	cold     bool
	timeout  time.Duration
	prefix   string
	url      *gateway.URLCall
	proxy    *Proxy
}

func newFront(t *testing.T, target rouse.Target) *front {
	t.Helper()
	p := New("000000000000")
	f := &front{timeout: 10 * time.Second, released: make(chan struct{}, 100), proxy: p}
	f.Server = httptest.NewServer(gateway.Entry(func(c *gateway.Call) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		lease := rouse.NewLease(func(err error) {
			f.mu.Lock()
			f.releases = append(f.releases, err)
			f.mu.Unlock()
			f.released <- struct{}{}
		})
		lease.Target, lease.Cold = target, f.cold
		if f.cold {
			lease.Timings = []rouse.Timing{{Phase: rouse.PhaseQueue, Took: time.Millisecond}, {Phase: rouse.PhaseInit, Took: 2500 * time.Microsecond}}
		}
		c.Lease, c.Prefix, c.URL = lease, f.prefix, f.url
		c.Ref = rouse.Ref{Name: "fn"}
		c.Path = c.Request.URL.EscapedPath()
		c.Revision = &rouse.Revision{Spec: rouse.Spec{Timeout: rouse.Duration(f.timeout)}}
		if _, ok := target.(rouse.EventTarget); ok {
			c.Body, _ = io.ReadAll(c.Request.Body)
		}
		f.mu.Unlock()
		defer f.mu.Lock()
		return p.Handle(c)
	}, slog.New(slog.DiscardHandler)))
	t.Cleanup(f.Close)
	return f
}

// wantReleased waits for the n-th release and returns its error.
func (f *front) wantReleased(t *testing.T, n int) error {
	t.Helper()
	for range n {
		select {
		case <-f.released:
		case <-time.After(10 * time.Second):
			t.Fatal("the lease was not released")
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.releases) != n {
		t.Fatalf("%d releases, want %d", len(f.releases), n)
	}
	return f.releases[n-1]
}

func newServer(t *testing.T, h http.HandlerFunc) (*server, *httptest.Server) {
	t.Helper()
	srv := httptest.NewServer(h)
	s := &server{Transport: &http.Transport{DisableCompression: true}, addr: srv.Listener.Addr().String()}
	t.Cleanup(func() { s.Close(); srv.Close() })
	return s, srv
}

// do sends a request and reads the answer whole.
func do(t *testing.T, req *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func request(t *testing.T, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	return req
}
