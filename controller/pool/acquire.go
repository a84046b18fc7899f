package pool

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/rousehq/rouse"
)

// acquire waits for an instance on behalf of w.
func (r *revision) acquire(ctx context.Context, w *waiter) (*rouse.Lease, error) {
	now := time.Now()
	r.mu.Lock()
	if r.state.removed && !r.state.closed {
		r.mu.Unlock()
		return r.again(ctx, w)
	}
	if w.granted == nil && r.state.pick() == nil {
		w.granted = make(chan grant, 1)
		_, w.nested = rouse.Caller(ctx)
	}
	r.count(now)
	inst, acts, err := r.state.acquire(now, w, r.pool.ledger.headroom)
	if inst == nil && err == nil && w.granted == nil {
		w.granted = make(chan grant, 1) // an instance was there, but no token
	}
	then := r.book(now, &acts)
	r.mu.Unlock()
	r.act(acts, then)
	switch {
	case err != nil:
		r.forget()
		return nil, err
	case inst != nil:
		return r.lease(ctx, inst, w, now, false)
	}
	if w.nested && r.hopeless() {
		if err := r.refuse(w); err != nil {
			return nil, err
		}
	}
	return r.await(ctx, w)
}

// hopeless says that the revision has nothing, and that there is no memory on
// the way for it to start.
func (r *revision) hopeless() bool {
	_, leaving := r.pool.candidates()
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.state.instances) == 0 && r.pool.ledger.hopeless(r.demand, r.state.asked, leaving)
}

// refuse ends a nested call's wait, which those who hold the memory may be
// waiting for. It returns nil when the call was granted meanwhile.
func (r *revision) refuse(w *waiter) error {
	cancelled := false
	r.do(func(s *state, now time.Time) (a actions) {
		cancelled, a = s.cancel(now, w)
		return a
	})
	if !cancelled {
		return nil
	}
	return &rouse.Error{
		Code:       rouse.Unavailable,
		Message:    "no memory to start an instance for a call of another instance, which may hold what it would wait for",
		RetryAfter: time.Second,
	}
}

// again acquires from the revision's new keeper, since r was forgotten.
func (r *revision) again(ctx context.Context, w *waiter) (*rouse.Lease, error) {
	next, err := r.pool.revision(r.rev.ID)
	if err != nil {
		return nil, err
	}
	return next.acquire(ctx, w)
}

// await waits for w's grant, and gives back one that raced with ctx's end.
func (r *revision) await(ctx context.Context, w *waiter) (*rouse.Lease, error) {
	select {
	case g := <-w.granted:
		if g.err != nil {
			return nil, g.err
		}
		return r.lease(ctx, g.inst, w, w.since, true)
	case <-ctx.Done():
	}
	overdue := r.overdue()
	cancelled := false
	r.do(func(s *state, now time.Time) (a actions) {
		cancelled, a = s.cancel(now, w)
		return a
	})
	if !cancelled {
		if g := <-w.granted; g.err == nil {
			r.release(g.inst, w, nil)
		}
	}
	r.forget()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, overdue
	}
	return nil, ctx.Err()
}

// overdue says what a request that is still waiting has waited for in vain.
func (r *revision) overdue() error {
	memory, place := r.pool.ledger.shortage()
	if memory > 0 {
		return &rouse.Error{Code: rouse.Unavailable, Message: "no memory to start an instance", RetryAfter: time.Second}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	room, quota := r.state.room(r.pool.ledger.headroom())
	switch {
	case r.state.waiters.held < r.state.waiters.len:
		quota = r.state.tokens.quota()
	case place:
		quota = rouse.QuotaHost
	case r.state.starting+r.state.asked > 0 || room > 0:
		return rouse.Errorf(rouse.Timeout, "no instance became ready in time")
	}
	return &rouse.Error{Code: rouse.Timeout, Message: "no instance became free in time", Quota: quota}
}

// lease makes a lease of what w was granted, which is thawed before if need be.
func (r *revision) lease(ctx context.Context, i *instance, w *waiter, since time.Time, waited bool) (*rouse.Lease, error) {
	thaw, frozen, err := r.thaw(ctx, i, w.frost)
	if err != nil {
		return r.anew(ctx, i, w, err)
	}
	w.frost = nil
	l := rouse.NewLease(func(err error) { r.release(i, w, err) })
	l.Instance, l.Revision, l.Target = i.id, r.rev.ID, i.target
	l.Settling = func() { r.answered(i, w) }
	if waited {
		// Reading what the start wrote is safe: the grant came after it.
		l.Cold, l.Timings = coldTimings(i, since)
	}
	l.Tier = rouse.TierWarm
	switch {
	case l.Cold:
		l.Tier = cmp.Or(i.tier, rouse.TierCold)
	case frozen:
		l.Tier = rouse.TierFrozen
		l.Timings = append(l.Timings, rouse.Timing{Phase: rouse.PhaseThaw, Took: thaw})
	}
	return l, nil
}

// coldTimings tells whether a request that came at since waited for i's start,
// and what it waited for.
func coldTimings(i *instance, since time.Time) (bool, []rouse.Timing) {
	if since.After(i.ready) {
		return false, []rouse.Timing{{Phase: rouse.PhaseQueue, Took: time.Since(since)}}
	}
	timings := make([]rouse.Timing, 0, len(i.timings)+1)
	timings = append(timings, rouse.Timing{Phase: rouse.PhaseQueue, Took: max(i.created.Sub(since), 0)})
	return true, append(timings, i.timings...)
}

// answered gives the concurrency back before the slot itself: the request has
// its answer.
func (r *revision) answered(i *instance, w *waiter) {
	r.pool.freed(r.giveBack(w), r)
	r.do(func(s *state, now time.Time) actions { return s.answered(now, i) })
}

// giveBack returns the concurrency that a lease holds.
func (r *revision) giveBack(w *waiter) freed {
	if !w.took {
		return freedNobody
	}
	w.took = false
	return r.state.tokens.give()
}

func (r *revision) release(i *instance, w *waiter, err error) {
	whose := r.giveBack(w)
	broken := errors.Is(err, rouse.ErrBroken)
	idle, over, recovered, run := false, false, false, 0
	r.do(func(s *state, now time.Time) actions {
		again := i.again
		a := s.returned(now, i, w, broken)
		idle, over = i.idle(), i.state == rouse.Gone
		recovered, run = again && i.state == rouse.Ready, i.run
		return a
	})
	if recovered {
		r.pool.spawn(func() { r.watch(i, run) })
	}
	if over {
		r.forget()
	}
	r.pool.freed(whose, r)
	if idle {
		r.pool.makeRoom()
	}
}
