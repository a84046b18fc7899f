package lambda

import (
	"encoding/json"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

// jsonLogged is logged for a log that is JSON.
func jsonLogged(j *journal, least rouse.LogLevel) func(*rouse.Endpoint, *Options) {
	return func(ep *rouse.Endpoint, o *Options) {
		logged(j)(ep, o)
		o.Logging = &rouse.Logging{Application: rouse.LogInfo, System: least}
	}
}

// told is what lines of JSON say, in short.
func told(t *testing.T, lines []string) (events []string) {
	t.Helper()
	for _, line := range lines {
		var e struct {
			Time   time.Time
			Type   string
			Record struct {
				RequestID string `json:"requestId"`
				Version   string
				Phase     string
				Status    string
				ErrorType string `json:"errorType"`
				Tracing   any
				Metrics   struct {
					MaxMemory int64   `json:"maxMemoryUsedMB"`
					Init      float64 `json:"initDurationMs"`
					Took      float64 `json:"durationMs"`
				}
			}
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Time.IsZero() {
			t.Errorf("%s: %v", line, err)
		}
		r := e.Record
		text := e.Type
		for _, part := range []string{r.RequestID, r.Version, r.Phase, r.Status, r.ErrorType} {
			if part != "" {
				text += " " + part
			}
		}
		if r.Tracing != nil {
			text += " traced"
		}
		if e.Type == "platform.report" && (r.Metrics.Took <= 0 || r.Metrics.MaxMemory != 30) {
			t.Errorf("%s has no measures", line)
		}
		events = append(events, text)
	}
	return events
}

func TestALogOfJSONHasTheEventsOfItsLevels(t *testing.T) {
	for least, want := range map[rouse.LogLevel][]string{
		rouse.LogDebug: {"platform.initStart init", "platform.initRuntimeDone init success", "platform.initReport init success", "platform.start a $LATEST",
			"platform.runtimeDone a success", "platform.report a success", "platform.start b $LATEST traced", "platform.runtimeDone b error E", "platform.report b error E"},
		rouse.LogInfo: {"platform.initStart init", "platform.start a $LATEST", "platform.report a success", "platform.start b $LATEST traced",
			"platform.runtimeDone b error E", "platform.report b error E"},
		rouse.LogWarn: {"platform.runtimeDone b error E", "platform.report b error E"},
	} {
		j := new(journal)
		w := newWorld(t, jsonLogged(j, least))
		c := w.ready()
		for _, e := range []struct{ id, trace, path, body string }{
			{"a", "", "response", "1"}, {"b", "Root=1-2-3;Parent=4;Sampled=1", "error", `{"errorType":"E","errorMessage":"m"}`},
		} {
			ev := event(e.id)
			ev.TraceID, ev.Report = e.trace, new(rouse.Report)
			out := w.invoke(ev)
			c.want(200, "")
			c.post("invocation/"+e.id+"/"+e.path, e.body)
			c.want(202, "")
			c.poll()
			<-out
		}
		if got := told(t, j.take()); !slices.Equal(got, want) {
			t.Errorf("%s\n got %q\nwant %q", least, got, want)
		}
	}
}

func TestALogOfJSONSaysHowAProcessEnded(t *testing.T) {
	for want, end := range map[string]func(*world, *client){
		"error Runtime.ExitError": func(w *world, c *client) { w.died(rouse.Exit{Code: 3, PeakMemory: 30 * rouse.MB}, c) },
		"timeout":                 func(*world, *client) {},
	} {
		j := new(journal)
		w := newWorld(t, jsonLogged(j, rouse.LogWarn), func(_ *rouse.Endpoint, o *Options) { o.Timeout = 200 * time.Millisecond })
		c := w.ready()
		out := w.invoke(event("a"))
		c.want(200, "")
		end(w, c)
		<-out
		if got := told(t, j.take()); !slices.Equal(got, []string{"platform.runtimeDone a " + want, "platform.report a " + want}) {
			t.Errorf("%s: got %q", want, got)
		}
	}
}

func TestALogOfJSONSaysHowAnInitFailed(t *testing.T) {
	j := new(journal)
	w := newWorld(t, jsonLogged(j, rouse.LogInfo))
	w.proc.end(rouse.Exit{Code: 1})
	if err := w.Ready(t.Context()); err == nil {
		t.Fatal("a process that had ended was ready")
	}
	for len(j.peek()) < 2 {
		runtime.Gosched()
	}
	if got := told(t, j.take()); !slices.Equal(got, []string{"platform.initStart init", "platform.initReport init error Runtime.ExitError"}) {
		t.Errorf("got %q", got)
	}
}
