package pool

import (
	"sync"
	"time"

	"github.com/rousehq/rouse"
)

// revision carries out what the state of one revision decides.
type revision struct {
	pool   *Pool
	rev    rouse.Revision
	demand *demand

	mu     sync.Mutex
	state  state
	timer  *time.Timer
	nested bool          // as the ledger was told
	moved  chan struct{} // closed at the next decision, when somebody waits for one
	// What eviction weighs: how often requests come, and how long a start takes.
	arrivals    uint64
	first, last time.Time
	reload      time.Duration
}

func newRevision(p *Pool, rev rouse.Revision, settings rouse.Settings, tokens *tokens) *revision {
	r := &revision{pool: p, rev: rev, state: state{
		settings:  settings,
		tokens:    tokens,
		told:      rev.Spec.Contract == rouse.ContractLambda,
		instances: map[*instance]struct{}{},
	}}
	r.demand = &demand{memory: rev.Spec.Memory, grant: r.granted}
	return r
}

// do decides under the lock and acts after it.
func (r *revision) do(decide func(*state, time.Time) actions) {
	r.mu.Lock()
	now := time.Now()
	a := decide(&r.state, now)
	then := r.book(now, &a)
	if r.moved != nil {
		close(r.moved)
		r.moved = nil
	}
	r.mu.Unlock()
	r.act(a, then)
}

// book settles with the ledger what a asks for, under the lock, so that the
// state's count is exact. The grants it returns are to be run without it.
func (r *revision) book(now time.Time, a *actions) (grants []func()) {
	if nested := r.state.waiters.nested > 0; nested != r.nested {
		r.nested = nested
		grants = r.pool.ledger.mark(now, r.demand, nested)
	}
	switch {
	case a.ask > 0:
		grants = append(grants, r.pool.ledger.ask(r.demand, a.ask)...)
	case a.ask < 0:
		taken, others := r.pool.ledger.withdraw(r.demand, -a.ask)
		r.state.asked += -a.ask - taken // the rest is granted already and on its way
		grants = append(grants, others...)
	}
	return grants
}

func (r *revision) act(a actions, grants []func()) {
	for _, d := range a.grants {
		d.to.granted <- d.grant
	}
	if i := a.launch; i != nil { // a stays off the heap
		r.pool.spawn(func() { r.start(i) })
	}
	for _, i := range a.restarts {
		r.pool.spawn(func() { r.restart(i) })
	}
	for _, i := range a.stops {
		r.pool.spawn(func() { r.stop(i) })
	}
	for _, c := range a.freezes {
		r.pool.spawn(func() { r.freeze(c) })
	}
	if a.wake {
		r.arm()
	}
	r.pool.freed(a.freed, r)
	r.pool.runGrants(grants)
	if a.ask > 0 {
		r.pool.makeRoom()
	}
}

// arm sets the timer to when the state wants it by now: another decision may have
// been quicker to act than the one that arm is called for.
func (r *revision) arm() {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch at := r.state.armed; {
	case r.state.removed || at.IsZero():
	case r.timer == nil:
		r.timer = time.AfterFunc(time.Until(at), r.tick)
	default:
		r.timer.Reset(time.Until(at))
	}
}

func (r *revision) tick() {
	r.do((*state).tick)
	r.forget()
}

// granted is the ledger's permission for one start.
func (r *revision) granted(sliced bool) {
	launched := false
	r.do(func(s *state, now time.Time) actions {
		a := s.granted(now, sliced)
		launched = a.launch != nil
		return a
	})
	if !launched {
		r.pool.runGrants(r.pool.ledger.unused(r.rev.Spec.Memory, sliced))
		r.pool.changed()
	}
}

func (r *revision) configure(settings rouse.Settings, retired bool) {
	r.do(func(s *state, now time.Time) actions { return s.configure(now, settings, retired) })
	r.forget()
}

// remembered is how long a failed start is, beyond its back-off, unless the
// revision was retired: the next failure then counts as another one in a row.
const remembered = time.Minute

// forget drops a revision that has nothing to remember, so that ten thousand
// functions that ran once cost what they cost before.
func (r *revision) forget() {
	r.mu.Lock()
	s := &r.state
	done := len(s.instances) == 0 && s.lent == 0 && s.waiters.len == 0 && s.asked == 0 && s.armed.IsZero() && s.want() == 0 && !s.gaveUp() &&
		(s.retired || s.lastErr == nil || !time.Now().Before(s.retryAt.Add(remembered)))
	if done && !s.removed {
		s.removed = true
		r.pool.drop(r)
	}
	r.mu.Unlock()
}

// count notes an arrival. The lock is held.
func (r *revision) count(now time.Time) {
	if r.arrivals == 0 {
		r.first = now
	}
	r.arrivals++
	r.last = now
}
