package pool

import (
	"errors"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/scale"
)

// settle brings the state to rest after any change: free room goes to the
// front waiters, and what is starting is made to match what is still needed.
func (s *state) settle(now time.Time, a actions) actions {
	s.admit()
	for s.waiters.first != nil {
		w := s.waiters.first
		i := s.pick()
		if i == nil || !s.take(w, i) {
			break
		}
		s.waiters.remove(w)
		if s.apart(i) {
			a = s.giveBack(w, a)
		}
		s.lend(i, w)
		a.grants = append(a.grants, delivery{w, grant{inst: i}})
	}
	for s.waiters.first != nil && s.hopeless() {
		a = s.dismiss(s.waiters.first, errGaveUp, a)
	}
	if a.freed != freedNobody { // what one of them did not need after all
		s.admit()
	}
	if s.retired || s.settings.Idle == 0 {
		for i := range s.instances {
			if s.expired(now, i) {
				a = s.drain(i, a)
			}
		}
	}
	n := s.shortfall(now)
	s.asked += n
	a.ask += n
	// An armed timer finds out by itself what comes after it, so that a release
	// need not look at every instance; only these can be due earlier.
	if s.armed.IsZero() || s.failures > 0 || s.settling > 0 && s.waiters.len > 0 {
		if at := s.wake(now); !at.IsZero() && (s.armed.IsZero() || at.Before(s.armed)) {
			s.armed, a.wake = at, true
		}
	}
	return a
}

// shortfall is how many starts to ask for, or, negative, to withdraw.
func (s *state) shortfall(now time.Time) int {
	room := int(^uint(0) >> 1)
	if s.settings.MaxInstances > 0 {
		room = s.settings.MaxInstances - len(s.instances) - s.asked
	}
	coming := s.starting + s.asked + s.returning(now)
	if now.Before(s.retryAt) {
		insistent := 0
		if s.initFailed {
			insistent = s.insistent()
		}
		room = min(room, max(insistent-coming, 0))
	}
	// Provisioned places that are still to be filled, beyond those coming anyway.
	need := max(scale.Places(s.usable(now), s.settings.Concurrency), s.missing(now)+s.startingProvisioned())
	if s.probe {
		need = max(need, 1)
	}
	return max(min(need-coming, max(room, 0)), -s.asked)
}

// settleTime is how long after an answer its slot counts as coming back. A
// process that takes longer to ask for its next event is not waited for.
const settleTime = 50 * time.Millisecond

// answered notes that i's answer is out and its slot about to come back.
func (s *state) answered(now time.Time, i *instance) actions {
	if i.settling.IsZero() {
		i.settling = now
		s.settling++
	}
	return s.settle(now, actions{})
}

func (s *state) settled(i *instance) {
	if !i.settling.IsZero() {
		i.settling = time.Time{}
		s.settling--
	}
}

// returning counts the slots that are about to come back.
func (s *state) returning(now time.Time) int {
	n := 0
	if s.settling == 0 {
		return 0
	}
	for i := range s.instances {
		if s.comesBack(now, i) {
			n++
		}
	}
	return n
}

func (s *state) comesBack(now time.Time, i *instance) bool {
	return !i.settling.IsZero() && now.Sub(i.settling) < settleTime
}

// usable is how many waiters could be lent an instance if there were one.
func (s *state) usable(now time.Time) int {
	if s.waiters.held == s.waiters.len {
		return s.waiters.len
	}
	return min(s.waiters.len, s.waiters.held+s.comingApart(now))
}

// admit takes concurrency for those who wait, the oldest first, as far as there is some.
func (s *state) admit() {
	if s.waiters.held == s.waiters.len {
		return
	}
	for w := s.waiters.first; w != nil; w = w.next {
		if w.took || w.warm {
			continue
		}
		if w.took = s.tokens.take(); !w.took {
			return
		}
		s.waiters.held++
	}
}

// giveBack returns the concurrency that w holds and does not need.
func (s *state) giveBack(w *waiter, a actions) actions {
	if w.took {
		w.took = false
		a.freed = max(a.freed, s.tokens.give())
	}
	return a
}

// dismiss ends w's wait with an error.
func (s *state) dismiss(w *waiter, err error, a actions) actions {
	s.waiters.remove(w)
	a.grants = append(a.grants, delivery{w, grant{err: err}})
	return s.giveBack(w, a)
}

func (s *state) ready() int {
	n := 0
	for i := range s.instances {
		if i.state == rouse.Ready && !i.broken {
			n++
		}
	}
	return n
}

// pick is the instance to lend next: provisioned before on-demand, the most
// recently used first, so that the others can grow old and go.
func (s *state) pick() *instance {
	if i := s.freeProvisioned.top(); i != nil {
		return i
	}
	return s.freeOnDemand.top()
}

// take sees to it that w has the concurrency to be lent i.
func (s *state) take(w *waiter, i *instance) bool {
	if w.warm || w.took || s.apart(i) {
		return true
	}
	if w.took = s.tokens.take(); w.took && w.queued {
		s.waiters.held++
	}
	return w.took
}

func (s *state) lend(i *instance, w *waiter) {
	w.frost, i.frost = i.frost, nil
	i.inUse++
	s.lent++
	i.idleSince = time.Time{}
	if i.inUse >= s.settings.Concurrency {
		s.withdraw(i)
	}
}

// offer puts i on top of the instances with room.
func (s *state) offer(i *instance) {
	if i.place >= 0 || i.inUse >= s.settings.Concurrency {
		return
	}
	if i.provisioned {
		s.freeProvisioned.push(i)
	} else {
		s.freeOnDemand.push(i)
	}
}

// withdraw takes i from the instances with room.
func (s *state) withdraw(i *instance) {
	if i.place < 0 {
		return
	}
	if i.place < len(s.freeProvisioned) && s.freeProvisioned[i.place] == i {
		s.freeProvisioned.remove(i)
		return
	}
	s.freeOnDemand.remove(i)
}

// drain has i stopped: now if it is idle, else after its last release.
func (s *state) drain(i *instance, a actions) actions {
	s.withdraw(i)
	i.state = rouse.Draining
	if i.inUse == 0 {
		a = s.stop(i, a)
	}
	return a
}

// stop has i's sandbox removed, once.
func (s *state) stop(i *instance, a actions) actions {
	if !i.stopping {
		i.stopping = true
		a.stops = append(a.stops, i)
	}
	return a
}

// backOff leaves the revision alone for a while that grows with its failures.
func (s *state) backOff(now time.Time, err error) {
	s.failures++
	s.lastErr, s.retryAt = err, now.Add(backOff(s.failures, err))
}

// mostAway is the longest pause while the engine is away: nobody is told when it
// is back.
const mostAway = 5 * time.Second

// backOff is how long to pause after so many failures, the last of them err.
func backOff(failures int, err error) time.Duration {
	if rouse.CodeOf(err) == rouse.Unavailable {
		return min(scale.Backoff(failures), mostAway)
	}
	return scale.Backoff(failures)
}

// later tells callers when a start is tried again, unless err knows better.
func later(err error, after time.Duration) error {
	var e *rouse.Error
	if !errors.As(err, &e) || e.RetryAfter > 0 {
		return err
	}
	told := *e
	told.RetryAfter, told.Cause = after, err
	return &told
}

// mend has a broken instance's process started again once nobody uses it.
func (s *state) mend(i *instance, a actions) actions {
	if i.inUse > 0 {
		return a
	}
	if i.lost || s.retired || s.closed || s.settings.Idle == 0 && s.waiters.len == 0 && !i.provisioned {
		return s.drain(i, a)
	}
	i.state = rouse.Starting
	i.run++
	s.starting++
	a.restarts = append(a.restarts, i)
	return a
}

func (s *state) expired(now time.Time, i *instance) bool {
	if !i.idle() || i.provisioned && !s.retired {
		return false
	}
	return s.retired || !now.Before(i.idleSince.Add(s.settings.Idle.D()))
}

// wake is when tick has something to do next, or zero.
func (s *state) wake(now time.Time) time.Time {
	var at time.Time
	earlier := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for i := range s.instances {
		if i.idle() && !i.provisioned {
			earlier(i.idleSince.Add(s.settings.Idle.D()))
		}
		if !i.settling.IsZero() && s.waiters.len > 0 && now.Sub(i.settling) < settleTime {
			earlier(i.settling.Add(settleTime))
		}
	}
	if now.Before(s.retryAt) && (s.demanded || s.waiters.len > 0 || s.provisioned() < s.want()) {
		earlier(s.retryAt)
	}
	if until := s.retryAt.Add(remembered); s.lastErr != nil && !s.retired && len(s.instances) == 0 && now.Before(until) {
		earlier(until) // to be forgotten
	}
	return at
}
