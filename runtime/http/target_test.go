package http

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// process is a rouse.Process that ends when its channel says how.
type process struct{ over chan rouse.Exit }

func (p process) Wait(ctx context.Context) (rouse.Exit, error) {
	select {
	case exit := <-p.over:
		p.over <- exit
		return exit, nil
	case <-ctx.Done():
		return rouse.Exit{}, ctx.Err()
	}
}

func (process) Kill(context.Context) error    { return nil }
func (process) Restart(context.Context) error { return nil }
func (process) Freeze(context.Context) error  { return nil }
func (process) Thaw(context.Context) error    { return nil }

func newProcess() process { return process{make(chan rouse.Exit, 1)} }

func dialer(addr string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}
}

func serve(t *testing.T, h http.HandlerFunc) (*Target, *httptest.Server, process) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	proc := newProcess()
	target := New(rouse.Endpoint{Dial: dialer(srv.Listener.Addr().String()), Process: proc}, Options{})
	t.Cleanup(func() { target.Close() })
	return target, srv, proc
}

func get(t *testing.T, target *Target, path string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://function"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return target.RoundTrip(req)
}

func TestTheProbesConnectionServesTheFirstRequest(t *testing.T) {
	var conns atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) }))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	target := New(rouse.Endpoint{Dial: dialer(srv.Listener.Addr().String()), Process: newProcess()}, Options{})
	defer target.Close()
	if err := target.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		res, err := get(t, target, "/x")
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if string(b) != "/x" {
			t.Fatalf("got %q", b)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Fatalf("%d connections, want 1", n)
	}
}

func TestReadyWaitsUntilTheCodeListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var tries int
		ep := rouse.Endpoint{Process: newProcess(), Dial: func(context.Context) (net.Conn, error) {
			tries++
			if time.Since(began) < time.Second {
				return nil, errors.New("connection refused")
			}
			conn, far := net.Pipe()
			t.Cleanup(func() { far.Close() })
			return conn, nil
		}}
		target := New(ep, Options{})
		defer target.Close()
		if err := target.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if late := time.Since(began) - time.Second; late > longPause {
			t.Errorf("noticed %s late", late)
		}
		if tries > 230 {
			t.Errorf("%d tries in a second", tries)
		}
	})
}

func TestReadyReportsTheEndOfTheProcessAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proc := newProcess()
		ep := rouse.Endpoint{Process: proc, Dial: func(context.Context) (net.Conn, error) { return nil, errors.New("refused") }}
		target := New(ep, Options{})
		defer target.Close()
		time.AfterFunc(time.Second, func() { proc.over <- rouse.Exit{Code: 2} })
		began := time.Now()
		err := target.Ready(t.Context())
		var e *rouse.Error
		if !errors.As(err, &e) || e.Code != rouse.StartFailed || e.Message != "the process ended before it listened on $PORT: exit status 2" {
			t.Fatal(err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func TestReadyAsksTheHealthPathUntilItAnswers2xx(t *testing.T) {
	var asked atomic.Int32
	target, _, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthy" || r.URL.RawQuery != "deep=1" || asked.Add(1) < 4 {
			w.WriteHeader(503)
		}
	})
	target.o.Health = "/healthy?deep=1"
	if err := target.Ready(t.Context()); err != nil || asked.Load() != 4 {
		t.Fatal(err, asked.Load())
	}
	target.o.Health = "/other"
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	err := target.Ready(ctx)
	if rouse.CodeOf(err) != rouse.StartFailed || !strings.Contains(err.Error(), "/other answered 503") {
		t.Fatal(err)
	}
}

func TestAProcessThatDiesWhileItAnswersIsBroken(t *testing.T) {
	for name, tc := range map[string]struct {
		exit rouse.Exit
		kind string
		part string
	}{
		"exit":   {rouse.Exit{Code: 3}, "Runtime.ExitError", "exit status 3"},
		"memory": {rouse.Exit{Code: -1, Signal: "killed", OOM: true}, "Runtime.OutOfMemory", "out of memory"},
	} {
		t.Run(name, func(t *testing.T) {
			var proc process
			target, srv, p := serve(t, func(w http.ResponseWriter, r *http.Request) {
				conn, _, _ := http.NewResponseController(w).Hijack()
				conn.Close()
				proc.over <- tc.exit
			})
			proc = p
			if err := target.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			req, _ := http.NewRequestWithContext(t.Context(), "POST", srv.URL, strings.NewReader("x"))
			_, err := target.RoundTrip(req)
			var e *rouse.Error
			if !errors.As(err, &e) || e.Code != rouse.FunctionError || e.Type != tc.kind || !strings.Contains(e.Message, tc.part) || !errors.Is(err, rouse.ErrBroken) {
				t.Fatal(err)
			}
		})
	}
}

func TestAFailureOfALivingProcessIsNotItsEnd(t *testing.T) {
	target, srv, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	if err := target.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequestWithContext(t.Context(), "POST", srv.URL, strings.NewReader("x"))
	if _, err := target.RoundTrip(req); err == nil || errors.Is(err, rouse.ErrBroken) {
		t.Fatal(err)
	}
}

func TestResetForgetsTheOldProcess(t *testing.T) {
	target, _, proc := serve(t, func(w http.ResponseWriter, r *http.Request) {})
	if err := target.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	proc.over <- rouse.Exit{Code: 1}
	if err := target.Explain(io.EOF); !errors.Is(err, rouse.ErrBroken) {
		t.Fatal(err)
	}
	target.Reset()
	<-proc.over // the process was started again
	if err := target.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := target.Explain(io.EOF); err != io.EOF {
		t.Fatal(err)
	}
	target.Close()
	if err := target.Ready(t.Context()); !errors.Is(err, rouse.ErrGone) {
		t.Fatal(err)
	}
	if err := target.Explain(io.EOF); rouse.CodeOf(err) != rouse.FunctionError || !errors.Is(err, rouse.ErrGone) {
		t.Fatal(err)
	}
}

func TestAnUnusedProbeConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, far := net.Pipe()
		ep := rouse.Endpoint{Process: newProcess(), Dial: func(context.Context) (net.Conn, error) { return conn, nil }}
		target := New(ep, Options{})
		defer target.Close()
		if err := target.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := far.Read(make([]byte, 1)); err == nil {
			t.Fatal("something was sent")
		}
		if took := time.Since(began); took != idleTime {
			t.Errorf("after %s", took)
		}
	})
}
