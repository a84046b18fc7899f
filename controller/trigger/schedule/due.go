package schedule

import (
	"hash/fnv"
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

// decide is pure: what becomes of the runs that were due after through and until now.
func decide(e *entry, through, now time.Time) plan {
	p := plan{through: through}
	from := through
	if bound := now.Add(-e.MissedWithin.D() - 1); from.Before(bound) {
		from = bound
	}
	due := 0
	for t := e.after(from); !t.IsZero() && !t.After(now); t = e.after(t) {
		due++
		p.through = t
		if p.run = append(p.run, t); e.Missed != rouse.MissedAll {
			p.run = p.run[len(p.run)-1:]
		} else if len(p.run) > mostAtOnce {
			p.run = p.run[1:]
		}
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
