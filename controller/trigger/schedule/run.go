package schedule

import (
	"container/heap"
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
)

const (
	// lookEvery is how often the wall clock is looked at, since a timer does not
	// notice that it was set or that the machine slept.
	lookEvery = 10 * time.Second
	// retryAfter is the wait after the disk refused a run.
	retryAfter = 5 * time.Second
	// atOnce bounds the runs that are being accepted; they share commits.
	atOnce = 64
)

// Run has functions run when their schedules are due, until ctx ends.
func (s *Schedules) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.changed:
		case <-timer.C:
		}
		now := s.cfg.Now().UTC()
		var work errgroup.Group
		work.SetLimit(atOnce)
		for _, e := range s.take(now) {
			work.Go(func() error { s.deal(ctx, e, now); return nil })
		}
		work.Wait() //nolint:errcheck // none returns one
		timer.Reset(s.wait())
	}
}

// take finds the entries that something is to be done for.
func (s *Schedules) take(now time.Time) (due []*entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.seen.Add(-believed)) {
		s.cfg.Log.Warn("the clock was set back by more than a day; schedules count from now", "from", s.seen, "to", now)
		for _, e := range s.byName {
			s.believe(e, now)
		}
		heap.Init(&s.next)
	}
	s.seen = now
	for len(s.next) > 0 {
		e := s.next[0]
		if wake := e.wake(); wake.IsZero() || wake.After(now) {
			break
		}
		heap.Pop(&s.next)
		due = append(due, e)
	}
	for _, e := range due {
		heap.Push(&s.next, e)
	}
	return due
}

// believe takes the clock's word when what was noted lies too far ahead of it.
func (s *Schedules) believe(e *entry, now time.Time) {
	if e.state.Through.After(now.Add(believed)) {
		state := e.state
		state.Through = now
		e.stand(state)
	}
}

// wait is how long there is nothing to do.
func (s *Schedules) wait() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.next) == 0 {
		return lookEvery
	}
	wake := s.next[0].wake()
	if wake.IsZero() {
		return lookEvery
	}
	return min(max(wake.Sub(s.cfg.Now()), 0), lookEvery)
}

// errChanged is the answer to a run of a schedule that is not what it was.
var errChanged = errors.New("the schedule was changed meanwhile")

// deal does what is to be done for an entry, and notes it.
func (s *Schedules) deal(ctx context.Context, e *entry, now time.Time) {
	s.mu.Lock()
	before := e.state
	s.mu.Unlock()
	noted := before // on disk
	p := decide(e, before.Through, now)
	state := before
	state.Missed += uint64(p.missed)
	var err error
	for _, due := range p.run {
		if state, err = s.run(ctx, e, state, due, now); err != nil {
			break
		}
		noted = state
	}
	if len(p.run) == 0 {
		state.Through = p.through
		if err = s.cfg.Space.Update(ctx, func(t store.Tx) error { return note(t, e, state) }); err == nil {
			noted = state
		}
	}
	var retry time.Time
	switch {
	case errors.Is(err, errChanged) || err != nil && ctx.Err() != nil:
		return
	case err != nil:
		s.cfg.Log.Warn("a schedule's run is tried again", "schedule", e.Name, "function", e.Function, "error", err, "after", retryAfter)
		retry = now.Add(retryAfter)
	}
	if p.missed > 0 && noted != before {
		s.cfg.Log.Warn("runs of a schedule were missed", "schedule", e.Name, "function", e.Function, "runs", p.missed, "policy", e.Missed)
		s.cfg.Observer.ScheduleMissed(e.Function, p.missed)
	}
	s.settle(e, noted, retry)
}

// run has one run accepted and returns the state after it. A run of which no
// job can ever be made is dealt with too; an error says that it is to be tried again.
func (s *Schedules) run(ctx context.Context, e *entry, state rouse.ScheduleState, due, now time.Time) (rouse.ScheduleState, error) {
	after := state
	after.Through, after.LastDue, after.LastJob, after.Error = due, due, "", ""
	after.Runs++
	request, err := s.request(e, due, now)
	if err == nil {
		_, err = s.cfg.Jobs.SubmitWith(ctx, request, func(t store.Tx, id string) error {
			after.LastJob = id
			return note(t, e, after)
		})
	}
	if code := rouse.CodeOf(err); err == nil {
		s.cfg.Observer.ScheduleRan(e.Function, now.Sub(due))
		s.cfg.Log.LogAttrs(ctx, slog.LevelDebug, "schedule ran", slog.String("schedule", e.Name), slog.String("job", after.LastJob), slog.Time("due", due))
		return after, nil
	} else if code != rouse.NotFound && code != rouse.Invalid && code != rouse.TooLarge {
		return state, err
	}
	s.cfg.Observer.ScheduleFailed(e.Function)
	s.cfg.Log.Warn("a schedule's run failed", "schedule", e.Name, "function", e.Function, "due", due, "error", err)
	var public *rouse.Error
	errors.As(err, &public)
	after.Runs, after.LastJob, after.Error = state.Runs, "", public.Message
	after.Failed++
	return after, s.cfg.Space.Update(ctx, func(t store.Tx) error { return note(t, e, after) })
}

// settle takes over what is on disk.
func (s *Schedules) settle(e *entry, state rouse.ScheduleState, retry time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byName[e.Name] != e {
		return
	}
	e.retry = retry
	e.stand(state)
	heap.Fix(&s.next, e.index)
}
