package when

import (
	"strconv"
	"strings"
	"time"

	"github.com/rousehq/rouse"
)

// cron is what both forms of cron expressions come to.
type cron struct {
	minutes, hours, months set
	years                  map[int]bool // nil is all
	days                   set          // of the month
	week                   set          // days of the week, 0 is Sunday
	// either says that one of days and week is enough; else both are wanted.
	either bool

	lastDay     bool // L: the last day of the month
	lastWeekday bool // LW: its last day from Monday to Friday
	nearest     int  // nW: the day from Monday to Friday nearest to it, in the same month
	lastOf      int  // nL: the last such day of the week, 0 is Sunday; -1 is none
	nth, nthOf  int  // n#m: the m-th such day of the week; nth 0 is none
}

// everyHour says that the expression names no hour, so that it counts time
// rather than names times of day.
func (c *cron) everyHour() bool { return c.hours == 1<<24-1 }

const all = ^set(0)

// parseAWS reads the inside of cron(…).
func parseAWS(s source) (*cron, error) {
	f := s.words()
	if len(f) != 6 {
		return nil, s.errorf(s.from, "cron(…) has %d fields: must be 6, minute hour day-of-month month day-of-week year; five fields are written without cron()", len(f))
	}
	c := &cron{days: all, week: all, lastOf: -1}
	var err error
	if err = c.common(f[0], f[1], f[3]); err != nil {
		return nil, err
	}
	switch day, week := f[2].rest(), f[4].rest(); {
	case day == "?" && week == "?":
		return nil, s.errorf(f[4].from, "day-of-week \"?\": only one of day-of-month and day-of-week can be \"?\"")
	case day != "?" && week != "?":
		return nil, s.errorf(f[4].from, "day-of-week %q: one of day-of-month and day-of-week must be \"?\"", rouse.Clip(week))
	case day != "?":
		err = c.awsDay(f[2])
	default:
		err = c.awsWeek(f[4])
	}
	if err == nil && f[5].rest() != "*" {
		c.years = map[int]bool{}
		err = years.each(f[5], func(n int) { c.years[n] = true })
	}
	return c, err
}

func (c *cron) common(minute, hour, month source) (err error) {
	if c.minutes, err = minutes.set(minute); err == nil {
		if c.hours, err = hours.set(hour); err == nil {
			c.months, err = months.set(month)
		}
	}
	return err
}

func (c *cron) awsDay(f source) (err error) {
	text := strings.ToUpper(f.rest())
	switch {
	case text == "L":
		c.lastDay = true
	case text == "LW":
		c.lastWeekday = true
	case strings.HasSuffix(text, "W"):
		c.nearest, err = days.value(f, strings.TrimSuffix(text, "W"))
	default:
		c.days, err = days.set(f)
	}
	return err
}

func (c *cron) awsWeek(f source) (err error) {
	text := strings.ToUpper(f.rest())
	day, count, numbered := strings.Cut(text, "#")
	switch {
	case text == "L":
		c.week = 1 << time.Saturday
	case numbered:
		if c.nthOf, err = weekAWS.value(f, day); err != nil {
			return err
		}
		c.nthOf--
		if c.nth, err = strconv.Atoi(count); err != nil || c.nth < 1 || c.nth > 5 {
			return f.errorf(f.from, "day-of-week %q: what follows # must be 1 to 5", rouse.Clip(text))
		}
	case strings.HasSuffix(text, "L"):
		c.lastOf, err = weekAWS.value(f, strings.TrimSuffix(text, "L"))
		c.lastOf--
	default:
		c.week, err = weekAWS.set(f)
		c.week >>= 1
	}
	return err
}

// parseFive reads the fields of crontab(5): when both kinds of day are
// restricted, either is enough.
func parseFive(s source) (*cron, error) {
	f := s.words()
	if len(f) != 5 {
		return nil, s.errorf(s.from, "%q has %d fields: write rate(5 minutes), cron(0 9 * * ? *), 0 9 * * * or at(2030-01-01T09:00:00)", rouse.Clip(s.rest()), len(f))
	}
	c := &cron{lastOf: -1}
	err := c.common(f[0], f[1], f[3])
	if err == nil {
		c.days, err = days.set(f[2])
	}
	if err == nil {
		c.week, err = weekCron.set(f[4])
	}
	c.week = c.week&(1<<7-1) | c.week>>7&1 // 7 is Sunday too
	c.either = f[2].rest()[0] != '*' && f[4].rest()[0] != '*'
	return c, err
}

func parseMacro(s source) (*cron, error) {
	text, known := map[string]string{
		"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
		"@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
	}[s.rest()]
	if !known {
		return nil, s.errorf(s.from, "%q: must be @hourly, @daily, @weekly, @monthly or @yearly", rouse.Clip(s.rest()))
	}
	return parseFive(source{text: text})
}

// onDay says whether the expression is due on a day.
func (c *cron) onDay(y int, m time.Month, d int) bool {
	if !c.months.has(int(m)) || c.years != nil && !c.years[y] {
		return false
	}
	week := int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Weekday())
	last := lastDay(y, m)
	switch {
	case c.lastDay:
		return d == last
	case c.lastWeekday:
		return d == toWeekday(y, m, last, last)
	case c.nearest > 0:
		return c.nearest <= last && d == toWeekday(y, m, c.nearest, last)
	case c.lastOf >= 0:
		return week == c.lastOf && d+7 > last
	case c.nth > 0:
		return week == c.nthOf && (d+6)/7 == c.nth
	case c.either:
		return c.days.has(d) || c.week.has(week)
	}
	return c.days.has(d) && c.week.has(week)
}

// lastDay is the number of days of a month.
func lastDay(y int, m time.Month) int { return time.Date(y, m+1, 0, 0, 0, 0, 0, time.UTC).Day() }

// toWeekday is the day from Monday to Friday that is nearest to d in its month.
func toWeekday(y int, m time.Month, d, last int) int {
	switch time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if d == 1 {
			return 3
		}
		return d - 1
	case time.Sunday:
		if d == last {
			return d - 2
		}
		return d + 1
	}
	return d
}
