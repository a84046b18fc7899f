package schedule

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rousehq/rouse"
)

// walked is what decide comes to, by looking at every run.
func walked(e *entry, through, now time.Time) plan {
	p, due, from := plan{through: through}, 0, through
	if bound := now.Add(-e.MissedWithin.D() - 1); from.Before(bound) {
		from = bound
	}
	for t := e.after(from); !t.IsZero() && !t.After(now); t = e.after(t) {
		due++
		p.through, p.run = t, append(p.run, t)
	}
	most := 1
	if e.Missed == rouse.MissedAll {
		most = mostAtOnce
	}
	p.run = p.run[len(p.run)-min(most, due):]
	if e.Missed == rouse.MissedSkip && due > 0 && now.Sub(p.run[0]) > grace {
		p.run = nil
	}
	if p.through.Before(from) && e.after(p.through).Before(now) {
		p.through = from
	}
	p.missed = due - len(p.run)
	return p
}

func TestMissedRunsAreThoseOfAWalk(t *testing.T) {
	begin := time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		moment := func(what string, days int64) time.Time {
			return begin.Add(time.Duration(rapid.Int64Range(0, days*24*3600e9).Draw(t, what)))
		}
		s := every(rapid.SampledFrom([]string{"rate(1 minute)", "rate(90 seconds)", "*/5 * * * *", "30 2 * * *", "0 0 29 2 *", "at(2026-03-25T02:30:00)"}).Draw(t, "when"), func(s *rouse.Schedule) {
			s.TimeZone = "Europe/Berlin"
			s.Missed = rapid.SampledFrom([]rouse.MissedRuns{rouse.MissedSkip, rouse.MissedOnce, rouse.MissedAll}).Draw(t, "policy")
			s.MissedWithin = rouse.Duration(rapid.Int64Range(1, 20*24*3600).Draw(t, "within") * 1e9)
			s.Created = moment("created", 1)
			if rapid.Bool().Draw(t, "has start") {
				s.Start = moment("start", 10)
			}
			if rapid.Bool().Draw(t, "has end") {
				s.End = moment("end", 20)
			}
		})
		e, err := newEntry(s, rouse.ScheduleState{})
		if err != nil {
			t.Fatal(err)
		}
		through, now := moment("through", 10), moment("now", 20)
		if got, want := decide(e, through, now), walked(e, through, now); len(got.run)+len(want.run) > 0 && !reflect.DeepEqual(got.run, want.run) || got.missed != want.missed || !got.through.Equal(want.through) {
			t.Fatalf("%+v\nwant %+v", got, want)
		}
	})
}

// asked counts how often somebody asks when a schedule is due.
type asked struct {
	moments
	times int
}

func (a *asked) Next(after, anchor time.Time) time.Time {
	a.times++
	return a.moments.Next(after, anchor)
}

func (a *asked) Count(after, until, anchor time.Time) int {
	a.times++
	return a.moments.Count(after, until, anchor)
}

func TestAYearOfMissedRunsIsNotWalkedThrough(t *testing.T) {
	slept := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, when := range []string{"rate(1 minute)", "* * * * *"} {
		for policy, kept := range map[rouse.MissedRuns]int{rouse.MissedSkip: 1, rouse.MissedOnce: 1, rouse.MissedAll: mostAtOnce} {
			e, err := newEntry(every(when, func(s *rouse.Schedule) {
				s.Created, s.Missed, s.MissedWithin = slept, policy, rouse.Duration(366*24*time.Hour)
			}), rouse.ScheduleState{})
			if err != nil {
				t.Fatal(err)
			}
			a := &asked{moments: e.when}
			e.when = a
			p := decide(e, slept, slept.AddDate(1, 0, 0))
			if len(p.run)+p.missed != 365*24*60 || !p.through.Equal(slept.AddDate(1, 0, 0)) {
				t.Errorf("%s, %s: %d runs and %d missed", when, policy, len(p.run), p.missed)
			}
			const search = 26 // halvings of a year's seconds, and the count that they begin with
			if a.times > kept+search {
				t.Errorf("%s, %s: %d questions about %d runs", when, policy, a.times, kept)
			}
		}
	}
}
