package schedule

import (
	"hash/fnv"
	"sort"
	"time"

	"github.com/rousehq/rouse"
)

const (
	// grace is how late a run may begin without being a missed one.
	grace = time.Minute
	// mostAtOnce bounds the missed runs that are made up for at a time.
	mostAtOnce = 100
	// believed is how far the clock may be behind what was noted before it is the
	// note that is held to be wrong.
	believed = 24 * time.Hour
)

// plan is what to do about a schedule's runs up to now.
type plan struct {
	run     []time.Time // when they were due, the oldest first
	missed  int         // left out, of those within the schedule's bound
	through time.Time   // then everything is dealt with up to here
}

// decide is pure: what becomes of the runs that were due after through and until
// now. It looks at those that are kept, and counts the others.
func decide(e *entry, through, now time.Time) plan {
	p := plan{through: through}
	from := through
	if bound := now.Add(-e.MissedWithin.D() - 1); from.Before(bound) {
		from = bound
	}
	most := 1
	if e.Missed == rouse.MissedAll {
		most = mostAtOnce
	}
	due, t := e.count(from, now), from
	if due > most {
		t = latest(e, most, from, now)
	}
	for range min(due, most) {
		t = e.after(t)
		p.run = append(p.run, t)
		p.through = t
	}
	if e.Missed == rouse.MissedSkip && due > 0 && now.Sub(p.run[0]) > grace {
		p.run = nil
	}
	if p.through.Before(from) && e.after(p.through).Before(now) {
		p.through = from // all that was due is too old
	}
	p.missed = due - len(p.run)
	return p
}

// latest is the moment after which n of the runs between from and now, which are
// more, are due. Runs are a second apart at the least.
func latest(e *entry, n int, from, now time.Time) time.Time {
	ago := func(seconds int) time.Time { return now.Add(-time.Duration(seconds) * time.Second) }
	return ago(sort.Search(int(now.Sub(from)/time.Second), func(i int) bool { return e.count(ago(i), now) >= n }))
}

// delay is how much later than it is due a run begins: always the same for the
// same run, and spread over the schedule's window.
func delay(e *entry, due time.Time) time.Duration {
	if e.Window == 0 {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(e.Name + due.UTC().Format(time.RFC3339Nano)))
	return time.Duration(h.Sum64() % uint64(e.Window))
}
