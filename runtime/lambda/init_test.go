package lambda

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

const (
	suppressed = "INIT_REPORT Init Duration: # ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError"
	ownReport  = "REPORT RequestId: a\tDuration: # ms\tBilled Duration: # ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\t"
)

// again has an init fail, and invokes the event a all the same.
func again(t *testing.T, change ...func(*rouse.Endpoint, *Options)) (*world, *journal, *rouse.Event, <-chan outcomeOf) {
	t.Helper()
	j := new(journal)
	w := newWorld(t, append(change, logged(j))...)
	w.proc.end(rouse.Exit{Code: 1})
	if err := w.Ready(t.Context()); err == nil {
		t.Fatal("a process that had ended was ready")
	}
	for len(j.peek()) < 2 {
		runtime.Gosched()
	}
	w.wantLines(j, initStart, suppressed)
	ev := event("a")
	ev.Report = new(rouse.Report)
	out := w.invoke(ev)
	w.until(func() bool { return w.waiting != nil })
	return w, j, ev, out
}

func TestAnInitThatFailedIsRunAgainWithinTheEvent(t *testing.T) {
	w, j, ev, out := again(t)
	c := w.dial()
	c.poll()
	c.want(200, `{"n":1}`)
	c.post("invocation/a/response", "1")
	c.want(202, "")
	c.poll()
	o := <-out
	if o.err != nil || string(o.result.Payload) != "1" {
		t.Fatalf("got %+v, %v", o.result, o.err)
	}
	if ev.Report.Init != 0 {
		t.Errorf("an init of %v, which is a part of the event's own time", ev.Report.Init)
	}
	w.wantLines(j, "START RequestId: a Version: $LATEST", "END RequestId: a", ownReport)
}

func TestAnInitThatFailsAgainIsTheEventsAnswer(t *testing.T) {
	t.Run("with the runtime's words", func(t *testing.T) {
		w, j, _, out := again(t)
		c := w.dial()
		const said = `{"errorMessage":"no","errorType":"ImportError","requestId":"","stackTrace":[]}`
		c.post("init/error", said)
		c.want(202, "")
		var e *rouse.Error
		if o := <-out; !errors.As(o.err, &e) || string(e.Payload) != said || !errors.Is(e, rouse.ErrBroken) {
			t.Fatalf("got %+v", o.err)
		}
		w.wantLines(j, "INIT_REPORT Init Duration: # ms\tPhase: invoke\tStatus: error\tError Type: ImportError",
			"START RequestId: a Version: $LATEST", "END RequestId: a", ownReport+"Status: error\tError Type: ImportError")
	})
	t.Run("with the process", func(t *testing.T) {
		w, j, _, out := again(t)
		w.died(rouse.Exit{PeakMemory: 30 * rouse.MB})
		wantError(t, <-out, rouse.FunctionError, "Runtime.ExitError", "RequestId: a Error: Runtime exited without providing a reason", true)
		w.wantLines(j, "INIT_REPORT Init Duration: # ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError",
			"START RequestId: a Version: $LATEST", "RequestId: a Error: Runtime exited without providing a reason", "Runtime.ExitError",
			"END RequestId: a", ownReport+"Status: error\tError Type: Runtime.ExitError")
	})
	t.Run("at the event's deadline", func(t *testing.T) {
		w, j, _, out := again(t, func(_ *rouse.Endpoint, o *Options) { o.Timeout = 100 * time.Millisecond })
		o := <-out
		wantError(t, o, rouse.Timeout, "Sandbox.Timedout", "RequestId: a Error: Task timed out after 0.10 seconds", true)
		w.wantLines(j, "INIT_REPORT Init Duration: # ms\tPhase: invoke\tStatus: timeout",
			"START RequestId: a Version: $LATEST", "TIME a Task timed out after 0.10 seconds", "",
			"END RequestId: a", ownReport+"Status: timeout")
	})
}

func TestAnInitThatHangsIsEndedForTheEvent(t *testing.T) {
	j := new(journal)
	w := newWorld(t, logged(j))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(context.DeadlineExceeded)
	if err := w.Ready(ctx); rouse.CodeOf(err) != rouse.StartFailed {
		t.Fatalf("got %v", err)
	}
	w.wantLines(j, initStart, "INIT_REPORT Init Duration: # ms\tPhase: init\tStatus: timeout")
	late := w.dial()
	late.poll() // too late: the process is about to be replaced
	w.until(func() bool { return len(w.parked) == 1 })
	out := w.invoke(event("a"))
	w.until(func() bool { return w.waiting != nil })
	if w.proc.kills != 1 {
		t.Fatalf("%d processes were ended", w.proc.kills)
	}
	c := w.dial()
	c.poll()
	c.want(200, "")
	c.post("invocation/a/response", "1")
	c.want(202, "")
	if o := <-out; o.err != nil {
		t.Fatal(o.err)
	}
}
