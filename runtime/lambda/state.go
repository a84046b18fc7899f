package lambda

import (
	"slices"
	"time"

	"github.com/rousehq/rouse"
)

// This file holds what connections do to the Target's state. Each method takes
// mu, decides, and acts after it has let go.

// has says whether c still belongs to the process that runs now.
func (t *Target) has(c *conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.conns[c]
	return ok && !t.closed
}

// park takes c's poll: it ends the invocation before, and gives c the event
// that waits, or lets it wait for one. It returns false in a wrong phase.
func (t *Target) park(c *conn) (from phase, ok bool) {
	t.runtimeDone()
	t.mu.Lock()
	from = t.phase
	_, mine := t.conns[c]
	if !mine || t.ending || t.closed || !allowed(from, ready) || t.ext.asks(c) {
		t.mu.Unlock()
		return from, false
	}
	t.phase = ready
	if t.ext.busy() { // the event, or the init, is not over before they say so
		t.ext.held = c
		t.mu.Unlock()
		return from, true
	}
	before, first := t.rest()
	t.mu.Unlock()
	t.goOn(c, before, first)
	return from, true
}

// goOn makes c's poll one that waits for an event, after the end of the event
// before or of the init.
func (t *Target) goOn(c *conn, before *invocation, first bool) {
	if first {
		t.sayExtensions()
		t.announce()
	}
	if before != nil {
		t.finish(before) // its last lines come before the next one's first
	}
	var err error
	if !t.wait(c) {
		err = broken(rouse.FunctionError, nil, "the process has ended")
	}
	if before != nil && before.settled != nil {
		before.settled(err)
	}
}

// announce says that the init is done, unless something else was said before.
func (t *Target) announce() {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-t.inited:
	default:
		close(t.inited)
	}
}

// wait adds c to the polls that wait for an event, and gives it the one that
// waits already. It returns false when the process was ended in the meantime.
func (t *Target) wait(c *conn) bool {
	t.mu.Lock()
	if _, mine := t.conns[c]; !mine || t.ending || t.closed {
		t.mu.Unlock()
		return false
	}
	select {
	case <-c.gate: // left from the poll before
	default:
	}
	c.parked.Store(true)
	t.parked = append(t.parked, c)
	var inv *invocation
	to := (*conn)(nil)
	if t.waiting != nil {
		inv = t.waiting
		to = t.hand()
	} else if t.ep.Keeper != nil {
		t.noteIdle()
	}
	t.mu.Unlock()
	if to != nil {
		t.deliver(to, inv)
	}
	return true
}

// noteIdle records which connection waits, for a host that comes after this
// one. The caller holds mu.
func (t *Target) noteIdle() {
	if n := len(t.parked); n > 0 && t.parked[n-1].slot >= 0 {
		t.ep.Keeper.Idle(t.parked[n-1].slot)
	} else {
		t.ep.Keeper.Busy()
	}
}

// rest ends the invocation that has been answered, or, the first time, the
// init. The caller holds mu.
func (t *Target) rest() (inv *invocation, first bool) {
	if !t.rested {
		t.rested, t.init = true, time.Since(t.began)
		return nil, true
	}
	inv = t.current
	if inv == nil {
		return nil, false
	}
	t.current = nil
	if t.waiting == nil {
		t.alarm.Stop()
	}
	return inv, false
}

// unparkLost forgets the poll of a connection that has ended.
func (t *Target) unparkLost(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.parked, c); i >= 0 {
		t.parked = slices.Delete(t.parked, i, i+1)
		if t.ep.Keeper != nil && t.current == nil {
			t.noteIdle()
		}
	}
	c.unpark()
}

// drop takes c out of the books after its goroutine's last word. When it was
// the last of a process that has ended, there is nothing more to wait for.
func (t *Target) drop(c *conn) {
	c.hangUp()
	if t.ep.Keeper != nil && c.slot >= 0 {
		t.ep.Keeper.Drop(c.slot)
	}
	then := func() {}
	t.mu.Lock()
	delete(t.conns, c)
	if len(t.conns) == 0 && t.exit != nil {
		then = t.conclude()
	}
	t.mu.Unlock()
	then()
}

// enter moves to a phase of the init on the process's word.
func (t *Target) enter(c *conn, to phase) (from phase, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, mine := t.conns[c]
	if from = t.phase; !mine || !allowed(from, to) {
		return from, false
	}
	t.phase = to
	return from, true
}

// initFailed ends the init with what the runtime said about it.
func (t *Target) initFailed(said *rouse.Result) {
	err := broken(rouse.StartFailed, nil, said.Failure.Message)
	err.Type, err.Trace, err.Payload = said.Failure.Type, said.Failure.Trace, said.Payload
	t.failInit(err)
}

// claim gives the event of that id to one connection to answer. Without one, ok
// tells a wrong id (true) from a wrong phase (false).
func (t *Target) claim(id []byte, as phase) (inv *invocation, from phase, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if from = t.phase; !allowed(from, as) || t.current == nil {
		return nil, from, false
	}
	if string(id) != t.current.ev.ID {
		return nil, from, true
	}
	t.phase = as
	return t.current, from, true
}

// unclaim takes a claim back whose answer did not come whole.
func (t *Target) unclaim(inv *invocation) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == inv && !inv.ended {
		t.phase = running
	}
}

// answered makes result the outcome of a claimed event.
func (t *Target) answered(inv *invocation, result *rouse.Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == inv && !inv.ended {
		t.phase = responseSent
		result.Streamed = inv.outlet.used()
		inv.end(result, nil)
	}
}
