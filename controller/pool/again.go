package pool

import (
	"context"
	"errors"
	"time"

	"github.com/rousehq/rouse"
)

// initTime is what a Lambda function has to get ready before there is an event
// in whose own time it may be tried again.
const initTime = 10 * time.Second

// initError is a start that got as far as a Lambda function's code, which did not
// get ready.
type initError struct{ error }

func (e *initError) Unwrap() error { return e.error }

// Retrying is the pool for callers whose events run a failed init again, as on
// AWS: they are lent an instance whose code did not get ready, rather than told
// so, and no failure before keeps them waiting. Functions of another contract
// are lent as ever.
func (p *Pool) Retrying() rouse.Leaser { return retrying{p} }

type retrying struct{ pool *Pool }

var _ rouse.Leaser = retrying{}

func (l retrying) Acquire(ctx context.Context, id rouse.RevisionID, size rouse.Bytes) (*rouse.Lease, error) {
	return l.pool.lend(ctx, id, &waiter{size: size, retries: true})
}

// lendFailed lends i, whose init failed with err, to the first of those who wait
// for such a one. It returns false when nobody does, or i is of no use.
func (s *state) lendFailed(now time.Time, i *instance, err error) (actions, bool) {
	var failed *initError
	// Nothing can be run again in a sandbox that is gone, and so no start is insisted on.
	s.initFailed = errors.As(err, &failed) && !i.lost
	if !s.initFailed || s.closed || i.provisioned || s.waiters.retrying == 0 {
		return actions{}, false
	}
	w := s.waiters.first
	for w != nil && !(w.retries && s.take(w, i)) {
		w = w.next
	}
	if w == nil {
		return actions{}, false
	}
	s.waiters.remove(w)
	i.state, i.broken, i.again, i.ready = rouse.Ready, true, true, now
	i.run++
	s.lend(i, w)
	return actions{grants: []delivery{{w, grant{inst: i}}}}, true
}

// insistent counts those who would be lent an instance whose init failed, and so
// have it started while the revision backs off.
func (s *state) insistent() int {
	n := 0
	if s.waiters.retrying == 0 {
		return 0
	}
	for w := s.waiters.first; w != nil; w = w.next {
		if w.retries && (w.took || w.warm) {
			n++
		}
	}
	return n
}

// triedAgain hears how the event ended that ran i's init again. An instance that
// failed twice goes.
func (s *state) triedAgain(i *instance, broken bool, a actions) actions {
	i.again = false
	if i.state != rouse.Ready {
		return a
	}
	if broken || i.lost {
		return s.drain(i, a)
	}
	i.broken = false
	s.lastErr, s.retryAt, s.demanded, s.probe = nil, time.Time{}, false, false
	return a
}

// patient says that nobody waits but those who run a failed init again.
func (r *revision) patient() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.waiters.len > 0 && r.state.waiters.retrying == r.state.waiters.len
}
