package lambda

import (
	"errors"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

func TestAReportHoldsWhatWasMeasured(t *testing.T) {
	w := newWorld(t, func(ep *rouse.Endpoint, _ *Options) {
		ep.Memory = func() rouse.Bytes { return 30 * rouse.MB }
	})
	c := w.ready()
	for i, id := range []string{"cold", "warm"} {
		ev := event(id)
		ev.Report = new(rouse.Report)
		out := w.invoke(ev)
		c.want(200, "")
		c.post("invocation/"+id+"/response", "1")
		c.want(202, "")
		c.poll()
		o := <-out
		r := ev.Report
		if o.err != nil || r.Duration <= 0 || r.Duration > o.took || r.MaxMemory != 30*rouse.MB {
			t.Errorf("%s: %+v after %v, %v", id, r, o.took, o.err)
		}
		if r.Billed < r.Duration || r.Billed-r.Duration >= time.Millisecond || r.Billed%time.Millisecond != 0 {
			t.Errorf("%s: %v is billed as %v", id, r.Duration, r.Billed)
		}
		if (r.Init > 0) != (i == 0) {
			t.Errorf("%s: init %v", id, r.Init)
		}
	}
}

func TestAReportIsFilledInWhateverTheEnd(t *testing.T) {
	w := newWorld(t)
	c := w.ready()
	ev := event("a")
	ev.Report = new(rouse.Report)
	out := w.invoke(ev)
	c.want(200, "")
	w.died(rouse.Exit{Code: 7}, c)
	var e *rouse.Error
	if o := <-out; !errors.As(o.err, &e) || e.Exit == nil || e.Exit.Code != 7 {
		t.Errorf("got %v; want how the process ended", o.err)
	}
	if ev.Report.Duration <= 0 || ev.Report.Init <= 0 {
		t.Errorf("got %+v", ev.Report)
	}
}

func TestAnInitErrorKeepsTheRuntimesWords(t *testing.T) {
	w := newWorld(t)
	c := w.dial()
	const said = `{"errorMessage":"no","errorType":"ImportError","requestId":"","stackTrace":["x"]}`
	c.post("init/error", said)
	c.want(202, "")
	var e *rouse.Error
	if err := w.Ready(t.Context()); !errors.As(err, &e) || string(e.Payload) != said || e.Type != "ImportError" {
		t.Errorf("got %+v", err)
	}
}
