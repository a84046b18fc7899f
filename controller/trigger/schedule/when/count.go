package when

import (
	"math/bits"
	"time"
)

// Count is how many moments after after and until until, inclusive, the expression
// is due, without looking at each: a year of cron takes a step for each day.
func (e *Expression) Count(after, until, anchor time.Time) int {
	switch {
	case !until.After(after):
		return 0
	case e.every > 0:
		periods := func(t time.Time) time.Duration { return max(0, t.Sub(anchor)) / e.every }
		return int(periods(until) - periods(after))
	case !e.at.IsZero():
		if e.at.After(after) && !e.at.After(until) {
			return 1
		}
	case e.cron != nil:
		return e.cron.count(after.In(e.zone), until.In(e.zone))
	}
	return 0
}

// count counts from one setting of the clocks to the next. Soon after one they may
// show what they have shown before, and so it walks.
func (c *cron) count(after, until time.Time) (n int) {
	for last := until; after.Before(until); after, last = last, until {
		set, setAgain := after.Add(1).ZoneBounds()
		if !setAgain.IsZero() && !setAgain.After(until) {
			last = setAgain.Add(-1)
		}
		calm := set.Add(aroundMidnight)
		if set.IsZero() || !after.Before(calm) {
			n += c.countCalm(after, last)
			continue
		}
		if calm.Before(last) {
			last = calm
		}
		for t := c.next(after); !t.IsZero() && !t.After(last); t = c.next(t) {
			n++
		}
	}
	return n
}

// countCalm counts where no clock is set in between.
func (c *cron) countCalm(after, until time.Time) (n int) {
	_, ahead := until.Zone()
	shown := func(t time.Time) time.Time { return t.UTC().Add(time.Duration(ahead) * time.Second) }
	after, until = shown(after), shown(until)
	for day := after.Truncate(24 * time.Hour); !day.After(until); day = day.AddDate(0, 0, 1) {
		if c.onDay(day.Date()) {
			n += c.countDay(until.Sub(day)) - c.countDay(after.Sub(day))
		}
	}
	return n
}

// countDay counts within a day on which the expression is due, from its first
// moment on; before that there is nothing.
func (c *cron) countDay(passed time.Duration) int {
	if passed < 0 {
		return 0
	}
	minute := min(int(passed/time.Minute), 24*60-1)
	hour, minute := minute/60, minute%60
	n := (c.hours & (1<<hour - 1)).size() * c.minutes.size()
	if c.hours.has(hour) {
		n += (c.minutes & (1<<(minute+1) - 1)).size()
	}
	return n
}

func (s set) size() int { return bits.OnesCount64(uint64(s)) }
