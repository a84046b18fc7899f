package lambda

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rousehq/rouse"
)

// invocation is one event on its way through the process. Its fields but done
// are guarded by the Target's mu until done is closed.
type invocation struct {
	ev       *rouse.Event
	arn      string
	deadline time.Time
	budget   time.Duration // for the message of a timeout

	done    chan struct{} // closed when result or err is final
	ended   bool
	result  *rouse.Result
	err     error
	settled func(error) // see Settle

	came   time.Time
	handed time.Time // when the process got it
	to     *conn     // by which it did
	// Its first line is in the log once, and then its last ones.
	beginning, noting sync.Once
	begun             atomic.Bool
	told              atomic.Bool   // subscribers know that the process is done with it
	trace             string        // the X-Ray header
	init              time.Duration // of the init that it waited for
	again             bool          // the init was run again in its own time
	peak              rouse.Bytes   // measured before the process was ended for it
	invited           []*conn       // extensions that want to know of it
	outlet            *outlet       // nil unless the caller takes a streamed answer
	noted             chan struct{} // closed when its last lines are in the log; nil unless the caller waits for it
}

// end makes inv's outcome final, once.
func (inv *invocation) end(result *rouse.Result, err error) {
	if !inv.ended {
		inv.ended, inv.result, inv.err = true, result, err
		close(inv.done)
	}
}

// Invoke runs one event to its end. It blocks until the process has answered,
// has ended, or has been ended because the deadline passed or ctx was done. See
// rouse.EventTarget for its errors; the answer may come before the process is
// ready for another event, for which there is Settle.
func (t *Target) Invoke(ctx context.Context, ev *rouse.Event) (*rouse.Result, error) {
	if len(ev.Payload) > t.o.MaxEvent {
		return nil, rouse.Errorf(rouse.TooLarge, "event of %d bytes: at most %d are allowed", len(ev.Payload), t.o.MaxEvent)
	}
	now := time.Now()
	inv := &invocation{ev: ev, arn: ev.ARN, came: now, deadline: ev.Deadline, done: make(chan struct{})}
	if inv.arn == "" {
		inv.arn = t.o.ARN
	}
	if inv.deadline.IsZero() {
		inv.deadline = now.Add(t.o.Timeout)
	}
	inv.budget = inv.deadline.Sub(now)
	if inv.trace = ev.TraceID; inv.trace == "" {
		inv.trace = rouse.NewTrace(now, t.o.Traced)
	}
	if ev.Stream != nil {
		inv.outlet = new(outlet)
	}
	if ev.Report != nil {
		inv.noted = make(chan struct{})
	}

	t.mu.Lock()
	if t.failed() {
		t.mu.Unlock()
		if inv.err = t.initAgain(ctx, inv); inv.err != nil {
			t.report(inv)
			return nil, inv.err
		}
		t.mu.Lock()
		t.watch()
	}
	if err := t.refuse(); err != nil {
		t.mu.Unlock()
		return nil, err
	}
	t.waiting = inv
	t.alarm.Reset(time.Until(inv.deadline))
	c := t.hand()
	t.mu.Unlock()
	if c != nil {
		t.deliver(c, inv)
	}
	select {
	case <-inv.done:
	case <-ctx.Done():
		t.abandon(inv, ctx.Err())
		<-inv.done
	}
	if inv.outlet != nil {
		inv.outlet.close()
	}
	t.report(inv)
	return inv.result, inv.err
}

// refuse says why no event can be taken now, or nil. The caller holds mu.
func (t *Target) refuse() error {
	switch {
	case t.closed:
		return broken(rouse.FunctionError, rouse.ErrGone, goneText)
	case t.exit != nil:
		return broken(rouse.FunctionError, t.exit, "the process had ended before the event came")
	case t.ending:
		return broken(rouse.FunctionError, nil, "the process is being ended")
	case t.waiting != nil || (t.current != nil && !t.current.ended):
		return rouse.Errorf(rouse.Internal, "the instance has an event already")
	}
	return nil
}

// Settle calls done once the process is ready for another event: with nil when
// it has polled, or with an error that wraps rouse.ErrBroken when it has ended
// or did not poll before the deadline of the event it last had. It does not
// block; done may be called before it returns, or by another goroutine, and
// must not block. It is called at most once after each Invoke.
func (t *Target) Settle(done func(error)) {
	t.mu.Lock()
	switch {
	case t.current != nil:
		t.current.settled = done
		t.mu.Unlock()
	case t.exit != nil || t.closed:
		err := t.exit
		t.mu.Unlock()
		done(broken(rouse.FunctionError, err, "the process has ended"))
	default:
		t.mu.Unlock()
		done(nil)
	}
}

// hand takes a parked poll for the waiting event. nil means that there is
// none, or nothing to hand. The caller holds mu, and calls deliver without it.
func (t *Target) hand() *conn {
	if t.waiting == nil || len(t.parked) == 0 || t.ending {
		return nil
	}
	last := len(t.parked) - 1
	c := t.parked[last]
	t.parked = t.parked[:last]
	t.current, t.waiting = t.waiting, nil
	t.current.handed, t.current.to = time.Now(), c
	t.current.invited = append(t.current.invited, t.ext.invite(invokeEvent)...)
	if !t.current.again { // else it is a part of the event's own time
		t.current.init += t.init
	}
	t.init = 0
	t.phase = running
	if t.ep.Keeper != nil {
		t.ep.Keeper.Busy()
	}
	c.write.Lock() // deliver unlocks it; what the connection answers next comes after the event
	c.unpark()
	return c
}

// deliver writes inv to a poll that hand has taken. A poll that turns out to be
// cut is passed over for another.
func (t *Target) deliver(c *conn, inv *invocation) {
	t.begin(inv)
	t.tellOf(inv)
	for c != nil {
		err := c.sendEvent(inv)
		closing := c.closePoll
		c.write.Unlock()
		if err == nil && !closing {
			return
		}
		if err == nil {
			c.hangUp() // as the poll had asked
			return
		}
		c.hangUp()
		t.mu.Lock()
		c = nil
		if t.current == inv && !inv.ended {
			t.current, t.waiting, t.phase = nil, inv, ready
			c = t.hand()
		}
		t.mu.Unlock()
	}
}

// expire ends the process when the deadline of its event has passed.
func (t *Target) expire() {
	t.mu.Lock()
	inv := t.current
	if inv == nil {
		inv = t.waiting
	}
	if inv == nil || t.closed {
		t.mu.Unlock()
		return
	}
	if left := time.Until(inv.deadline); left > 0 {
		t.alarm.Reset(left) // fired for an earlier event
		t.mu.Unlock()
		return
	}
	t.work.Add(1) // under mu and before closed: Close waits
	t.mu.Unlock()
	defer t.work.Done()
	t.kill(inv, timeout(inv))
}

// timeout is the error of an event whose deadline has passed.
func timeout(inv *invocation) *rouse.Error {
	err := broken(rouse.Timeout, nil, fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", inv.ev.ID, inv.budget.Seconds()))
	err.Type = "Sandbox.Timedout"
	return err
}

// abandon gives inv up because its caller did. An event that the process has
// ends with the process; one that still waits is taken back.
func (t *Target) abandon(inv *invocation, cause error) {
	t.mu.Lock()
	if t.waiting == inv {
		t.waiting = nil
		t.alarm.Stop()
		inv.end(nil, &rouse.Error{Code: rouse.Unavailable, Message: "the event was given up before the function took it", Cause: cause})
	}
	ended := inv.ended
	t.mu.Unlock()
	if !ended {
		t.kill(inv, broken(rouse.FunctionError, cause, "the event was given up while the function had it"))
	}
}

// kill ends the process and then inv with err. It blocks until the process is
// gone, or for killTime.
func (t *Target) kill(inv *invocation, err *rouse.Error) {
	t.killing.Lock()
	defer t.killing.Unlock()
	t.mu.Lock()
	if t.current != inv && t.waiting != inv {
		t.mu.Unlock() // it has ended in the meantime
		return
	}
	t.ending = true
	if err.Code == rouse.Timeout {
		t.ext.reason = timedOut
	}
	to := inv.to
	t.mu.Unlock()
	if t.ep.Memory != nil {
		peak := t.ep.Memory() // while there is something to measure
		t.mu.Lock()
		inv.peak = peak
		t.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(context.Background(), killTime)
	defer cancel()
	if kerr := t.endProcess(ctx); kerr != nil {
		t.o.Log.Warn("ending a function's process", "err", kerr)
	}
	if to != nil {
		to.hangUp() // who else has the other end need not read what is being written
	}
	t.mu.Lock()
	say := t.endInit(err)
	t.mu.Unlock()
	if say != nil {
		say()
	}
	t.mu.Lock()
	then := t.fail(err)
	t.mu.Unlock()
	then()
}

// endProcess ends the process; its extensions are told, later, by dismiss.
func (t *Target) endProcess(ctx context.Context) error {
	if p, ok := t.ep.Process.(rouse.ExtendedProcess); ok && len(t.ep.Extensions) > 0 {
		return p.End(ctx, true)
	}
	return t.ep.Process.Kill(ctx)
}

// fail ends whatever is open with err. The caller holds mu, and calls what is
// returned without it.
func (t *Target) fail(err error) func() {
	then := func() {}
	t.alarm.Stop()
	if inv := t.waiting; inv != nil {
		t.waiting = nil
		inv.end(nil, err)
	}
	if inv := t.current; inv != nil {
		t.current = nil
		inv.end(nil, err)
		then = func() {
			t.finish(inv)
			if inv.settled != nil {
				inv.settled(err)
			}
		}
	}
	return then
}
