package pool

import (
	"errors"
	"time"

	"github.com/rousehq/rouse"
)

// state is what one revision's mutex guards. Its methods decide and return
// actions; they neither block nor touch anything outside of it but the tokens
// of its function. Times are arguments.
type state struct {
	settings  rouse.Settings
	instances map[*instance]struct{}
	starting  int // instances in state Starting
	settling  int // instances whose slot is about to come back
	asked     int // starts asked of the ledger and not yet granted
	waiters   fifo
	lent      int     // leases that are out, of instances that have gone too
	tokens    *tokens // the function's concurrency
	told      bool    // code knows from its start whether it is provisioned

	// Instances with room: provisioned ones are used first.
	freeProvisioned, freeOnDemand stack

	failures int       // starts that came to nothing since the last good answer
	lastErr  error     // of the last failed start, until one succeeds
	retryAt  time.Time // no start before
	demanded bool      // somebody was refused while backing off
	// unremoved is why the last sandbox that was to go has not gone: nothing may
	// start in its place.
	unremoved error
	// initFailed says that the last failure was the code's, not the sandbox's.
	initFailed bool
	probe      bool // one start for whoever comes next after a back-off

	attempts int       // at provisioned instances in a row that came to nothing
	attempt  time.Time // when the last of them failed

	armed time.Time // when tick will be called; zero for never

	retired bool // no longer part of its function: idle instances go at once
	closed  bool // takes nothing new
	removed bool // no longer in the pool's table; look again
}

// actions are what a decision has to have done, once the lock is dropped.
type actions struct {
	ask      int // positive: starts to ask of the ledger; negative: to withdraw
	launch   *instance
	stops    []*instance
	restarts []*instance
	freezes  []chilled
	grants   []delivery
	freed    freed // who may use the concurrency that was given back
	wake     bool  // tick is to be called at another time than before: see armed
}

type delivery struct {
	to *waiter
	grant
}

var errClosing = &rouse.Error{Code: rouse.Unavailable, Message: "the platform is shutting down", RetryAfter: time.Second}

// acquire finds an instance with room, or queues a waiter, or refuses.
// headroom tells how many instances the platform could still start.
func (s *state) acquire(now time.Time, w *waiter, headroom func() int) (*instance, actions, error) {
	if s.closed {
		return nil, actions{}, errClosing
	}
	if s.waiters.len == 0 {
		if i := s.pick(); i != nil && s.take(w, i) {
			s.lend(i, w)
			return i, actions{}, nil
		}
	}
	// Who is to have a start of its own has the concurrency for it first, so that
	// nobody else can use that meanwhile.
	if !w.warm && !w.took && s.waiters.held == s.waiters.len {
		w.took = s.tokens.take()
	}
	if err := s.refusal(now, w, headroom); err != nil {
		return nil, s.settle(now, s.giveBack(w, actions{})), err
	}
	w.since = now
	s.waiters.push(w)
	return nil, s.settle(now, actions{}), nil
}

// refusal says why a request that cannot be served at once may not wait either.
func (s *state) refusal(now time.Time, w *waiter, headroom func() int) error {
	if s.lastErr != nil && now.Before(s.retryAt) && s.starting == 0 && s.ready() == 0 && !(w.retries && s.initFailed) {
		s.demanded = true
		return later(s.lastErr, s.retryAt.Sub(now))
	}
	if w.warm {
		return nil
	}
	if s.tokens.zero() {
		return throttled(rouse.QuotaReserved, "reserved concurrency is 0: every call is refused")
	}
	if s.hopeless() {
		return errGaveUp
	}
	// A request whose own start is under way or can begin does not count as queued.
	room, quota := s.room(headroom())
	covered := (s.starting+s.asked+max(room, 0))*s.settings.Concurrency + s.returning(now)
	if !w.took {
		if allowed := s.waiters.held + s.comingApart(now); allowed < covered {
			covered, quota = allowed, s.tokens.quota()
		}
	}
	if s.waiters.len >= s.settings.Queue+covered {
		if s.unremoved != nil && s.starting == 0 && s.ready() == 0 {
			return s.unremoved
		}
		return throttled(quota, "all instances are busy and the queue is full")
	}
	if s.waiters.bytes+w.size > s.settings.QueueBytes && s.waiters.len > 0 {
		return throttled(rouse.QuotaQueue, "the bodies of waiting requests fill the queue")
	}
	return nil
}

// room is how many instances more may be asked for, and whose bound that is.
func (s *state) room(headroom int) (int, rouse.Quota) {
	room, quota := headroom-s.asked, rouse.QuotaHost
	if most := s.settings.MaxInstances; most > 0 && most-len(s.instances)-s.asked < room {
		room, quota = most-len(s.instances)-s.asked, rouse.QuotaInstances
	}
	return room, quota
}

func throttled(quota rouse.Quota, message string) error {
	return &rouse.Error{Code: rouse.Throttled, Message: message, Quota: quota, RetryAfter: time.Second}
}

// cancel takes a waiter out of the queue. It is false when the waiter's grant
// is already on its way.
func (s *state) cancel(now time.Time, w *waiter) (bool, actions) {
	if !s.waiters.remove(w) {
		return false, actions{}
	}
	return true, s.settle(now, s.giveBack(w, actions{}))
}

// granted is the ledger's permission for one start. It returns no launch when
// nobody needs the start any more; the permission then goes back.
func (s *state) granted(now time.Time, sliced bool) actions {
	s.asked--
	provisioned := s.missing(now) > 0
	needed := s.probe || s.usable(now) > s.starting*s.settings.Concurrency
	if !provisioned && !needed {
		return s.settle(now, actions{})
	}
	i := &instance{state: rouse.Starting, provisioned: provisioned, born: provisioned, sliced: sliced, created: now, place: -1}
	s.instances[i] = struct{}{}
	s.starting++
	return s.settle(now, actions{launch: i})
}

// started makes i ready after a start or a restart.
func (s *state) started(now time.Time, i *instance, timings []rouse.Timing) actions {
	if i.state != rouse.Starting {
		return actions{}
	}
	if i.lost {
		return s.failed(now, i, rouse.Errorf(rouse.StartFailed, "the sandbox ended while it was starting"))
	}
	s.starting--
	s.lastErr, s.retryAt, s.demanded, s.probe = nil, time.Time{}, false, false
	s.armed = time.Time{} // it was for the failure to be forgotten, later than this may be idle
	s.attempts = 0
	s.promote(i)
	i.state, i.broken, i.ready, i.idleSince, i.timings = rouse.Ready, false, now, now, timings
	i.frost = nil // a new process runs
	s.offer(i)
	return s.chill(i, s.settle(now, actions{}))
}

// failed ends i, whose start or restart came to nothing, or lends it to who runs
// its init again. The other waiters fail with it only when nothing else is
// starting or ready.
func (s *state) failed(now time.Time, i *instance, err error) actions {
	if i.state != rouse.Starting {
		return actions{}
	}
	s.starting--
	s.probe = false
	if i.run > 0 && errors.Is(err, rouse.ErrGone) { // it was to be a restart, and nothing is wrong with the code
		i.state, i.lost = rouse.Draining, true
		return s.settle(now, s.stop(i, actions{}))
	}
	s.attempted(now, i, err)
	a, lent := s.lendFailed(now, i, err)
	err = startError(err)
	s.backOff(now, err)
	if !lent {
		i.state = rouse.Draining
		a = s.stop(i, a)
	}
	// Starts not yet begun would fail alike: they are asked for again later.
	a.ask, s.asked = -s.asked, 0
	if s.starting == 0 && s.ready() == 0 {
		err = later(err, s.retryAt.Sub(now))
		for w := s.waiters.first; w != nil; {
			next := w.next
			if !w.retries || !s.initFailed {
				a = s.dismiss(w, err, a)
			}
			w = next
		}
	}
	return s.settle(now, a)
}

// release gives a slot back after the last byte.
// counts is false when it carried no request.
func (s *state) release(now time.Time, i *instance, broken, counts bool) actions {
	full := i.inUse >= s.settings.Concurrency
	s.settled(i)
	i.inUse--
	s.lent--
	if counts {
		i.served++
	}
	i.broken = i.broken || broken
	if !broken {
		s.failures = 0
	}
	var a actions
	if i.again {
		a = s.triedAgain(i, broken, a)
	}
	switch {
	case i.state == rouse.Ready && i.broken:
		s.withdraw(i)
		a = s.mend(i, a)
	case i.state == rouse.Ready:
		if full {
			s.offer(i)
		}
		if i.inUse == 0 {
			i.idleSince = now
		}
	case i.state == rouse.Draining && i.inUse == 0:
		a = s.stop(i, a)
	}
	return s.chill(i, s.settle(now, a))
}

// exited hears that i's process ended by itself in its run-th start.
func (s *state) exited(now time.Time, i *instance, run int, oom bool) actions {
	if i.run != run || i.state != rouse.Ready {
		return actions{}
	}
	i.broken = true
	s.withdraw(i)
	// Memory that ran out may be in /tmp, so such a sandbox is not used again. A
	// process that ends while idle is not restarted for nobody.
	if oom || i.inUse == 0 {
		if i.provisioned {
			s.backOff(now, s.lastErr)
		}
		return s.settle(now, s.drain(i, actions{}))
	}
	return s.settle(now, actions{})
}

// vanished hears that i's sandbox ended by itself.
func (s *state) vanished(now time.Time, i *instance) actions {
	i.lost, i.broken = true, true
	if i.state != rouse.Ready {
		return actions{}
	}
	s.withdraw(i)
	s.settled(i)
	i.state = rouse.Draining
	return s.settle(now, s.stop(i, actions{}))
}

// gone removes i after its sandbox has been removed.
func (s *state) gone(now time.Time, i *instance) actions {
	s.settled(i)
	i.state = rouse.Gone
	delete(s.instances, i)
	s.unremoved = nil
	return s.settle(now, actions{})
}

// tick stops what has been idle for too long and goes on after a back-off.
func (s *state) tick(now time.Time) actions {
	var a actions
	s.armed = time.Time{}
	if s.demanded && !now.Before(s.retryAt) {
		s.demanded, s.probe = false, !s.retired
	}
	for i := range s.instances {
		if s.expired(now, i) {
			a = s.drain(i, a)
		}
	}
	return s.settle(now, a)
}

// evict ends i if it is idle still.
func (s *state) evict(now time.Time, i *instance) (bool, actions) {
	if !i.idle() || i.provisioned {
		return false, actions{}
	}
	return true, s.settle(now, s.drain(i, actions{}))
}

// letGo drains what nobody uses, unless somebody uses the rest: with force that
// is drained, too, and finishes what it has.
func (s *state) letGo(now time.Time, force bool) (busy bool, a actions) {
	busy = s.waiters.len+s.starting+s.asked > 0
	for i := range s.instances {
		busy = busy || i.inUse > 0
	}
	if busy && !force {
		return true, a
	}
	for i := range s.instances {
		if i.state == rouse.Ready {
			a = s.drain(i, a)
		}
	}
	return busy, s.settle(now, a)
}

// end drains i; at once ends it in the middle of its requests.
func (s *state) end(now time.Time, i *instance, atOnce bool) actions {
	var a actions
	if i.state == rouse.Ready {
		a = s.drain(i, a)
	}
	if atOnce && i.state == rouse.Draining {
		a = s.stop(i, a)
	}
	return s.settle(now, a)
}

// adopt takes in an instance that runs already.
func (s *state) adopt(now time.Time, i *instance) actions {
	s.instances[i] = struct{}{}
	s.starting++
	return s.settle(now, actions{})
}

// configure takes new settings.
func (s *state) configure(now time.Time, settings rouse.Settings, retired bool) actions {
	had := s.provisioned()
	s.settings, s.retired, s.armed, s.attempts = settings, retired, time.Time{}, 0
	extra := had - s.want()
	for i := range s.instances {
		s.withdraw(i)
		if i.provisioned && extra > 0 {
			i.provisioned = false
			extra--
		}
	}
	for i := range s.instances {
		if i.state == rouse.Ready {
			s.promote(i)
		}
		if i.state == rouse.Ready && !i.broken && i.inUse < s.settings.Concurrency {
			s.offer(i)
		}
	}
	a := s.tick(now)
	for i := range s.instances {
		a = s.chill(i, a)
	}
	return a
}

// renew has what failed, or was retired, begin anew.
func (s *state) renew(now time.Time, settings rouse.Settings) actions {
	s.failures, s.lastErr, s.retryAt, s.demanded = 0, nil, time.Time{}, false
	if s.retired && !s.closed {
		return s.configure(now, settings, false)
	}
	return s.settle(now, actions{})
}

// close refuses everything new and drains; at once fails those who wait and
// ends what runs.
func (s *state) close(now time.Time, atOnce bool) actions {
	s.closed, s.retired, s.probe, s.demanded = true, true, false, false
	var a actions
	for w := s.waiters.first; atOnce && w != nil; w = s.waiters.first {
		a = s.dismiss(w, errClosing, a)
	}
	for i := range s.instances {
		if i.state == rouse.Ready && (atOnce || i.inUse == 0) {
			a = s.drain(i, a)
		}
		if i.state == rouse.Draining && atOnce {
			a = s.stop(i, a)
		}
	}
	return s.settle(now, a)
}
