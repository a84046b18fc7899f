package lambda

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

func TestReadyReportsTheRuntimesOwnInitError(t *testing.T) {
	w := newWorld(t)
	c := w.dial()
	c.post("init/error", `{"errorType":"Runtime.ImportModuleError","errorMessage":"no module","stackTrace":["x"],"requestId":""}`)
	c.want(202, `{"status":"OK"}`)
	err := w.Ready(t.Context())
	var e *rouse.Error
	if !errors.As(err, &e) || e.Code != rouse.StartFailed || e.Type != "Runtime.ImportModuleError" || e.Message != "no module" || len(e.Trace) != 1 {
		t.Fatalf("got %+v", err)
	}
	c.post("init/error", `{}`)
	c.want(403, "State transition from InitError to InitError failed")
	c.poll()
	c.want(403, "InvalidStateTransition")
}

func TestReadyReportsAnExitDuringInit(t *testing.T) {
	w := newWorld(t)
	w.proc.end(rouse.Exit{Code: 1})
	err := w.Ready(t.Context())
	var e *rouse.Error
	if !errors.As(err, &e) || e.Code != rouse.StartFailed || e.Type != "Runtime.ExitError" || e.Message != "Runtime exited with error: exit status 1" {
		t.Fatalf("got %+v", err)
	}
}

func TestReadySaysWhenTheTimeForInitIsOver(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := w.Ready(ctx); rouse.CodeOf(err) != rouse.StartFailed || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	w = newWorld(t)
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if err := w.Ready(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestSnapStartHooksGoOnAtOnce(t *testing.T) {
	w := newWorld(t)
	c := w.dial()
	c.write("GET /2018-06-01/runtime/restore/next HTTP/1.1\r\n\r\n")
	c.want(200, "")
	c.post("restore/error", `{"errorType":"Hook","errorMessage":"m"}`)
	c.want(202, "")
	if err := w.Ready(t.Context()); rouse.CodeOf(err) != rouse.StartFailed {
		t.Fatal(err)
	}
}

func TestResetServesTheNextProcess(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		c := w.ready()
		out := w.invoke(event("a"))
		c.want(200, "")
		if i%2 == 0 {
			c.post("invocation/a/response", "1")
			c.want(202, "")
		} else {
			w.died(rouse.Exit{Code: 1}, c)
		}
		o := <-out
		if (o.err != nil) != (i%2 == 1) {
			t.Fatal(i, o.err)
		}
		w.Reset()
		w.proc.Restart(t.Context())
		if _, err := c.nc.Read(make([]byte, 1)); err == nil {
			t.Fatal("the old process keeps its connection")
		}
	}
	w.ready()
}

func TestCloseFailsWhatIsOpenAndIsIdempotent(t *testing.T) {
	w := newWorld(t)
	c := w.ready()
	out := w.invoke(event("a"))
	c.want(200, "")
	for range 2 {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if o := <-out; !errors.Is(o.err, rouse.ErrBroken) {
		t.Fatal(o.err)
	}
	w.Reset()
	if err := w.Ready(t.Context()); !errors.Is(err, rouse.ErrGone) {
		t.Fatal(err)
	}
	if _, err := w.Invoke(t.Context(), event("b")); !errors.Is(err, rouse.ErrGone) {
		t.Fatal(err)
	}
}

func TestConnectionsBeyondTheLimitAreClosed(t *testing.T) {
	w := newWorld(t)
	first := w.ready()
	for range maxConns - 1 {
		w.dial()
	}
	w.until(func() bool { return len(w.conns) == maxConns })
	extra := w.dial()
	if _, err := extra.nc.Read(make([]byte, 1)); err == nil {
		t.Fatal("one connection too many was kept")
	}
	out := w.invoke(event("a"))
	first.want(200, "")
	first.post("invocation/a/response", "1")
	if o := <-out; o.err != nil {
		t.Fatal(o.err)
	}
}

// keeper is a rouse.Keeper that writes down what it is told.
type keeper struct {
	mu    sync.Mutex
	conns map[int]net.Conn
	next  int
	idle  int // -1 when busy
}

func (k *keeper) Keep(conn net.Conn) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.next++
	k.conns[k.next] = conn
	return k.next, nil
}

func (k *keeper) Drop(slot int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.conns, slot)
}

func (k *keeper) Idle(slot int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.idle = slot
}

func (k *keeper) Busy() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.idle = -1
}

func (k *keeper) waiting() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.idle
}

func TestTheKeeperKnowsWhichConnectionWaits(t *testing.T) {
	k := &keeper{conns: map[int]net.Conn{}, idle: -1}
	w := newWorld(t, func(ep *rouse.Endpoint, _ *Options) { ep.Keeper = k })
	c := w.ready()
	if k.waiting() != 1 {
		t.Fatalf("while it waits: %d", k.waiting())
	}
	out := w.invoke(event("a"))
	c.want(200, "")
	if k.waiting() != -1 {
		t.Fatal("idle while it has an event")
	}
	c.post("invocation/a/response", "1")
	c.want(202, "")
	<-out
	if k.waiting() != -1 {
		t.Fatal("idle before it polls")
	}
	c.poll()
	w.settled()
	if k.waiting() != 1 {
		t.Fatal("not idle after it polled")
	}
	c.nc.Close()
	w.until(func() bool { return len(w.conns) == 0 })
	if k.waiting() != -1 || len(k.conns) != 0 {
		t.Fatalf("after its end: waiting %d, %d kept", k.waiting(), len(k.conns))
	}
}

// pair is both ends of a TCP connection.
func pair(t *testing.T) (host, code net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	code, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if host, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close(); code.Close() })
	return host, code
}

func TestAnAdoptedPollIsServed(t *testing.T) {
	host, code := pair(t)
	other, ended := pair(t)
	ended.Close() // while nobody was there
	w := newWorld(t, func(ep *rouse.Endpoint, _ *Options) {
		ep.Keeper = &keeper{conns: map[int]net.Conn{}, idle: 7}
		ep.Kept = &rouse.Kept{Conns: map[int]net.Conn{7: host, 8: other}, Waiting: 7}
	})
	if w.NeedsRestart() {
		t.Fatal("a waiting process needs no restart")
	}
	if err := w.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, nc: code}
	c.r = newReader(code)
	out := w.invoke(event("a"))
	c.want(200, `{"n":1}`)
	c.post("invocation/a/response", "1")
	if o := <-out; o.err != nil {
		t.Fatal(o.err)
	}
}

func TestAnAdoptedProcessAtWorkNeedsARestart(t *testing.T) {
	host, code := pair(t)
	w := newWorld(t, func(ep *rouse.Endpoint, _ *Options) {
		ep.Kept = &rouse.Kept{Conns: map[int]net.Conn{7: host}, Waiting: -1}
	})
	if !w.NeedsRestart() {
		t.Fatal("no restart")
	}
	code.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := code.Read(make([]byte, 1)); errors.Is(err, context.DeadlineExceeded) || err == nil {
		t.Fatal("its connection is kept", err)
	}
	w.Reset()
	w.proc.Restart(t.Context())
	if w.NeedsRestart() {
		t.Fatal("after the restart")
	}
	w.ready()
}
