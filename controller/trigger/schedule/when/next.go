package when

import "time"

// aroundMidnight is more than clocks are ever set by at midnight.
const aroundMidnight = 3 * time.Hour

// next walks through the minutes of the days on which the expression is due,
// since clocks may be set at any of them. It computes the days without a zone.
func (c *cron) next(after time.Time) time.Time {
	t := after.Truncate(time.Minute).Add(time.Minute)
	for {
		y, m, d := t.Date()
		if !c.onDay(y, m, d) {
			day, found := c.nextDay(y, m, d)
			if !found {
				return time.Time{}
			}
			begin := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, t.Location()).Add(-aroundMidnight)
			if t = t.Add(time.Minute); begin.After(t) {
				t = begin
			}
			continue
		}
		if h, mi, _ := t.Clock(); c.hours.has(h) && c.minutes.has(mi) && (c.everyHour() || first(t).Equal(t)) {
			return t
		}
		t = t.Add(time.Minute)
	}
}

// nextDay is the first day after the given one on which the expression is due.
func (c *cron) nextDay(y int, m time.Month, d int) (time.Time, bool) {
	for day := time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC); day.Year() <= years.high; {
		switch {
		case c.years != nil && !c.years[day.Year()]:
			day = time.Date(day.Year()+1, 1, 1, 0, 0, 0, 0, time.UTC)
		case !c.months.has(int(day.Month())):
			day = time.Date(day.Year(), day.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		case c.onDay(day.Date()):
			return day, true
		default:
			day = day.AddDate(0, 0, 1)
		}
	}
	return time.Time{}, false
}

// first is the first moment at which clocks showed what they show at t.
func first(t time.Time) time.Time {
	_, now := t.Zone()
	_, before := t.Add(-aroundMidnight).Zone()
	if before <= now {
		return t
	}
	earlier := t.Add(-time.Duration(before-now) * time.Second)
	if _, offset := earlier.Zone(); offset == before {
		return earlier
	}
	return t
}
