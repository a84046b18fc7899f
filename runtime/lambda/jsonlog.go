package lambda

import (
	"strings"
	"time"

	"github.com/rousehq/rouse"
)

// This file holds what the platform says in a log that is JSON: the events that
// telemetry has, of those levels that are kept (AWS, "Log-level filtering").

// rank orders the levels of the platform's events.
var rank = map[rouse.LogLevel]int{rouse.LogDebug: 0, rouse.LogInfo: 1, rouse.LogWarn: 2}

// rated is how AWS rates an event.
func rated(kind string, of map[string]any) rouse.LogLevel {
	if status, ok := of["status"]; ok && status != "success" {
		return rouse.LogWarn
	}
	switch kind {
	case "platform.initRuntimeDone", "platform.runtimeDone":
		return rouse.LogDebug
	case "platform.initReport":
		if of["initializationType"] == "on-demand" {
			return rouse.LogDebug
		}
	}
	return rouse.LogInfo
}

// json says whether the log is JSON.
func (t *Target) json() bool { return t.o.Logging != nil }

// kept appends an event as a line, if its level is kept.
func (t *Target) kept(lines []string, kind string, of map[string]any) []string {
	if rank[rated(kind, of)] < rank[t.o.Logging.System] {
		return lines
	}
	return append(lines, string(encode(stamped(kind, of))))
}

// sayEvent logs an event between invocations.
func (t *Target) sayEvent(kind string, of map[string]any) {
	if lines := t.kept(nil, kind, of); lines != nil {
		t.o.Output.Say(lines...)
	}
}

// firstEvent is the first line of inv in a log that is JSON, or "". It tells of
// traces only where there is one.
func (t *Target) firstEvent(inv *invocation, of map[string]any) string {
	if xray(inv.trace) == "" {
		delete(of, "tracing")
	}
	return strings.Join(t.kept(nil, "platform.start", of), "")
}

// lastEvents are lastLines in a log that is JSON.
func (t *Target) lastEvents(inv *invocation, r *rouse.Report) []string {
	var lines []string
	for _, e := range []struct {
		kind string
		of   map[string]any
	}{{"platform.runtimeDone", inv.doneRecord(r.Duration)}, {"platform.report", t.reportRecord(inv, r)}} {
		if e.of["status"] == "failure" { // of which the log says less than telemetry does
			e.of["status"] = "error"
		}
		lines = t.kept(lines, e.kind, e.of)
	}
	return lines
}

// initStart is what is told of the beginning of an init.
func (t *Target) initStart(phase string) map[string]any {
	return map[string]any{
		"initializationType": t.initType(), "phase": phase, "functionName": t.o.Function, "functionVersion": t.o.Version,
		"runtimeVersion": t.o.Runtime, "runtimeVersionArn": t.runtimeARN(),
	}
}

// initReport is what is told of an init that is over.
func (t *Target) initReport(took time.Duration, phase, status, errorType string) map[string]any {
	of := map[string]any{"initializationType": t.initType(), "phase": phase, "status": status,
		"metrics": map[string]any{"durationMs": millis(took)}}
	if errorType != "" {
		of["errorType"] = errorType
	}
	return of
}

func (t *Target) runtimeARN() string {
	return "arn:aws:lambda:" + t.o.Region + "::runtime:" + t.o.Runtime
}

// record is what is told of an extension that is ready.
func (x *extension) record() map[string]any {
	return map[string]any{"name": x.name, "state": "Ready", "events": x.events}
}
