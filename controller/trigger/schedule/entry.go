package schedule

import (
	"container/heap"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/trigger/schedule/when"
)

// moments are when a schedule is due, as when.Expression says.
type moments interface {
	Every() time.Duration
	Next(after, anchor time.Time) time.Time
	Count(after, until, anchor time.Time) int
}

var _ moments = (*when.Expression)(nil)

// entry is a schedule in memory. All but state, next, retry and index never
// change: a change of the schedule is another entry.
type entry struct {
	rouse.Schedule
	when moments

	state rouse.ScheduleState // guarded by Schedules.mu
	next  time.Time           // guarded by Schedules.mu; zero is never
	retry time.Time           // guarded by Schedules.mu; not before, after a failure
	index int                 // guarded by Schedules.mu; in the timetable
}

func newEntry(sch rouse.Schedule, state rouse.ScheduleState) (*entry, error) {
	expression, _, err := Check(sch.When, sch.TimeZone)
	if err != nil {
		return nil, err
	}
	e := &entry{Schedule: sch, when: expression}
	e.stand(state)
	return e, nil
}

// stand sets how far the schedule has come.
func (e *entry) stand(state rouse.ScheduleState) {
	e.state, e.next = state, time.Time{}
	if !e.Disabled {
		e.next = e.after(state.Through)
	}
}

// after is the first moment after t at which the schedule is due, within its
// start and end; zero when there is none.
func (e *entry) after(t time.Time) time.Time {
	if t.Before(e.Start) {
		t = e.Start.Add(-1)
	}
	next := e.when.Next(t, e.anchor())
	if !e.End.IsZero() && next.After(e.End) {
		return time.Time{}
	}
	return next
}

// count is how many moments after yields between after and until, inclusive.
func (e *entry) count(after, until time.Time) int {
	if after.Before(e.Start) {
		after = e.Start.Add(-1)
	}
	if !e.End.IsZero() && until.After(e.End) {
		until = e.End
	}
	return e.when.Count(after, until, e.anchor())
}

// anchor is what a rate counts from: with a start it is such that this is the first.
func (e *entry) anchor() time.Time {
	if e.Start.IsZero() {
		return e.Created
	}
	return e.Start.Add(-e.when.Every())
}

func (e *entry) status() rouse.ScheduleStatus {
	return rouse.ScheduleStatus{Schedule: e.Schedule, State: e.state, Next: e.next}
}

// wake is when something is to be done for the entry; zero is never.
func (e *entry) wake() time.Time {
	if !e.next.IsZero() && e.retry.After(e.next) {
		return e.retry
	}
	return e.next
}

// put has an entry take the place of the one of its name.
func (s *Schedules) put(e *entry) {
	s.mu.Lock()
	if old := s.byName[e.Name]; old != nil {
		heap.Remove(&s.next, old.index)
	}
	s.byName[e.Name] = e
	heap.Push(&s.next, e)
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// timetable is a heap of entries by wake; those that never wake are last.
type timetable []*entry

var _ heap.Interface = (*timetable)(nil)

func (t timetable) Len() int { return len(t) }

func (t timetable) Less(i, j int) bool {
	a, b := t[i].wake(), t[j].wake()
	return !a.IsZero() && (b.IsZero() || a.Before(b))
}

func (t timetable) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].index, t[j].index = i, j
}

// Push adds an *entry.
func (t *timetable) Push(x any) {
	e := x.(*entry)
	e.index = len(*t)
	*t = append(*t, e)
}

// Pop removes the last one.
func (t *timetable) Pop() any {
	last := len(*t) - 1
	e := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	return e
}
