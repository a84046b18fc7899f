package pool

import (
	"context"
	"errors"
	"time"

	"github.com/rousehq/rouse"
)

// chillTimeout bounds a word with an agent about stopping or continuing its
// processes, which takes it some microseconds.
const chillTimeout = 2 * time.Second

// frost is one stop of an instance's processes between two requests. It is
// carried out after the decision, so that who comes meanwhile has to wait for
// its end before the processes can be continued.
type frost struct {
	over    chan struct{} // closed when the processes are stopped, or will not be
	stopped bool          // they may be; written before over is closed
}

// chilled is an instance whose processes are to be stopped.
type chilled struct {
	inst  *instance
	frost *frost
}

// chill has i's processes stopped when nobody uses it. Only contract lambda has
// it, whose instances are lent to one at a time: who is lent it thaws it.
func (s *state) chill(i *instance, a actions) actions {
	if s.settings.Freeze && i.idle() && !i.broken && !i.unfit && i.frost == nil {
		i.frost = &frost{over: make(chan struct{})}
		a.freezes = append(a.freezes, chilled{i, i.frost})
	}
	return a
}

// shown is the state that others see.
func (i *instance) shown() rouse.State {
	if i.state == rouse.Ready && i.frost != nil {
		return rouse.Frozen
	}
	return i.state
}

// freeze stops the processes, unless somebody needs the instance already.
func (r *revision) freeze(c chilled) {
	defer close(c.frost.over)
	r.mu.Lock()
	wanted := c.inst.frost == c.frost && c.inst.idle()
	r.mu.Unlock()
	if !wanted {
		return
	}
	c.frost.stopped = true // whatever comes of it: to continue what runs does no harm
	ctx, cancel := context.WithTimeout(r.pool.life, chillTimeout)
	defer cancel()
	err := c.inst.endpoint.Process.Freeze(ctx)
	if err != nil && !errors.Is(err, rouse.ErrGone) && r.pool.life.Err() == nil {
		r.pool.config.Log.Warn("freezing an instance failed", "function", r.rev.Function, "instance", c.inst.id, "error", err)
	}
}

// thaw continues what f stopped, if anything, and says how long that took. It
// blocks until the processes run, or ctx ends.
func (r *revision) thaw(ctx context.Context, i *instance, f *frost) (took time.Duration, frozen bool, err error) {
	if f == nil {
		return 0, false, nil
	}
	began := time.Now()
	select {
	case <-f.over:
	case <-ctx.Done():
		return 0, false, ctx.Err()
	}
	if !f.stopped {
		return 0, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, chillTimeout)
	defer cancel()
	if err := i.endpoint.Process.Thaw(ctx); err != nil {
		return 0, false, err
	}
	took = time.Since(began)
	if r.pool.config.Observer != nil {
		r.pool.config.Observer.InstanceThawed(r.rev.Function, took)
	}
	return took, true, nil
}

// anew gives back an instance that could not be thawed, and waits for another
// one, or for this one after a restart, unless w's caller has gone.
func (r *revision) anew(ctx context.Context, i *instance, w *waiter, err error) (*rouse.Lease, error) {
	if ctx.Err() != nil {
		r.release(i, w, nil)
		return nil, ctx.Err()
	}
	r.pool.config.Log.Warn("continuing an instance failed; its process is started again", "function", r.rev.Function, "instance", i.id, "error", err)
	w.granted = make(chan grant, 1)
	_, w.nested = rouse.Caller(ctx)
	r.do(func(s *state, now time.Time) actions { return s.requeue(now, i, w) })
	return r.await(ctx, w)
}

// requeue has w, with what concurrency it holds, wait again instead of using i,
// which is started again and never frozen from then on: w meets each at most once
// in that state. It waits before i is given back, so that i is kept for it.
func (s *state) requeue(now time.Time, i *instance, w *waiter) actions {
	w.frost, w.since, i.unfit = nil, now, true
	if w.took || w.warm {
		s.waiters.unshift(w) // nobody may wait for the concurrency of one who comes later
	} else {
		s.waiters.push(w)
	}
	a := s.release(now, i, true, false)
	if s.closed && w.queued {
		a = s.dismiss(w, errClosing, a)
	}
	return a
}

// returned gives i back after w's loan. If w left before it was thawed, it is
// frozen still, and the next one thaws it; while there is none it is stopped once
// more, since a thaw that was cut off may have done its work.
func (s *state) returned(now time.Time, i *instance, w *waiter, broken bool) actions {
	f := w.frost
	if f == nil {
		return s.release(now, i, broken, !w.warm)
	}
	w.frost, i.frost = nil, f
	a := s.release(now, i, broken, false)
	if s.settings.Freeze && i.idle() && i.frost == f && f.ended() {
		i.frost = &frost{over: make(chan struct{}), stopped: f.stopped}
		a.freezes = append(a.freezes, chilled{i, i.frost})
	}
	return a
}

// settleFrost waits until no stop of i's processes is under way: one that came
// after the request to end would keep them from hearing it.
func (r *revision) settleFrost(i *instance) {
	r.mu.Lock()
	f := i.frost
	r.mu.Unlock()
	if f == nil {
		return
	}
	select {
	case <-f.over:
	case <-r.pool.life.Done():
	}
}
