package queue

import (
	"context"
	"time"

	"github.com/rousehq/rouse"
)

// handle has a batch handled, in one call or, when it is too large for one
// event, in several, one after the other.
func (p *poller) handle(ctx context.Context, batch []Message, d Description) {
	leased := time.Now().Add(d.Visibility)
	list, err := pieces(batch, d, p.event)
	if err != nil {
		p.log.Error("making an event of messages", "mapping", p.m.ID, "error", err)
		return
	}
	for i, one := range list {
		done := p.call(ctx, one, d, leased)
		if err := p.source.Delete(context.WithoutCancel(p.running), receipts(done)); err != nil {
			p.log.Error("deleting messages that were handled", "mapping", p.m.ID, "error", err)
		}
		if p.running.Err() != nil || d.FIFO && len(done) < len(one.messages) {
			// What was not begun: nobody works on it, and in a FIFO queue it must
			// not overtake what failed.
			for _, rest := range list[i+1:] {
				p.giveBack(rest.messages)
			}
			return
		}
	}
}

// call runs one event and returns the messages that are done. A call that the
// platform refuses is tried again while the lease lasts, so that a throttled
// function costs its messages no receipt. When ctx ends they are returned instead.
func (p *poller) call(ctx context.Context, one piece, d Description, leased time.Time) []Message {
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		answer, ok, err := p.invoker.Invoke(p.running, p.m.Ref, one.event)
		switch {
		case p.running.Err() != nil:
			p.giveBack(one.messages)
			return nil
		case err == nil && ok:
			p.report("OK")
			return succeeded(one.messages, answer, p.m.PartialFailures, d.FIFO)
		case err == nil:
			p.report("PROBLEM: Function call failed")
			return nil
		}
		p.report("PROBLEM: " + problem(err))
		if !worthAnother(rouse.CodeOf(err)) {
			p.log.Warn("calling a function with messages", "mapping", p.m.ID, "function", p.m.Ref, "error", err)
			return nil
		}
		p.mu.Lock()
		p.scale = p.scale.refused(time.Now())
		p.mu.Unlock()
		_, longest := p.invoker.Capacity(p.m.Ref.Name)
		if time.Until(leased) < pause+longest {
			return nil // its lease would end during the call
		}
		sleep(ctx, pause)
		if ctx.Err() != nil {
			p.giveBack(one.messages)
			return nil
		}
	}
}

func worthAnother(code rouse.Code) bool {
	return code == rouse.Throttled || code == rouse.Unavailable || code == rouse.Timeout
}
