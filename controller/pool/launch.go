package pool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

const (
	// makeTimeout bounds what an engine may take to make and start a sandbox.
	makeTimeout = 2 * time.Minute
	// stopTimeout bounds what it may take to remove one, beyond the grace.
	stopTimeout = 30 * time.Second
)

// initTimeout is how long rev's code may take to get ready: on Lambda an init
// has 10 s and is then tried within the request's own time; a server that loads
// a model is given a minute at least. A provisioned instance has 130 s or its
// timeout, as on Lambda.
func initTimeout(rev rouse.Revision) time.Duration {
	if rev.Spec.Contract == rouse.ContractLambda && rev.Provisioned {
		return max(130*time.Second, rev.Spec.Timeout.D())
	}
	if rev.Spec.Contract == rouse.ContractLambda {
		return initTime + rev.Spec.Timeout.D()
	}
	return max(time.Minute, rev.Spec.Timeout.D())
}

// start makes a sandbox for i and brings the revision up in it. It belongs to
// no request, so that a caller who leaves never cancels a start that others share.
func (r *revision) start(i *instance) {
	timings, err := r.bringUp(i)
	r.pool.runGrants(r.pool.ledger.began())
	r.mu.Lock()
	tier := cmp.Or(i.tier, rouse.TierCold)
	r.mu.Unlock()
	r.finish(i, tier, timings, err)
}

// finish announces what came of a start, or of a restart, which has no tier.
func (r *revision) finish(i *instance, tier rouse.Tier, timings []rouse.Timing, err error) {
	p := r.pool
	if p.config.Observer != nil {
		p.config.Observer.InstanceStarted(r.rev.Function, tier, timings, err)
	}
	if err != nil {
		p.config.Log.Warn("start failed", "function", r.rev.Function, "revision", r.rev.ID.Short(), "instance", i.id, "error", err)
		r.do(func(s *state, now time.Time) actions { return s.failed(now, i, err) })
		return
	}
	run := 0
	r.do(func(s *state, now time.Time) actions {
		run = i.run
		if len(timings) > 0 {
			r.reload = sum(timings)
		}
		return s.started(now, i, timings)
	})
	p.spawn(func() { r.watch(i, run) })
}

func (r *revision) bringUp(i *instance) (timings []rouse.Timing, err error) {
	p, clock := r.pool, stopwatch{last: i.created}
	ctx, cancel := context.WithTimeout(p.life, makeTimeout)
	defer cancel()
	sandbox, err := p.make(ctx, r.rev)
	p.trim()
	if err != nil {
		return nil, err
	}
	rev := r.rev
	rev.Provisioned = i.born
	r.mu.Lock()
	i.id, i.sandbox = sandbox.ID(), sandbox
	r.mu.Unlock()
	clock.lap(rouse.PhaseSandbox)
	i.endpoint, err = i.sandbox.Assign(ctx, rev)
	if err != nil {
		return nil, err
	}
	tier, mount := placed(i.sandbox)
	r.mu.Lock()
	i.tier = tier
	r.mu.Unlock()
	if mount > 0 {
		clock.add(rouse.PhaseMount, mount)
	}
	clock.lap(rouse.PhaseStart)
	i.target, err = p.config.Attach(rev, i.id, i.endpoint)
	if err != nil {
		return nil, err
	}
	p.spawn(func() { r.guard(i) })
	if err = r.ready(i); err != nil {
		return nil, err
	}
	clock.lap(rouse.PhaseInit)
	return clock.timings, nil
}

func (p *Pool) make(ctx context.Context, rev rouse.Revision) (driver.Sandbox, error) {
	if p.stock != nil {
		return p.stock.MakeFor(ctx, driver.Plain(rev), rev.ID, p.arranged.take(rev.ID, time.Now()))
	}
	return p.config.Driver.Make(ctx, driver.Plain(rev))
}

// trim has spares go that stand on memory which was lent since. It comes after
// a start has taken what it needs, so that it can be one of them.
func (p *Pool) trim() {
	if p.stock != nil {
		p.stock.Shed(p.ledger.excess())
	}
}

// placed is what a start in s began with, and how long it took to mount the files.
func placed(s driver.Sandbox) (rouse.Tier, time.Duration) {
	if p, ok := s.(driver.Placed); ok {
		return p.Placed()
	}
	return rouse.TierCold, 0
}

func (r *revision) ready(i *instance) error {
	rev := r.rev
	rev.Provisioned = i.born
	ctx, cancel := context.WithTimeout(r.pool.life, initTimeout(rev))
	defer cancel()
	if r.rev.Spec.Contract != rouse.ContractLambda {
		return i.target.Ready(ctx)
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer time.AfterFunc(initTime, func() {
		if r.patient() {
			end(context.DeadlineExceeded)
		}
	}).Stop()
	if err := i.target.Ready(ctx); err != nil {
		return &initError{err}
	}
	return nil
}

// restart starts i's process again in the same sandbox, so that /tmp survives.
func (r *revision) restart(i *instance) {
	r.settleFrost(i)
	clock := stopwatch{last: time.Now()}
	err := func() error {
		ctx, cancel := context.WithTimeout(r.pool.life, makeTimeout)
		defer cancel()
		i.target.Reset()
		if err := i.endpoint.Process.Restart(ctx); err != nil {
			return fmt.Errorf("restarting the process: %w", err)
		}
		clock.lap(rouse.PhaseStart)
		return r.ready(i)
	}()
	clock.lap(rouse.PhaseInit)
	r.finish(i, "", clock.timings, err)
}

// watch tells the state when i's process ends in its run-th start.
func (r *revision) watch(i *instance, run int) {
	exit, err := i.endpoint.Process.Wait(r.pool.life)
	if err != nil {
		return // the sandbox is gone, which guard sees, or the pool is closed
	}
	r.do(func(s *state, now time.Time) actions { return s.exited(now, i, run, exit.OOM) })
}

// guard tells the state when i's sandbox ends, whoever ended it.
func (r *revision) guard(i *instance) {
	if err := i.sandbox.Wait(r.pool.life); err != nil && r.pool.life.Err() != nil {
		return
	}
	r.do(func(s *state, now time.Time) actions { return s.vanished(now, i) })
}

// stop removes i's sandbox, however often that takes: until it is gone, its
// memory is not free. Only the end of the pool ends the attempts.
func (r *revision) stop(i *instance) {
	p := r.pool
	r.settleFrost(i)
	if i.target != nil {
		_ = i.target.Close() // what it had open is about to be gone anyway
	}
	if i.sandbox != nil && !p.removeAtLast(i.sandbox, func(attempt int, err error) {
		r.do(func(s *state, _ time.Time) actions { s.unremoved = err; return actions{} })
		p.config.Log.Warn("stopping a sandbox failed", "function", r.rev.Function, "instance", i.id, "attempt", attempt, "error", err)
	}) {
		return
	}
	p.ledger.leave(r.rev.Spec.Memory)
	r.do(func(s *state, now time.Time) actions { return s.gone(now, i) })
	p.runGrants(p.ledger.left(r.rev.Spec.Memory, i.sliced))
	p.trim()
	r.forget()
	p.changed()
}

// removeAtLast stops a sandbox, however often that takes, and tells failed of each
// attempt that does. It returns false when the pool's end ended the attempts.
func (p *Pool) removeAtLast(s driver.Sandbox, failed func(attempt int, err error)) bool {
	for attempt := 1; ; attempt++ {
		err := p.remove(s)
		if err == nil {
			return true
		}
		failed(attempt, err)
		select {
		case <-time.After(backOff(attempt, err)):
		case <-p.life.Done():
			return false
		}
	}
}

// remove stops a sandbox. It goes on while the pool is closing.
func (p *Pool) remove(s driver.Sandbox) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.life), p.config.Grace+stopTimeout)
	defer cancel()
	err := s.Stop(ctx)
	if errors.Is(err, rouse.ErrGone) {
		return nil
	}
	return err
}

// stopwatch measures the phases of a start.
type stopwatch struct {
	last    time.Time
	timings []rouse.Timing
}

func (w *stopwatch) lap(phase rouse.Phase) {
	now := time.Now()
	w.timings = append(w.timings, rouse.Timing{Phase: phase, Took: now.Sub(w.last)})
	w.last = now
}

// add books a part of the running phase as a phase of its own.
func (w *stopwatch) add(phase rouse.Phase, took time.Duration) {
	w.timings = append(w.timings, rouse.Timing{Phase: phase, Took: took})
	w.last = w.last.Add(took)
}

func sum(timings []rouse.Timing) (total time.Duration) {
	for _, t := range timings {
		total += t.Took
	}
	return total
}
