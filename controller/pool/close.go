package pool

import (
	"context"
	"fmt"
	"time"
)

// Close drains the pool: nothing new is taken, what runs is finished, idle
// instances and those that start for nobody are stopped. When ctx ends first, waiters fail and what still runs
// is ended. It returns when no sandbox is left, or the error of those that
// could not be removed.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	p.closing.Store(true) // which add looks at, so that closeAll misses none
	p.mu.Unlock()
	p.closeAll(false)
	if !p.empty(ctx) {
		p.end() // starts under way fail, and so are cleaned up
		p.closeAll(true)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.config.Grace+stopTimeout)
		defer cancel()
		p.empty(last)
	}
	left := p.ledger.sandboxes()
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.end()
	p.work.Wait()
	for r := range p.all() {
		r.halt()
	}
	if left > 0 {
		return errLeft(left)
	}
	return nil
}

func (p *Pool) closeAll(atOnce bool) {
	for r := range p.all() {
		r.do(func(s *state, now time.Time) actions { return s.close(now, atOnce) })
	}
}

// empty waits until no sandbox is left and says whether that came before ctx's end.
func (p *Pool) empty(ctx context.Context) bool {
	for p.ledger.sandboxes() > 0 {
		if p.startsForNobody() {
			p.end()
		}
		select {
		case <-p.left:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// startsForNobody says that all that is left is starting, and no request waits for it.
func (p *Pool) startsForNobody() bool {
	for r := range p.all() {
		r.mu.Lock()
		needed := r.state.waiters.len > 0 || len(r.state.instances) > r.state.starting
		r.mu.Unlock()
		if needed {
			return false
		}
	}
	return true
}

// changed wakes whoever waits for the pool to be empty.
func (p *Pool) changed() {
	select {
	case p.left <- struct{}{}:
	default:
	}
}

// halt stops the revision's timer for good.
func (r *revision) halt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.removed = true
	if r.timer != nil {
		r.timer.Stop()
	}
}

func errLeft(n int) error {
	return fmt.Errorf("%d sandboxes could not be removed", n)
}
