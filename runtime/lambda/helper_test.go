package lambda

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
)

func TestMain(m *testing.M) {
	if os.Getenv(asFunction) != "" {
		runFunction()
	}
	goleak.VerifyTestMain(m)
}

// process is a rouse.Process that ends when a test says so.
type process struct {
	mu     sync.Mutex
	over   chan struct{}
	exit   rouse.Exit
	kills  int
	onKill func()
}

func newProcess() *process { return &process{over: make(chan struct{})} }

func (p *process) Wait(ctx context.Context) (rouse.Exit, error) {
	p.mu.Lock()
	over := p.over
	p.mu.Unlock()
	select {
	case <-over:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.exit, nil
	case <-ctx.Done():
		return rouse.Exit{}, ctx.Err()
	}
}

func (p *process) end(exit rouse.Exit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.over:
	default:
		p.exit = exit
		close(p.over)
	}
}

func (p *process) Kill(context.Context) error {
	p.mu.Lock()
	p.kills++
	hook := p.onKill
	p.mu.Unlock()
	if hook != nil {
		hook()
	}
	p.end(rouse.Exit{Code: -1, Signal: "killed"})
	return nil
}

func (p *process) Restart(ctx context.Context) error {
	p.Kill(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = make(chan struct{})
	return nil
}

func (p *process) Freeze(context.Context) error { return nil }
func (p *process) Thaw(context.Context) error   { return nil }

// world is a Target with a process that has no code but the test.
type world struct {
	*Target
	t    *testing.T
	proc *process
	addr string
}

func newWorld(t *testing.T, change ...func(*rouse.Endpoint, *Options)) *world {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proc := newProcess()
	ep := rouse.Endpoint{RuntimeAPI: l, Process: proc}
	o := Options{Timeout: 10 * time.Second, ARN: "arn:aws:lambda:us-east-1:000000000000:function:f"}
	for _, f := range change {
		f(&ep, &o)
	}
	w := &world{Target: New(ep, o), t: t, proc: proc, addr: l.Addr().String()}
	t.Cleanup(func() { w.Close() })
	return w
}

// client is one connection of the process.
type client struct {
	t  *testing.T
	nc net.Conn
	r  *bufio.Reader
}

func (w *world) dial() *client {
	w.t.Helper()
	nc, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	w.t.Cleanup(func() { nc.Close() })
	return &client{t: w.t, nc: nc, r: bufio.NewReader(nc)}
}

// died is what the kernel does for a process that has ended.
func (w *world) died(exit rouse.Exit, conns ...*client) {
	for _, c := range conns {
		c.nc.Close()
	}
	w.proc.end(exit)
}

func (c *client) write(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.nc, format, args...); err != nil {
		c.t.Fatal(err)
	}
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

func (c *client) read() answer {
	c.t.Helper()
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatalf("reading a response: %v", err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatalf("reading a body: %v", err)
	}
	return answer{res, string(b)}
}

func (c *client) poll() {
	c.write("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
}

func (c *client) post(path, body string, headers ...string) {
	c.write("POST /2018-06-01/runtime/%s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s",
		path, strings.Join(headers, ""), len(body), body)
}

// want reads a response and checks its status and a part of its body.
func (c *client) want(status int, part string) answer {
	c.t.Helper()
	a := c.read()
	if a.StatusCode != status || !strings.Contains(a.body, part) {
		c.t.Fatalf("got %d %q, want %d with %q", a.StatusCode, a.body, status, part)
	}
	return a
}

// ready polls and waits until the Target knows.
func (w *world) ready() *client {
	w.t.Helper()
	c := w.dial()
	c.poll()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.Ready(ctx); err != nil {
		w.t.Fatalf("Ready: %v", err)
	}
	return c
}

// outcomeOf is what an Invoke in the background came to.
type outcomeOf struct {
	result *rouse.Result
	err    error
	took   time.Duration
}

func (w *world) invoke(ev *rouse.Event) <-chan outcomeOf {
	return w.invokeWith(context.Background(), ev)
}

func (w *world) invokeWith(ctx context.Context, ev *rouse.Event) <-chan outcomeOf {
	ch := make(chan outcomeOf, 1)
	began := time.Now()
	go func() {
		result, err := w.Invoke(ctx, ev)
		ch <- outcomeOf{result, err, time.Since(began)}
	}()
	return ch
}

func event(id string) *rouse.Event { return &rouse.Event{ID: id, Payload: []byte(`{"n":1}`)} }

// wantError checks a failed invocation.
func wantError(t *testing.T, got outcomeOf, code rouse.Code, kind, message string, isBroken bool) {
	t.Helper()
	var e *rouse.Error
	if !errors.As(got.err, &e) {
		t.Fatalf("got %v, %v; want a %s error", got.result, got.err, code)
	}
	if e.Code != code || e.Type != kind || e.Message != message || errors.Is(e, rouse.ErrBroken) != isBroken {
		t.Fatalf("got code %s, type %q, message %q, broken %v", e.Code, e.Type, e.Message, errors.Is(e, rouse.ErrBroken))
	}
}

// settled waits for the process to be ready for another event.
func (w *world) settled() error {
	ch := make(chan error, 1)
	w.Settle(func(err error) { ch <- err })
	return <-ch
}

// until waits for a condition on the Target's state.
func (w *world) until(cond func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		w.mu.Lock()
		ok := cond()
		w.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatal("the state never came")
		}
	}
}
