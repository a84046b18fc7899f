package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
)

// What AWS gives extensions when an instance goes, and the runtime of that; and
// a runtime in which there are internal ones alone.
const (
	shutdownTime = 2 * time.Second
	sigtermTime  = 300 * time.Millisecond
	internalTime = 500 * time.Millisecond
)

// Why extensions are told that it is over.
const (
	spindown      = "spindown"
	timedOut      = "timeout"
	failedReason  = "failure"
	invokeEvent   = "INVOKE"
	shutdownEvent = "SHUTDOWN"
)

// extension is one that has registered. Its fields are guarded by the Target's mu.
type extension struct {
	id, name string
	external bool // a process of its own, in contrast to one within the runtime
	events   []string
	ready    bool  // it has asked for the next event, and has none
	conn     *conn // of that question
}

// extensions are those of the present run. The Target's mu guards them.
type extensions struct {
	all    []*extension
	reason string // why the run ends, when it was made to
	// held is the process's poll, while an extension is still busy with the event
	// before, or with its init.
	held *conn
}

func (e *extensions) find(id string) *extension {
	if i := slices.IndexFunc(e.all, func(x *extension) bool { return x.id == id }); i >= 0 {
		return e.all[i]
	}
	return nil
}

// asks says whether c is that of a question for the next event.
func (e *extensions) asks(c *conn) bool {
	return slices.ContainsFunc(e.all, func(x *extension) bool { return x.conn == c })
}

// busy says whether one has yet to ask for the next event.
func (e *extensions) busy() bool {
	return slices.ContainsFunc(e.all, func(x *extension) bool { return !x.ready })
}

// register takes an extension in. The names of external ones are known
// beforehand; when the last of them has come, the process itself may begin.
func (t *Target) register(name string, events []string) (x *extension, err error) {
	external := slices.Contains(t.ep.Extensions, name)
	for _, event := range events {
		switch {
		case event == shutdownEvent && !external:
			return nil, &apiError{"Extension.InvalidEventType", "SHUTDOWN event is not supported for internal extensions"}
		case event != invokeEvent && event != shutdownEvent:
			return nil, &apiError{"Extension.InvalidEventType", fmt.Sprintf("Invalid event: %s", clip(event))}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case slices.ContainsFunc(t.ext.all, func(x *extension) bool { return x.name == name }):
		return nil, &apiError{"Extension.InvalidExtensionState", "Extension " + name + " has been registered already"}
	case t.phase != started && t.phase != restoring || t.closed || t.ending:
		return nil, &apiError{"Extension.RegistrationClosed", "Extension registration closed already"}
	case len(t.ext.all) >= maxExtensions:
		return nil, &apiError{"Extension.TooManyExtensions", fmt.Sprintf("Extension limit (%d) reached", maxExtensions)}
	}
	x = &extension{id: uuid.NewString(), name: name, external: external, events: events}
	t.ext.all = append(t.ext.all, x)
	if external && t.accompanied() {
		t.work.Go(func() { t.proceed(t.ctx) }) // under mu and before closed: Close waits
	}
	return x, nil
}

// accompanied says whether every external extension has registered. The caller holds mu.
func (t *Target) accompanied() bool {
	n := 0
	for _, x := range t.ext.all {
		if x.external {
			n++
		}
	}
	return n == len(t.ep.Extensions)
}

// proceed begins the process, whose extensions are ready for it.
func (t *Target) proceed(ctx context.Context) {
	p, ok := t.ep.Process.(rouse.ExtendedProcess)
	if !ok {
		return
	}
	if err := p.Proceed(ctx); err != nil && ctx.Err() == nil {
		t.o.Log.Warn("beginning a function's process behind its extensions", "err", err)
	}
}

// nextFor parks an extension's question for its next event. When it was the
// last that the process's own poll waited for, the event before is over. It
// returns false when c waits for another answer, which would never come.
func (t *Target) nextFor(x *extension, c *conn) bool {
	t.mu.Lock()
	held := t.ext.held
	if held == c || t.ext.asks(c) {
		t.mu.Unlock()
		return false
	}
	x.ready, x.conn = true, c
	if held == nil || t.ext.busy() {
		t.mu.Unlock()
		return true
	}
	t.ext.held = nil
	before, first := t.rest()
	t.mu.Unlock()
	t.goOn(held, before, first)
	return true
}

// invite takes the questions of those who want to know of an event. The caller
// holds mu, and tells them without it.
func (e *extensions) invite(event string) (conns []*conn) {
	for _, x := range e.all {
		if x.conn != nil && slices.Contains(x.events, event) {
			conns = append(conns, x.conn)
			x.ready, x.conn = false, nil
		}
	}
	return conns
}

// tellOf tells extensions of an event that the process is about to get.
func (t *Target) tellOf(inv *invocation) {
	if len(inv.invited) == 0 {
		return
	}
	type tracing struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
	body := encode(struct {
		Type     string  `json:"eventType"`
		Deadline int64   `json:"deadlineMs"`
		ID       string  `json:"requestId"`
		ARN      string  `json:"invokedFunctionArn"`
		Tracing  tracing `json:"tracing"`
	}{invokeEvent, inv.deadline.UnixMilli(), inv.ev.ID, inv.arn, tracing{"X-Amzn-Trace-Id", inv.trace}})
	for _, c := range inv.invited {
		c.sendTo(body)
	}
	inv.invited = nil
}

// dismiss tells extensions that it is over, and waits for their end as long as
// AWS does. It does nothing where there are none.
func (t *Target) dismiss(reason string) {
	p, ok := t.ep.Process.(rouse.ExtendedProcess)
	if !ok {
		return
	}
	t.mu.Lock()
	internal := len(t.ext.all) > 0
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	switch {
	case len(t.ep.Extensions) > 0:
		t.dismissExternal(ctx, p, reason)
	case internal && reason == spindown:
		endBy(ctx, p, internalTime)
	}
}

// endBy asks the process to end, a frozen one too, and makes it after a while. If
// it cannot be told, the sandbox is gone.
func endBy(ctx context.Context, p rouse.ExtendedProcess, grace time.Duration) {
	brief, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	_ = p.Thaw(brief)
	if p.End(brief, false) != nil {
		_ = p.End(ctx, true)
	}
}

// dismissExternal ends the process, if that still runs, and then tells the
// external extensions.
func (t *Target) dismissExternal(ctx context.Context, p rouse.ExtendedProcess, reason string) {
	deadline := time.Now().Add(shutdownTime)
	if reason == spindown {
		endBy(ctx, p, sigtermTime)
	}
	t.flushTelemetry(ctx)
	t.mu.Lock()
	conns := t.ext.invite(shutdownEvent)
	t.mu.Unlock()
	body := encode(struct {
		Type     string `json:"eventType"`
		Reason   string `json:"shutdownReason"`
		Deadline int64  `json:"deadlineMs"`
	}{shutdownEvent, reason, deadline.UnixMilli()})
	for _, c := range conns {
		c.sendTo(body)
	}
	if len(conns) > 0 {
		_ = p.Alone(ctx) // who takes longer is ended with the sandbox, or before the next run
	}
}

// extensionFailed takes an extension's word that it cannot go on.
func (t *Target) extensionFailed(x *extension, kind, said string) {
	t.mu.Lock()
	id := ""
	var then func()
	if t.current != nil {
		id = "RequestId: " + t.current.ev.ID + " "
	}
	err := broken(rouse.FunctionError, nil, id+"Error: extension "+x.name+": "+clip(said))
	err.Type = kind
	select {
	case <-t.inited:
		t.ending = true
		then = t.fail(err)
	default:
		err.Code = rouse.StartFailed
		then = func() { t.failInit(err) }
	}
	t.mu.Unlock()
	then()
}

// sayExtensions says who is there when the init is done.
func (t *Target) sayExtensions() {
	t.mu.Lock()
	var lines []string
	for _, x := range t.ext.all {
		lines = append(lines, "EXTENSION\tName: "+x.name+"\tState: Ready\tEvents: ["+strings.Join(x.events, ",")+"]")
	}
	took, phase, all := t.init, t.initPhase(), slices.Clone(t.ext.all)
	t.mu.Unlock()
	report := func() map[string]any { return t.initReport(took, phase, "success", "") }
	if t.json() {
		lines = nil
		for _, x := range all {
			lines = t.kept(lines, "platform.extension", x.record())
		}
		lines = t.kept(lines, "platform.initReport", report())
	}
	if len(lines) > 0 {
		t.o.Output.Say(lines...)
	}
	if len(all) == 0 {
		return
	}
	for _, x := range all {
		t.emit("platform.extension", x.record)
	}
	t.emit("platform.initReport", report)
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("lambda: an event that cannot be encoded: " + err.Error())
	}
	return b
}
