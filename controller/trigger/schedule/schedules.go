// Package schedule runs functions at times that their schedules name. A run is a
// durable job: it is retried as jobs are and wakes a function that sleeps.
//
// Schedules lie in the space of the jobs, and a run's job is accepted in the same
// transaction that notes the run, so that no crash makes a run happen twice or
// not at all:
//
//	T d name    → JSON of the schedule
//	T s name    → JSON of its state: up to when its runs are dealt with
//
// One timer serves all schedules. It follows the wall clock: one that is set
// forward makes runs late, which the policy for missed runs answers; one that is
// set back makes none happen twice.
package schedule

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
	"github.com/rousehq/rouse/controller/trigger/schedule/when"
)

// Jobs accepts the runs.
type Jobs interface {
	// SubmitWith blocks until the job is on disk, together with what also writes
	// into the same space; it tells also the job's id. After an error of also
	// there is no job.
	SubmitWith(ctx context.Context, r rouse.JobRequest, also func(t store.Tx, id string) error) (*rouse.Job, error)
}

// Functions finds what schedules call. It does not block; what does not exist is
// a NotFound error.
type Functions interface {
	Resolve(ref rouse.Ref) (*rouse.Function, *rouse.Revision, error)
}

// Observer is told of what happens, to measure it. Its methods must not block.
type Observer interface {
	// ScheduleRan tells of a run whose job is on disk, and how late that was.
	ScheduleRan(fn rouse.FunctionName, late time.Duration)
	// ScheduleMissed tells of runs that were left out.
	ScheduleMissed(fn rouse.FunctionName, runs int)
	// ScheduleFailed tells of a run of which no job could be made.
	ScheduleFailed(fn rouse.FunctionName)
}

// Config is what schedules work with.
type Config struct {
	Space     store.Space // that of the jobs
	Jobs      Jobs
	Functions Functions
	Observer  Observer
	Place     rouse.Place      // in the events that functions get
	Now       func() time.Time // the wall clock, which may jump
	Log       *slog.Logger
}

// Schedules keeps schedules and, while Run does, has their functions run.
type Schedules struct {
	cfg     Config
	changed chan struct{} // has a token when the next run may be another one

	writing sync.Mutex // held over a change, so that memory follows the disk in its order

	mu     sync.Mutex
	byName map[string]*entry // guarded by mu
	next   timetable         // guarded by mu
	seen   time.Time         // guarded by mu; the newest time that the clock has shown
}

// Open reads the schedules. It blocks on the space and starts nothing.
func Open(ctx context.Context, cfg Config) (*Schedules, error) {
	s := &Schedules{cfg: cfg, changed: make(chan struct{}, 1), byName: map[string]*entry{}}
	kept, err := readAll(ctx, cfg.Space)
	if err != nil {
		return nil, fmt.Errorf("reading the schedules: %w", err)
	}
	now := cfg.Now()
	for _, k := range kept {
		e, err := newEntry(k.Schedule, k.State)
		if err != nil {
			return nil, fmt.Errorf("reading schedule %s: %w", k.Name, err)
		}
		s.believe(e, now)
		s.put(e)
	}
	return s, nil
}

// Put makes a schedule, or replaces the one of that name; with create it is a
// Conflict error when there is one. It blocks until that is on disk. Runs that
// were due before are not made up for. Errors are Invalid, TooLarge, NotFound
// (the function), and Unavailable.
func (s *Schedules) Put(ctx context.Context, sch rouse.Schedule, create bool) (rouse.ScheduleStatus, error) {
	now := s.cfg.Now().UTC()
	if err := sch.Validate(); err != nil {
		return rouse.ScheduleStatus{}, err
	}
	if _, _, err := s.cfg.Functions.Resolve(sch.Ref()); err != nil {
		return rouse.ScheduleStatus{}, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	state := rouse.ScheduleState{Through: now}
	sch.Created, sch.Updated, sch.Generation = now, now, 1
	if old, err := s.Get(sch.Name); err == nil {
		if create {
			return rouse.ScheduleStatus{}, rouse.Errorf(rouse.Conflict, "schedule %s exists already; replace it (--replace), or choose another name", sch.Name)
		}
		sch.Created, sch.Generation = old.Created, old.Generation+1
		state = old.State
		state.Through, state.Error = now, ""
	}
	e, err := newEntry(sch, state)
	if err != nil {
		return rouse.ScheduleStatus{}, err
	}
	if e.after(now).IsZero() {
		return rouse.ScheduleStatus{}, rouse.Errorf(rouse.Invalid, "when %q: this is never due from now on", sch.When)
	}
	if err := s.cfg.Space.Update(ctx, func(t store.Tx) error { return write(t, sch, state) }); err != nil {
		return rouse.ScheduleStatus{}, err
	}
	status := e.status()
	s.put(e)
	return status, nil
}

// SetDisabled stops a schedule, or has it go on with its next run. It is
// idempotent and blocks until that is on disk.
func (s *Schedules) SetDisabled(ctx context.Context, name string, disabled bool) (rouse.ScheduleStatus, error) {
	old, err := s.Get(name)
	if err != nil || old.Disabled == disabled {
		return old, err
	}
	sch := old.Schedule
	sch.Disabled = disabled
	return s.Put(ctx, sch, false)
}

// Delete removes a schedule or returns a NotFound error. It blocks until that is
// on disk. Jobs that it has made go on.
func (s *Schedules) Delete(ctx context.Context, name string) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if _, err := s.Get(name); err != nil {
		return err
	}
	if err := s.cfg.Space.Update(ctx, func(t store.Tx) error { remove(t, name); return nil }); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byName[name]
	heap.Remove(&s.next, e.index)
	delete(s.byName, name)
	return nil
}

// Drop deletes every schedule of a function that has been deleted, and says how
// many there were.
func (s *Schedules) Drop(ctx context.Context, fn rouse.FunctionName) (n int, err error) {
	for _, sch := range s.All() {
		if sch.Function != fn {
			continue
		}
		if err := s.Delete(ctx, sch.Name); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// Get finds a schedule or returns a NotFound error. It does not block.
func (s *Schedules) Get(name string) (rouse.ScheduleStatus, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.byName[name]
	if !ok {
		return rouse.ScheduleStatus{}, rouse.Errorf(rouse.NotFound, "schedule %s does not exist", name)
	}
	return e.status(), nil
}

// All lists the schedules by name. It does not block.
func (s *Schedules) All() []rouse.ScheduleStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]rouse.ScheduleStatus, 0, len(s.byName))
	for _, e := range s.byName {
		list = append(list, e.status())
	}
	slices.SortFunc(list, func(a, b rouse.ScheduleStatus) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Upcoming is when a schedule is due next, at most n times; none when it is
// disabled.
func (s *Schedules) Upcoming(name string, n int) ([]time.Time, error) {
	s.mu.Lock()
	e, ok := s.byName[name]
	s.mu.Unlock()
	if !ok {
		return nil, rouse.Errorf(rouse.NotFound, "schedule %s does not exist", name)
	}
	list := []time.Time{}
	if e.Disabled {
		return list, nil
	}
	for t := e.after(s.cfg.Now()); !t.IsZero() && len(list) < n; t = e.after(t) {
		list = append(list, t)
	}
	return list, nil
}

// Check reads an expression and a time zone's name as Put does.
func Check(expression, zone string) (*when.Expression, *time.Location, error) {
	location, err := when.Zone(zone)
	if err != nil {
		return nil, nil, err
	}
	e, err := when.Parse(expression, location)
	return e, location, err
}
