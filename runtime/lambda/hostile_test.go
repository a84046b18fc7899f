package lambda

import (
	"context"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

// tired is a listener that at first finds no descriptor left.
type tired struct {
	net.Listener
	failures int
}

func (l *tired) Accept() (net.Conn, error) {
	if l.failures--; l.failures >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

func TestAHostThatRanOutOfDescriptorsListensAgain(t *testing.T) {
	w := newWorld(t, func(ep *rouse.Endpoint, _ *Options) { ep.RuntimeAPI = &tired{ep.RuntimeAPI, 3} })
	w.ready()
}

func TestAConnectionThatWaitsForTwoAnswersIsRefusedTheSecond(t *testing.T) {
	for name, order := range map[string]func(c *client, me string){
		"first as an extension": func(c *client, me string) {
			c.extend("GET", "event/next", "", me)
			c.poll()
		},
		"first as the runtime": func(c *client, me string) {
			c.poll() // held until the extension asks
			c.extend("GET", "event/next", "", me)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(_ *rouse.Endpoint, o *Options) { o.Function, o.Handler = "f", "app.handler" })
			c := w.dial()
			me := c.joins("inside", `"INVOKE"`)
			order(c, me)
			c.want(403, "")
			out := w.invoke(&rouse.Event{ID: "a", Deadline: time.Now().Add(100 * time.Millisecond)})
			if o := <-out; rouse.CodeOf(o.err) != rouse.Timeout {
				t.Errorf("the event ended with %v", o.err)
			}
		})
	}
}

func TestASubscriptionThatIsReplacedEnds(t *testing.T) {
	w := newWorld(t, func(ep *rouse.Endpoint, o *Options) {
		o.Function, o.Handler = "f", "app.handler"
		ep.Local = func(context.Context, int) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
	})
	x := w.dial()
	me := x.joins("inside", "")
	before := runtime.NumGoroutine()
	for range 100 {
		const body = `{"types":["platform"],"buffering":{"timeoutMs":30000},"destination":{"protocol":"HTTP","URI":"http://sandbox:80"}}`
		x.write("PUT /2022-07-01/telemetry HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", me, len(body), body)
		x.want(200, "OK")
	}
	w.until(func() bool { return runtime.NumGoroutine() < before+10 })
}

func TestAnEventThatNobodyReadsEndsAtItsDeadline(t *testing.T) {
	w, _ := newExtendedWorld(t, "a")
	x := w.dial()
	x.extend("GET", "event/next", "", x.joins("a", ""))
	c := w.dial() // which outlives the process, as an extension's would
	if err := c.nc.(*net.TCPConn).SetReadBuffer(1 << 10); err != nil {
		t.Fatal(err)
	}
	c.poll()
	if err := w.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := <-w.invoke(&rouse.Event{ID: "a", Payload: make([]byte, MaxEvent), Deadline: time.Now().Add(200 * time.Millisecond)})
	if rouse.CodeOf(o.err) != rouse.Timeout {
		t.Errorf("the event ended with %v", o.err)
	}
}

// pipes is a listener of connections that hold no byte which nobody reads.
type pipes struct {
	net.Listener
	conns chan net.Conn
}

func (l pipes) Accept() (net.Conn, error) {
	nc, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return nc, nil
}

func (l pipes) Close() error {
	defer func() { _ = recover() }() // it may be closed already
	close(l.conns)
	return l.Listener.Close()
}

func TestAnExtensionThatDoesNotReadHoldsNoEventUp(t *testing.T) {
	l := pipes{conns: make(chan net.Conn)}
	w := newWorld(t, func(ep *rouse.Endpoint, o *Options) {
		l.Listener, ep.RuntimeAPI = ep.RuntimeAPI, l
		o.Function, o.Handler = "f", "app.handler"
	})
	dial := func() *client {
		ours, theirs := net.Pipe()
		t.Cleanup(func() { ours.Close() })
		l.conns <- theirs
		return &client{t: t, nc: ours, r: newReader(ours)}
	}
	x, c := dial(), dial()
	me := x.joins("inside", `"INVOKE"`)
	x.extend("GET", "event/next", "", me)
	c.poll()
	if err := w.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	out := w.invoke(event("a"))
	c.want(200, "")
	go c.post("invocation/a/response", "1")
	if o := <-out; o.err != nil {
		t.Errorf("the event ended with %v", o.err)
	}
}
