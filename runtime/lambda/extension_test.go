package lambda

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
)

// extended is a process that waits for its extensions.
type extended struct {
	*process
	proceeded chan struct{}
	asked     chan time.Time // when it was asked to end; nil for one that does so at once
}

var _ rouse.ExtendedProcess = extended{}

func (p extended) Proceed(context.Context) error { close(p.proceeded); return nil }

func (p extended) End(ctx context.Context, kill bool) error {
	if p.asked == nil || kill {
		return p.Kill(ctx)
	}
	p.asked <- time.Now()
	<-ctx.Done()
	return ctx.Err()
}

func (p extended) Alone(context.Context) error { return nil }

// newExtendedWorld is a world with external extensions.
func newExtendedWorld(t *testing.T, names ...string) (*world, extended) {
	var p extended
	w := newWorld(t, func(ep *rouse.Endpoint, o *Options) {
		p = extended{ep.Process.(*process), make(chan struct{}), nil}
		ep.Process, ep.Extensions = p, names
		o.Function, o.Handler, o.Account = "f", "app.handler", "000000000000"
	})
	return w, p
}

// extend sends a request of the Extensions API.
func (c *client) extend(method, path, body string, headers ...string) {
	c.write("%s /2020-01-01/extension/%s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s",
		method, path, strings.Join(headers, ""), len(body), body)
}

// joins registers an extension and returns the header by which it is known.
func (c *client) joins(name, events string) (header string) {
	c.t.Helper()
	c.extend("POST", "register", `{"events":[`+events+`]}`, "Lambda-Extension-Name: "+name+"\r\n")
	a := c.want(200, `{"functionName":"f","functionVersion":"$LATEST","handler":"app.handler"}`)
	return "Lambda-Extension-Identifier: " + a.Header.Get("Lambda-Extension-Identifier") + "\r\n"
}

func TestTheProcessBeginsWhenItsExtensionsHaveRegistered(t *testing.T) {
	w, p := newExtendedWorld(t, "a", "b")
	w.dial().joins("a", `"INVOKE"`)
	select {
	case <-p.proceeded:
		t.Fatal("the process began before its second extension")
	default:
	}
	w.dial().joins("b", ``)
	<-p.proceeded
}

func TestInitAndEventsEndWhenEveryoneAsksForTheNext(t *testing.T) {
	w, _ := newExtendedWorld(t, "watcher")
	x := w.dial()
	me := x.joins("watcher", `"INVOKE","SHUTDOWN"`)
	c := w.dial()
	c.poll()
	w.until(func() bool { return w.ext.held != nil })
	select {
	case <-w.inited:
		t.Fatal("the init was over before the extension's")
	default:
	}
	x.extend("GET", "event/next", "", me)
	if err := w.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	ev := event("a")
	ev.TraceID = "Root=1"
	out := w.invoke(ev)
	told := x.want(200, `"eventType":"INVOKE"`)
	if !strings.Contains(told.body, `"requestId":"a"`) || !strings.Contains(told.body, `"tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1"}`) ||
		uuid.Validate(told.Header.Get("Lambda-Extension-Event-Identifier")) != nil {
		t.Errorf("got %s, %v", told.body, told.Header)
	}
	c.want(200, "")
	c.post("invocation/a/response", "1")
	c.want(202, "")
	if o := <-out; o.err != nil {
		t.Fatal(o.err) // the caller does not wait for extensions
	}
	done := make(chan error, 1)
	w.Settle(func(err error) { done <- err })
	c.poll()
	w.until(func() bool { return w.ext.held != nil })
	select {
	case err := <-done:
		t.Fatalf("the event was over before the extension was done with it: %v", err)
	default:
	}
	x.extend("GET", "event/next", "", me)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	go w.Close()
	if last := x.want(200, `"eventType":"SHUTDOWN"`); !strings.Contains(last.body, `"shutdownReason":"spindown"`) {
		t.Errorf("got %s", last.body)
	}
}

func TestAnExtensionsErrorEndsTheInitOrTheEvent(t *testing.T) {
	for _, during := range []string{"init", "event"} {
		t.Run(during, func(t *testing.T) {
			w, _ := newExtendedWorld(t, "x")
			x := w.dial()
			me := x.joins("x", ``)
			kind := "Lambda-Extension-Function-Error-Type: Oops\r\n"
			var e *rouse.Error
			if during == "init" {
				x.extend("POST", "init/error", `{}`, me, kind)
				x.want(202, "")
				if err := w.Ready(t.Context()); !errors.As(err, &e) || e.Code != rouse.StartFailed || e.Type != "Extension.InitError" {
					t.Errorf("got %v", err)
				}
				return
			}
			x.extend("GET", "event/next", "", me)
			c := w.ready()
			out := w.invoke(event("a"))
			c.want(200, "")
			y := w.dial()
			y.extend("POST", "exit/error", `{}`, me, kind)
			y.want(202, "")
			if o := <-out; !errors.As(o.err, &e) || e.Code != rouse.FunctionError || e.Type != "Extension.ExitError" || !errors.Is(e, rouse.ErrBroken) {
				t.Errorf("got %v", o.err)
			}
		})
	}
}

func TestClientFaultsOfExtensionsAreAWSs(t *testing.T) {
	w, _ := newExtendedWorld(t, "external")
	c := w.dial()
	known := c.joins("internal", `"INVOKE"`)
	name := func(s string) string { return "Lambda-Extension-Name: " + s + "\r\n" }
	for _, test := range []struct {
		method, path, body, header, kind string
	}{
		{"POST", "register", `{}`, "", "Extension.InvalidExtensionName"},
		{"POST", "register", `{`, name("x"), "InvalidRequestFormat"},
		{"POST", "register", `{"events":["TEA"]}`, name("x"), "Extension.InvalidEventType"},
		{"POST", "register", `{"events":["SHUTDOWN"]}`, name("x"), "Extension.InvalidEventType"},
		{"POST", "register", `{}`, name("internal"), "Extension.InvalidExtensionState"},
		{"GET", "event/next", ``, "", "Extension.MissingExtensionIdentifier"},
		{"GET", "event/next", ``, "Lambda-Extension-Identifier: x\r\n", "Extension.InvalidExtensionIdentifier"},
		{"GET", "event/next", ``, "Lambda-Extension-Identifier: " + uuid.NewString() + "\r\n", "Extension.UnknownExtensionIdentifier"},
		{"POST", "init/error", `{}`, known, "Extension.MissingHeader"},
		{"POST", "exit/error", `{}`, known, "Extension.MissingHeader"},
	} {
		c.extend(test.method, test.path, test.body, test.header)
		if a := c.read(); a.StatusCode != 403 || !strings.Contains(a.body, `"errorType":"`+test.kind+`"`) {
			t.Errorf("%s %s: %d %s, want %s", test.path, test.header, a.StatusCode, a.body, test.kind)
		}
	}
	for i := range maxExtensions - 1 {
		c.joins(fmt.Sprint("more", i), ``)
	}
	c.extend("POST", "register", `{}`, name("eleventh"))
	c.want(403, "Extension.TooManyExtensions")

	late, _ := newExtendedWorld(t)
	late.ready()
	c = late.dial()
	c.extend("POST", "register", `{}`, name("late"))
	c.want(403, "Extension.RegistrationClosed")
}

func TestAnInternalExtensionHasItsProcessAskedToEnd(t *testing.T) {
	for _, c := range []struct {
		name      string
		registers bool
	}{{"with one", true}, {"without", false}} {
		t.Run(c.name, func(t *testing.T) {
			asked := make(chan time.Time, 1)
			killed := make(chan time.Time, 1)
			w := newWorld(t, func(ep *rouse.Endpoint, o *Options) {
				p := ep.Process.(*process)
				p.onKill = func() { killed <- time.Now() }
				ep.Process = extended{p, make(chan struct{}), asked}
				o.Function, o.Handler = "f", "app.handler"
			})
			if c.registers {
				x := w.dial()
				x.extend("GET", "event/next", "", x.joins("inner", `"INVOKE"`))
			}
			w.ready()
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if !c.registers {
				if len(asked)+len(killed) > 0 {
					t.Error("who stops the sandbox ends the process")
				}
				return
			}
			if took := (<-killed).Sub(<-asked); took < internalTime-10*time.Millisecond || took > internalTime+time.Second {
				t.Errorf("it had %s, want %s", took, internalTime)
			}
		})
	}
}

func TestATimeoutTellsExtensionsBeforeTheNextRun(t *testing.T) {
	w, _ := newExtendedWorld(t, "x")
	x := w.dial()
	me := x.joins("x", `"SHUTDOWN"`)
	x.extend("GET", "event/next", "", me)
	c := w.ready()
	ev := event("a")
	ev.Deadline = time.Now().Add(50 * time.Millisecond)
	out := w.invoke(ev)
	c.want(200, "")
	<-out
	go w.Reset()
	x.want(200, `"shutdownReason":"timeout"`)
}
