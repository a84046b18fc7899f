package lambda

import (
	"context"
	"errors"
	"time"

	"github.com/rousehq/rouse"
)

// goneText is said of an event whose sandbox ended, whoever ended it.
const goneText = "Runtime exited: its sandbox is gone"

// exitErr is how a run ended, as an error.
type exitErr struct {
	exit rouse.Exit
	gone bool // the sandbox ended with it
}

func (e *exitErr) Error() string {
	if e.gone {
		return "the sandbox is gone"
	}
	return e.exit.String()
}

// watch waits for the end of the present run in the background. The caller
// holds mu. It does nothing while a watch is on.
func (t *Target) watch() {
	if t.watched {
		return
	}
	ctx, cancel := context.WithCancel(t.ctx)
	t.watched, t.stopWatch = true, cancel
	run := t.run
	t.work.Go(func() {
		defer cancel()
		exit, err := t.ep.Process.Wait(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil && !errors.Is(err, rouse.ErrGone):
			t.o.Log.Warn("waiting for a function's process", "err", err)
		default:
			t.ended(run, &exitErr{exit: exit, gone: err != nil})
		}
	})
}

// ended takes note that a run is over. What the process said before it ended
// may still lie in its connections, so they are read to their end first.
func (t *Target) ended(run int, exit error) {
	t.mu.Lock()
	if t.run != run {
		t.mu.Unlock()
		return
	}
	t.exit = exit
	if len(t.conns) == 0 {
		then := t.conclude()
		t.mu.Unlock()
		then()
		return
	}
	t.mu.Unlock()
	timer := time.NewTimer(lastWords)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ctx.Done():
		return
	}
	t.mu.Lock()
	then := func() {}
	if t.run == run {
		then = t.conclude()
	}
	t.mu.Unlock()
	then()
}

// conclude fails what a run that is over has left open. The caller holds mu, and
// calls what is returned without it.
func (t *Target) conclude() func() {
	if t.ending {
		return func() {} // whoever ends the process has a better reason
	}
	say := t.endInit(t.exitError(rouse.StartFailed, ""))
	id := ""
	for _, inv := range []*invocation{t.waiting, t.current} {
		if inv != nil {
			id = inv.ev.ID
		}
	}
	if say == nil {
		return t.fail(t.exitError(rouse.FunctionError, id))
	}
	run := t.run
	return func() {
		say()
		then := func() {}
		t.mu.Lock()
		if t.run == run && !t.ending {
			then = t.fail(t.exitError(rouse.FunctionError, id))
		}
		t.mu.Unlock()
		then()
	}
}

// exitError puts the exit in AWS's words. The caller holds mu.
func (t *Target) exitError(code rouse.Code, id string) *rouse.Error {
	kind, text := "Runtime.ExitError", "Runtime exited without providing a reason"
	var exit *rouse.Exit
	var e *exitErr
	if errors.As(t.exit, &e) {
		if !e.gone {
			exit = &e.exit
		}
		switch {
		case e.gone:
			text = goneText
		case e.exit.Extension != "":
			kind, text = "Extension.Crash", "extension "+e.exit.Extension+": "+e.exit.String()
		case e.exit.OOM:
			kind, text = "Runtime.OutOfMemory", "Runtime exited with error: signal: killed: out of memory"
			if e.exit.PeakMemory > 0 {
				text += " at " + e.exit.PeakMemory.String()
			}
		case e.exit.Error != "":
			kind, text = "Runtime.InvalidEntrypoint", e.exit.Error
		case e.exit != (rouse.Exit{PeakMemory: e.exit.PeakMemory}):
			text = "Runtime exited with error: " + e.exit.String()
		}
	}
	if id != "" {
		text = "RequestId: " + id + " Error: " + text
	}
	err := broken(code, t.exit, text)
	err.Type, err.Exit = kind, exit
	return err
}

// broken makes an error after which the process has to be restarted.
func broken(code rouse.Code, cause error, message string) *rouse.Error {
	return &rouse.Error{Code: code, Message: message, Cause: errors.Join(rouse.ErrBroken, cause)}
}

// gone says whether the sandbox has ended. The caller holds mu.
func (t *Target) gone() bool {
	var e *exitErr
	return errors.As(t.exit, &e) && e.gone
}
