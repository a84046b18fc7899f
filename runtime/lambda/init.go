package lambda

import (
	"context"
	"errors"
	"time"

	"github.com/rousehq/rouse"
)

// This file holds how an init fails, and how it is tried once more: an init that
// came to nothing before there was an event is run again within the first one's
// own time (AWS calls the first one suppressed).

// initPhase says when the present init runs, in AWS's words. The caller holds mu.
func (t *Target) initPhase() string {
	if t.again {
		return "invoke"
	}
	return "init"
}

// endInit makes err the end of an init that is still on, and returns what says so
// in the log; nil when the init was over before. The caller holds mu, and calls
// what is returned without it, before it ends the event that waits.
func (t *Target) endInit(err *rouse.Error) func() {
	select {
	case <-t.inited:
		return nil
	default:
	}
	t.initErr = err
	close(t.inited)
	took, phase, status, kind := time.Since(t.began), t.initPhase(), "error", err.Type
	if errors.Is(err, context.DeadlineExceeded) || err.Code == rouse.Timeout {
		status, kind = "timeout", ""
	}
	return func() { t.sayInitReport(took, phase, status, kind) }
}

// failInit ends an init that is still on with err, and an event that waits for
// it. It returns false when the init was over before.
func (t *Target) failInit(err *rouse.Error) bool {
	t.mu.Lock()
	say, run := t.endInit(err), t.run
	t.mu.Unlock()
	if say == nil {
		return false
	}
	say()
	then := func() {}
	t.mu.Lock()
	if t.run == run && !t.ending {
		then = t.fail(err)
	}
	t.mu.Unlock()
	then()
	return true
}

// failed says whether the init has come to nothing, so that the process has to be
// started again before it can have an event. The caller holds mu.
func (t *Target) failed() bool {
	return t.initErr != nil && !t.closed && !t.gone()
}

// initAgain starts the process again for inv, whose time the init then takes. It
// blocks until the process runs.
func (t *Target) initAgain(ctx context.Context, inv *invocation) error {
	inv.again = true
	t.reset(true)
	t.o.Output.Begin(inv.ev.ID, "", inv.ev.Report != nil)
	ctx, cancel := context.WithDeadline(ctx, inv.deadline)
	defer cancel()
	err := t.ep.Process.Restart(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return timeout(inv)
	}
	return broken(rouse.FunctionError, err, "the process could not be started again")
}
