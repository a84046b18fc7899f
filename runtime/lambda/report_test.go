package lambda

import (
	"errors"
	"regexp"
	"runtime"
	"slices"
	"sync"
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

// journal is an Output that remembers.
type journal struct {
	mu    sync.Mutex
	lines []string
	kept  bool
	// drained are how many lines there were each time that it was drained.
	drained []int
}

func (j *journal) Say(lines ...string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, lines...)
}

func (j *journal) Drain() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.drained = append(j.drained, len(j.lines))
}

func (j *journal) Follow(func(string, bool)) {}

func (j *journal) Begin(_, line string, keep bool) {
	if line != "" {
		j.Say(line)
	}
	j.kept = keep
}

func (j *journal) End(lines ...string) []byte {
	j.Say(lines...)
	if !j.kept {
		return nil
	}
	return []byte("the log")
}

// take returns the lines since the last call, measured numbers as #.
func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	for i := range lines {
		lines[i] = numbers.ReplaceAllString(lines[i], "# ms")
		lines[i] = stamp.ReplaceAllString(lines[i], "TIME ")
	}
	return lines
}

var (
	numbers = regexp.MustCompile(`\d+(\.\d\d)? ms`)
	stamp   = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z `)
)

func (w *world) wantLines(j *journal, want ...string) {
	w.t.Helper()
	if got := j.take(); !slices.Equal(got, want) {
		w.t.Errorf("got  %q\nwant %q", got, want)
	}
}

func logged(j *journal) func(*rouse.Endpoint, *Options) {
	return func(ep *rouse.Endpoint, o *Options) {
		o.Output, o.Runtime, o.Memory = j, "python3.11", 128*rouse.MB
		ep.Memory = func() rouse.Bytes { return 30*rouse.MB - 1 }
	}
}

const initStart = "INIT_START Runtime Version: python3.11\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:python3.11"

func TestTheLogOfAnEventIsAWSs(t *testing.T) {
	j := new(journal)
	w := newWorld(t, logged(j))
	c := w.ready()
	w.wantLines(j, initStart)
	for _, test := range []struct {
		id, trace string
		more      []string
	}{
		{"a", "", []string{"REPORT RequestId: a\tDuration: # ms\tBilled Duration: # ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\tInit Duration: # ms\t"}},
		{"b", "Root=1-2-3;Parent=4;Sampled=1", []string{
			"REPORT RequestId: b\tDuration: # ms\tBilled Duration: # ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\t",
			"XRAY TraceId: 1-2-3\tSegmentId: 4\tSampled: true\t",
		}},
	} {
		ev := event(test.id)
		ev.TraceID, ev.Report = test.trace, new(rouse.Report)
		out := w.invoke(ev)
		c.want(200, "")
		c.post("invocation/"+test.id+"/response", "1")
		c.want(202, "")
		c.poll()
		if o := <-out; o.err != nil || string(ev.Report.Log) != "the log" {
			t.Fatalf("got %v with the log %q", o.err, ev.Report.Log)
		}
		w.wantLines(j, append([]string{"START RequestId: " + test.id + " Version: $LATEST", "END RequestId: " + test.id}, test.more...)...)
	}
	if !slices.Equal(j.drained, []int{1}) {
		t.Errorf("what was printed was taken in behind %v lines, want once, behind the one of the init's start", j.drained)
	}
}

func TestTheLogSaysHowAnEventFailed(t *testing.T) {
	const report = "REPORT RequestId: a\tDuration: # ms\tBilled Duration: # ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\tInit Duration: # ms\t"
	t.Run("with its process", func(t *testing.T) {
		j := new(journal)
		w := newWorld(t, logged(j))
		c := w.ready()
		out := w.invoke(event("a"))
		c.want(200, "")
		w.died(rouse.Exit{Code: 3, PeakMemory: 30 * rouse.MB}, c)
		<-out
		w.wantLines(j, initStart, "START RequestId: a Version: $LATEST",
			"RequestId: a Error: Runtime exited with error: exit status 3", "Runtime.ExitError",
			"END RequestId: a", report+"Status: error\tError Type: Runtime.ExitError")
	})
	t.Run("for want of memory", func(t *testing.T) {
		j := new(journal)
		w := newWorld(t, logged(j))
		c := w.ready()
		out := w.invoke(event("a"))
		c.want(200, "")
		w.died(rouse.Exit{Code: -1, Signal: "killed", OOM: true, PeakMemory: 30 * rouse.MB}, c)
		<-out
		w.wantLines(j, initStart, "START RequestId: a Version: $LATEST",
			"RequestId: a Error: Runtime exited with error: signal: killed", "Runtime.ExitError",
			"END RequestId: a", report+"Status: error\tError Type: Runtime.OutOfMemory")
	})
	t.Run("at its deadline", func(t *testing.T) {
		j := new(journal)
		w := newWorld(t, logged(j), func(_ *rouse.Endpoint, o *Options) { o.Timeout = 50 * time.Millisecond })
		c := w.ready()
		out := w.invoke(event("a"))
		c.want(200, "")
		<-out
		w.wantLines(j, initStart, "START RequestId: a Version: $LATEST", "TIME a Task timed out after 0.05 seconds", "",
			"END RequestId: a", report+"Status: timeout")
	})
	t.Run("in its init", func(t *testing.T) {
		j := new(journal)
		w := newWorld(t, logged(j))
		w.proc.end(rouse.Exit{Code: 1})
		if err := w.Ready(t.Context()); err == nil {
			t.Fatal("a process that had ended was ready")
		}
		for len(j.peek()) < 2 {
			runtime.Gosched()
		}
		w.wantLines(j, initStart, "INIT_REPORT Init Duration: # ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError")
	})
}

func (j *journal) peek() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines
}
