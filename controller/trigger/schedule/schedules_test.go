package schedule

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
	"github.com/rousehq/rouse/controller/store/storetest"
)

func TestMain(m *testing.M) {
	if dir := crashDir(); dir != "" {
		crash(dir)
	}
	goleak.VerifyTestMain(m)
}

// world is what schedules need, and what became of them.
type world struct {
	space store.Space

	mu     sync.Mutex
	offset time.Duration // of the wall clock
	ran    []string      // schedule, when it was due
	jobs   []rouse.JobRequest
	missed int
	failed int
	refuse error
	gone   bool // the function
	http   bool
}

func newWorld() *world { return &world{space: storetest.NewSpace()} }

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.offset)
}

func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *world) SubmitWith(ctx context.Context, r rouse.JobRequest, also func(store.Tx, string) error) (*rouse.Job, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse != nil {
		return nil, w.refuse
	}
	id := fmt.Sprintf("job-%d", len(w.jobs))
	if err := w.space.Update(ctx, func(t store.Tx) error { return also(t, id) }); err != nil {
		return nil, err
	}
	var event struct{ Time, Detail any }
	json.Unmarshal(r.Payload, &event) //nolint:errcheck // then the test sees nothing
	w.ran = append(w.ran, fmt.Sprint(event.Time))
	w.jobs = append(w.jobs, r)
	return &rouse.Job{ID: id}, nil
}

func (w *world) Resolve(ref rouse.Ref) (*rouse.Function, *rouse.Revision, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ref.Name == "missing" || w.gone {
		return nil, nil, rouse.Errorf(rouse.NotFound, "function %s does not exist", ref.Name)
	}
	rev := &rouse.Revision{Spec: rouse.DefaultSpec()}
	if w.http {
		rev.Spec.Contract = rouse.ContractHTTP
	}
	return &rouse.Function{Name: ref.Name}, rev, nil
}

func (w *world) ScheduleRan(rouse.FunctionName, time.Duration) {}
func (w *world) ScheduleMissed(_ rouse.FunctionName, n int)    { w.set(func() { w.missed += n }) }
func (w *world) ScheduleFailed(rouse.FunctionName)             { w.set(func() { w.failed++ }) }

// times are the hours and minutes of the runs so far.
func (w *world) times() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []string
	for _, at := range w.ran {
		list = append(list, at[len("2000-01-01T"):len("2000-01-01T00:00")])
	}
	return strings.Join(list, " ")
}

func (w *world) open(t testing.TB) *Schedules {
	t.Helper()
	s, err := Open(context.Background(), Config{
		Space: w.space, Jobs: w, Functions: w, Observer: w, Place: rouse.DefaultPlace, Now: w.now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run opens the schedules and runs them until the returned function is called.
func (w *world) run(t testing.TB) (*Schedules, func()) {
	t.Helper()
	s := w.open(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	return s, func() { cancel(); <-done }
}

func every(expression string, more ...func(*rouse.Schedule)) rouse.Schedule {
	s := rouse.DefaultSchedule()
	s.Name, s.Function, s.When = "s", "fn", expression
	for _, m := range more {
		m(&s)
	}
	return s
}

func put(t testing.TB, s *Schedules, sch rouse.Schedule) rouse.ScheduleStatus {
	t.Helper()
	st, err := s.Put(context.Background(), sch, false)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// pass has the clocks go on, and waits until nothing is to be done.
func pass(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
	synctest.Wait()
}

func TestASchedulesFunctionRunsWhenItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s, stop := w.run(t)
		defer stop()
		put(t, s, every("cron(0/20 * * * ? *)"))
		one := every("at(2000-01-01T00:30:00)")
		one.Name = "one"
		put(t, s, one)
		pass(time.Hour)
		if got := w.times(); got != "00:20 00:30 00:40 01:00" {
			t.Error(got)
		}
		st, err := s.Get("one")
		if err != nil || !st.Next.IsZero() || st.State.Runs != 1 || st.State.LastJob != "job-1" || st.State.Error != "" {
			t.Errorf("%+v, %v", st, err)
		}
		if st, err := s.Get("s"); err != nil || st.State.Runs != 3 || !st.Next.Equal(st.State.LastDue.Add(20*time.Minute)) {
			t.Errorf("%+v, %v", st, err)
		}
		if r := w.jobs[0]; r.Source != "schedule" || r.Ref != (rouse.Ref{Name: "fn", Qualifier: rouse.Latest}) || !strings.Contains(string(r.Payload), `"source":"aws.events"`) || r.HTTP != nil {
			t.Errorf("%+v", r)
		}
	})
}

func TestStartAndEndBoundASchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s, stop := w.run(t)
		defer stop()
		begin := time.Now()
		put(t, s, every("rate(10 minutes)", func(s *rouse.Schedule) { s.Start, s.End = begin.Add(15*time.Minute), begin.Add(40*time.Minute) }))
		pass(2 * time.Hour)
		if got := w.times(); got != "00:15 00:25 00:35" {
			t.Error(got)
		}
	})
}

func TestWhatIsDisabledDeletedOrChangedDoesNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s, stop := w.run(t)
		defer stop()
		put(t, s, every("0 * * * *"))
		pass(90 * time.Minute)
		if st, err := s.SetDisabled(t.Context(), "s", true); err != nil || !st.Next.IsZero() {
			t.Error(st, err)
		}
		pass(2 * time.Hour) // 3:30
		if st, err := s.SetDisabled(t.Context(), "s", false); err != nil || st.Next.Hour() != 4 {
			t.Error(st, err)
		}
		pass(time.Hour)
		put(t, s, every("15 * * * *"))
		pass(time.Hour) // 5:30
		if err := s.Delete(t.Context(), "s"); err != nil {
			t.Error(err)
		}
		if err := s.Delete(t.Context(), "s"); rouse.CodeOf(err) != rouse.NotFound {
			t.Error(err)
		}
		pass(2 * time.Hour)
		if got := w.times(); got != "01:00 04:00 05:15" {
			t.Error(got)
		}
		if _, err := s.Upcoming("s", 1); rouse.CodeOf(err) != rouse.NotFound {
			t.Error(err)
		}
	})
}

func TestRunsMissedWhileRouseWasDown(t *testing.T) {
	for policy, want := range map[rouse.MissedRuns]string{
		rouse.MissedSkip: "01:00 06:00", rouse.MissedOnce: "01:00 05:00 06:00", rouse.MissedAll: "01:00 03:00 04:00 05:00 06:00",
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			s, stop := w.run(t)
			put(t, s, every("0 * * * *", func(s *rouse.Schedule) {
				s.Missed, s.MissedWithin = policy, rouse.Duration(150*time.Minute)
			}))
			pass(90 * time.Minute)
			stop()
			pass(4 * time.Hour) // 5:30; the run of 2:00 is too old
			s, stop = w.run(t)
			pass(time.Hour)
			stop()
			if got := w.times(); got != want {
				t.Errorf("%s: %s, want %s", policy, got, want)
			}
			if st, _ := s.Get("s"); st.State.Missed != uint64(w.missed) || policy == rouse.MissedOnce && w.missed != 2 || policy == rouse.MissedAll && w.missed != 0 {
				t.Errorf("%s: %+v, %d", policy, st.State, w.missed)
			}
		})
	}
}

func TestAllMissedRunsAreMadeUpForUpToABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.open(t)
		put(t, s, every("rate(1 minute)", func(s *rouse.Schedule) { s.Missed = rouse.MissedAll }))
		pass(5 * time.Hour)
		_, stop := w.run(t)
		pass(time.Second)
		stop()
		if len(w.ran) != mostAtOnce || w.missed != 300-mostAtOnce || !strings.HasSuffix(w.times(), " 05:00") {
			t.Errorf("%d runs, %d missed: %s", len(w.ran), w.missed, w.times())
		}
	})
}

func TestAClockThatJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s, stop := w.run(t)
		defer stop()
		put(t, s, every("0 * * * *"))
		pass(90 * time.Minute) // 1:30
		w.set(func() { w.offset = -time.Hour })
		pass(time.Hour) // 1:30 again
		if got := w.times(); got != "01:00" {
			t.Errorf("set back: %s", got)
		}
		w.set(func() { w.offset = 3 * time.Hour })
		pass(time.Minute) // 5:31
		if got := w.times(); got != "01:00 05:00" {
			t.Errorf("set forward: %s", got)
		}
		w.set(func() { w.offset = -48 * time.Hour })
		pass(2 * time.Hour)
		if got := w.times(); got != "01:00 05:00 03:00 04:00" {
			t.Errorf("set back by days: %s", got)
		}
	})
}

func TestARunThatCannotBeAcceptedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s, stop := w.run(t)
		defer stop()
		put(t, s, every("0 * * * *"))
		w.set(func() { w.refuse = rouse.Errorf(rouse.Unavailable, "the disk is full") })
		pass(90 * time.Minute)
		w.set(func() { w.refuse = nil })
		pass(time.Minute)
		if got := w.times(); got != "01:00" {
			t.Error(got)
		}
		w.set(func() { w.gone = true })
		pass(time.Hour)
		w.set(func() { w.gone = false })
		pass(time.Hour)
		st, _ := s.Get("s")
		if got := w.times(); got != "01:00 03:00" || w.failed != 1 || st.State.Failed != 1 || st.State.Error != "" {
			t.Errorf("%s, %+v", got, st.State)
		}
	})
}

func TestAWindowSpreadsRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s, stop := w.run(t)
		defer stop()
		put(t, s, every("rate(1 hour)", func(s *rouse.Schedule) { s.Window = rouse.Duration(30 * time.Minute) }))
		pass(20 * time.Hour)
		different := map[time.Duration]bool{}
		for _, r := range w.jobs {
			if r.Delay < 0 || r.Delay >= 30*time.Minute {
				t.Errorf("delay %s", r.Delay)
			}
			different[r.Delay] = true
		}
		if len(w.jobs) != 20 || len(different) < 15 {
			t.Errorf("%d runs, %d delays", len(w.jobs), len(different))
		}
	})
}

func TestPayloadsAreTheSchedulesOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.http = true
		s, stop := w.run(t)
		put(t, s, every("rate(1 hour)", func(s *rouse.Schedule) {
			s.Payload = json.RawMessage(`{"time":"<aws.scheduler.scheduled-time>","detail":"a<b"}`)
		}))
		stop()
		_, stop = w.run(t) // what was read from disk, where < is escaped
		defer stop()
		pass(time.Hour)
		r := w.jobs[0]
		var p struct{ Time, Detail string }
		if err := json.Unmarshal(r.Payload, &p); err != nil || p.Time != "2000-01-01T01:00:00Z" || p.Detail != "a<b" {
			t.Errorf("%s, %v", r.Payload, err)
		}
		if r.HTTP == nil || r.HTTP.Method != "POST" || r.HTTP.Header.Get("X-Rouse-Schedule") != "s" {
			t.Errorf("%+v", r.HTTP)
		}
	})
}

func TestManySchedulesShareOneTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s, stop := w.run(t)
		defer stop()
		for i := range 500 {
			sch := every(fmt.Sprintf("rate(%d minutes)", i%7+1))
			sch.Name = fmt.Sprintf("s%d", i)
			put(t, s, sch)
		}
		pass(7 * time.Minute)
		for _, st := range s.All() {
			period, _, err := Check(st.When, "")
			if err != nil || st.State.Runs != uint64(7*time.Minute/period.Every()) {
				t.Errorf("%s: %+v", st.When, st.State)
			}
		}
	})
}

func TestBadSchedulesAreRefused(t *testing.T) {
	w := newWorld()
	s := w.open(t)
	for want, sch := range map[string]rouse.Schedule{
		"schedule \"a b\"":          every("0 * * * *", func(s *rouse.Schedule) { s.Name = "a b" }),
		"hour \"25\"":               every("0 25 * * *"),
		"time_zone \"Mars\"":        every("0 2 * * *", func(s *rouse.Schedule) { s.TimeZone = "Mars" }),
		"never due":                 every("at(1999-01-01T00:00:00)"),
		"missed \"twice\"":          every("0 * * * *", func(s *rouse.Schedule) { s.Missed = "twice" }),
		"missed_within":             every("0 * * * *", func(s *rouse.Schedule) { s.MissedWithin = 0 }),
		"window":                    every("0 * * * *", func(s *rouse.Schedule) { s.Window = -1 }),
		"end ":                      every("0 * * * *", func(s *rouse.Schedule) { s.Start, s.End = time.Unix(2, 0), time.Unix(1, 0) }),
		"payload: must be JSON":     every("0 * * * *", func(s *rouse.Schedule) { s.Payload = json.RawMessage("{") }),
		"function missing does not": every("0 * * * *", func(s *rouse.Schedule) { s.Function = "missing" }),
	} {
		if _, err := s.Put(t.Context(), sch, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", sch, err, want)
		}
	}
	put(t, s, every("0 * * * *"))
	if _, err := s.Put(t.Context(), every("0 * * * *"), true); rouse.CodeOf(err) != rouse.Conflict {
		t.Error(err)
	}
	if n, err := s.Drop(t.Context(), "fn"); n != 1 || err != nil || len(s.All()) != 0 {
		t.Error(n, err)
	}
}
