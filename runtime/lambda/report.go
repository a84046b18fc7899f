package lambda

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/rousehq/rouse"
)

// reportTime is how long a caller who wants a report waits behind the answer
// for the process to be done with the event.
const reportTime = 50 * time.Millisecond

// peakTime is how old a reading of the peak memory may be.
const peakTime = 10 * time.Millisecond

// begin says that inv's process is about to have it.
func (t *Target) begin(inv *invocation) {
	inv.beginning.Do(func() {
		started := func() map[string]any {
			return map[string]any{"requestId": inv.ev.ID, "version": t.o.Version,
				"tracing": map[string]any{"type": "X-Amzn-Trace-Id", "value": inv.trace}}
		}
		line := ""
		if !t.json() {
			line = "START RequestId: " + inv.ev.ID + " Version: " + t.o.Version
		} else {
			line = t.firstEvent(inv, started())
		}
		t.o.Output.Begin(inv.ev.ID, line, inv.ev.Report != nil)
		inv.begun.Store(true)
		t.emit("platform.start", started)
	})
}

// report gives inv's caller the report that it wants. The process is done with
// an event when it asks for the next, which is a moment after its answer.
func (t *Target) report(inv *invocation) {
	if inv.err == nil {
		if inv.ev.Report == nil {
			return // whoever sees the process's next poll, or its end, does the rest
		}
		timer := time.NewTimer(reportTime)
		defer timer.Stop()
		select {
		case <-inv.noted:
			return
		case <-timer.C:
		}
	}
	t.finish(inv)
}

// finish measures inv and writes its last lines, once. It must not be called
// with mu held.
func (t *Target) finish(inv *invocation) {
	inv.noting.Do(func() {
		if inv.noted != nil {
			defer close(inv.noted)
		}
		r := t.measure(inv)
		if !inv.begun.Load() && rouse.CodeOf(inv.err) != rouse.Unavailable {
			t.begin(inv) // it ended with the init that it waited for
		}
		if inv.begun.Load() {
			lines := t.lastEvents
			if !t.json() {
				lines = t.lastLines
			}
			r.Log = t.o.Output.End(lines(inv, &r)...)
			t.emitReport(inv, &r)
		}
		if inv.ev.Report != nil {
			*inv.ev.Report = r
		}
	})
}

// measure is what an event took that is over.
func (t *Target) measure(inv *invocation) (r rouse.Report) {
	t.mu.Lock()
	from, peak := inv.handed, inv.peak
	if !t.o.Provisioned {
		r.Init = inv.init
	}
	t.mu.Unlock()
	if from.IsZero() || inv.again {
		from = inv.came
	}
	over := time.Now()
	if over.After(inv.deadline) {
		over = inv.deadline
	}
	r.Duration = max(over.Sub(from), 0)
	r.Billed = (r.Duration + time.Millisecond - 1).Truncate(time.Millisecond)
	// A run that has ended is not measured any more, but its end was.
	var e *rouse.Error
	switch {
	case peak > 0:
		r.MaxMemory = peak
	case errors.As(inv.err, &e) && e.Exit != nil:
		r.MaxMemory = e.Exit.PeakMemory
	case t.ep.Memory != nil:
		r.MaxMemory = t.peak(over, inv.ev.Report != nil)
	}
	return r
}

// peak is the most memory that the present run has had so far. It only grows, and
// reading it costs more than the rest of a line does, so that events which follow
// one another closely share a reading, but for those whose caller wants to know.
func (t *Target) peak(now time.Time, exactly bool) rouse.Bytes {
	t.mu.Lock()
	last, run := t.measured, t.run
	t.mu.Unlock()
	if !exactly && last.run == run && now.Sub(last.at) < peakTime {
		return last.peak
	}
	peak := t.ep.Memory()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.measured = reading{run, now, peak}
	return peak
}

// reading is what was measured of a run.
type reading struct {
	run  int
	at   time.Time
	peak rouse.Bytes
}

// lastLines are what AWS logs when an event is over.
func (t *Target) lastLines(inv *invocation, r *rouse.Report) []string {
	id := inv.ev.ID
	lines := make([]string, 0, 5)
	status := ""
	var failed *rouse.Error
	if errors.As(inv.err, &failed) {
		switch failed.Code {
		case rouse.Timeout:
			_, text, _ := strings.Cut(failed.Message, " Error: ")
			lines = append(lines, time.Now().UTC().Format("2006-01-02T15:04:05.000Z ")+id+" "+text, "")
			status = "Status: timeout"
		default:
			switch {
			case failed.Payload != nil: // the runtime has said it
			case failed.Exit != nil && failed.Exit.OOM: // of which AWS says the cause below only
				lines = append(lines, "RequestId: "+id+" Error: Runtime exited with error: signal: killed", "Runtime.ExitError")
			default:
				lines = append(lines, failed.Message, failed.Type)
			}
			status = "Status: error\tError Type: " + failed.Type
		}
	}
	b := make([]byte, 0, 256)
	b = append(append(b, "REPORT RequestId: "...), id...)
	b = appendMillis(append(b, "\tDuration: "...), r.Duration)
	b = strconv.AppendInt(append(b, " ms\tBilled Duration: "...), r.Billed.Milliseconds(), 10)
	b = strconv.AppendInt(append(b, " ms\tMemory Size: "...), int64(t.o.Memory/rouse.MB), 10)
	b = append(b, " MB\t"...)
	if r.MaxMemory > 0 {
		b = strconv.AppendInt(append(b, "Max Memory Used: "...), int64((r.MaxMemory+rouse.MB-1)/rouse.MB), 10)
		b = append(b, " MB\t"...)
	}
	if r.Init > 0 {
		b = appendMillis(append(b, "Init Duration: "...), r.Init)
		b = append(b, " ms\t"...)
	}
	b = append(b, status...)
	lines = append(lines, "END RequestId: "+id, string(b))
	if line := xray(inv.trace); line != "" {
		lines = append(lines, line)
	}
	return lines
}

// appendMillis appends d in milliseconds with two decimals.
func appendMillis(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, float64(d)/float64(time.Millisecond), 'f', 2, 64)
}

// xray is the line about an event that is traced, or "".
func xray(header string) string {
	if !strings.Contains(header, "Sampled=1") {
		return ""
	}
	root, parent := "", ""
	for part := range strings.SplitSeq(header, ";") {
		switch key, value, _ := strings.Cut(strings.TrimSpace(part), "="); key {
		case "Root":
			root = value
		case "Parent":
			parent = value
		}
	}
	return "XRAY TraceId: " + root + "\tSegmentId: " + parent + "\tSampled: true\t"
}

// sayInitStart says that a process begins to get ready.
func (t *Target) sayInitStart() {
	if t.json() {
		t.sayEvent("platform.initStart", t.initStart("init"))
		return
	}
	t.o.Output.Say("INIT_START Runtime Version: " + t.o.Runtime + "\tRuntime Version ARN: " + t.runtimeARN())
}

// sayInitReport says how an init ended that came to nothing.
func (t *Target) sayInitReport(took time.Duration, phase, status, errorType string) {
	if t.json() {
		t.sayEvent("platform.initReport", t.initReport(took, phase, status, errorType))
		return
	}
	if errorType != "" {
		status += "\tError Type: " + errorType
	}
	t.o.Output.Say("INIT_REPORT Init Duration: " + string(appendMillis(nil, took)) + " ms\tPhase: " + phase + "\tStatus: " + status)
}

// runtimeDone tells subscribers that the process asks for its next event: some
// extensions wait for that before they do.
func (t *Target) runtimeDone() {
	t.mu.Lock()
	inv, initial := t.current, t.phase == started || t.phase == restoring
	if inv != nil && !inv.ended {
		inv = nil // a poll that is about to be refused
	}
	subs := t.subs.Load()
	var done map[string]any
	if initial {
		t.polled = time.Now()
		done = t.initRuntimeDone()
	}
	t.mu.Unlock()
	if initial {
		t.o.Output.Drain() // what the init printed belongs to no event
		if t.json() {
			t.sayEvent("platform.initRuntimeDone", done)
		}
	}
	switch {
	case subs == nil:
	case initial:
		t.send("platform", *subs, stamped("platform.initRuntimeDone", done))
	case inv != nil:
		t.emitDone(inv, time.Since(inv.handed))
	}
}

// initRuntimeDone is what subscribers are told of the process' part of the init.
// The caller holds mu.
func (t *Target) initRuntimeDone() map[string]any {
	return map[string]any{"initializationType": t.initType(), "phase": t.initPhase(), "status": "success",
		"metrics": map[string]any{"durationMs": millis(t.polled.Sub(t.began))}}
}

// emitDone tells of the end of an event in the process, once.
func (t *Target) emitDone(inv *invocation, took time.Duration) {
	if t.subs.Load() == nil || !inv.told.CompareAndSwap(false, true) {
		return
	}
	t.emit("platform.runtimeDone", func() map[string]any { return inv.doneRecord(took) })
}

// doneRecord is what is told of inv when the process is done with it.
func (inv *invocation) doneRecord(took time.Duration) map[string]any {
	produced := 0
	if inv.result != nil {
		produced = len(inv.result.Payload)
	}
	return inv.record(map[string]any{"durationMs": millis(took), "producedBytes": produced})
}

// record is what is told of inv: what was measured of it, and how it ended, in
// telemetry's words. inv has ended.
func (inv *invocation) record(metrics map[string]any) map[string]any {
	of := map[string]any{"requestId": inv.ev.ID, "status": "success", "metrics": metrics}
	var failed *rouse.Error
	switch {
	case rouse.CodeOf(inv.err) == rouse.Timeout:
		of["status"] = "timeout"
	case inv.err != nil:
		of["status"] = "failure"
		if errors.As(inv.err, &failed) {
			of["errorType"] = failed.Type
		}
	case inv.result != nil && inv.result.Failure != nil:
		of["status"], of["errorType"] = "error", inv.result.Failure.Type
	}
	return of
}

// emitReport tells of an event that is over.
func (t *Target) emitReport(inv *invocation, r *rouse.Report) {
	if t.subs.Load() == nil {
		return
	}
	t.emitDone(inv, r.Duration)
	t.emit("platform.report", func() map[string]any { return t.reportRecord(inv, r) })
}

// reportRecord is what is told of inv when it is over.
func (t *Target) reportRecord(inv *invocation, r *rouse.Report) map[string]any {
	metrics := map[string]any{
		"durationMs": millis(r.Duration), "billedDurationMs": r.Billed.Milliseconds(), "memorySizeMB": int64(t.o.Memory / rouse.MB),
	}
	if r.MaxMemory > 0 {
		metrics["maxMemoryUsedMB"] = int64((r.MaxMemory + rouse.MB - 1) / rouse.MB)
	}
	if r.Init > 0 {
		metrics["initDurationMs"] = millis(r.Init)
	}
	return inv.record(metrics)
}

func millis(d time.Duration) float64 {
	return float64(d.Microseconds()) / 1000
}
