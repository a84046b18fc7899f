// Package when reads expressions that say when something is due, and computes
// the moments. It is pure: it has no clock and does no I/O.
//
//	rate(5 minutes)           seconds, minutes, hours, days; a day is 24 hours
//	cron(0 9 ? * MON-FRI *)   AWS's six fields: minute hour day-of-month month day-of-week year
//	0 9 * * 1-5               the five fields of crontab(5)
//	@daily                    @hourly, @daily, @weekly, @monthly, @yearly
//	at(2026-03-01T09:00:00)   once
//
// Where the clocks go forward, what names a time that does not exist is skipped;
// where they go back, what names a time that comes twice is due at the first.
// That is what EventBridge Scheduler does. What names every hour is due in both
// of the hours that are called alike, so that "every five minutes" keeps its beat.
package when

import (
	"strconv"
	"strings"
	"time"

	"github.com/rousehq/rouse"
)

// Expression says when something is due. The zero value is never due.
type Expression struct {
	every time.Duration // rate
	at    time.Time     // at
	cron  *cron
	zone  *time.Location
}

// maxText bounds an expression.
const maxText = 256

// Parse reads an expression, whose times of day are those of zone. Errors are
// Invalid; they name the part that is wrong, where it stands and what is allowed.
func Parse(text string, zone *time.Location) (*Expression, error) {
	if len(text) > maxText {
		return nil, rouse.Errorf(rouse.Invalid, "when: %d characters, at most %d are allowed", len(text), maxText)
	}
	text = strings.TrimRight(text, " \t")
	s := source{text: text, from: len(text) - len(strings.TrimLeft(text, " \t"))}
	e := &Expression{zone: zone}
	var err error
	switch word, inside, called := s.call(); {
	case s.text[s.from:] == "":
		return nil, rouse.Errorf(rouse.Invalid, "when: missing; write rate(5 minutes), cron(0 9 * * ? *), 0 9 * * * or at(2030-01-01T09:00:00)")
	case called && word == "rate":
		e.every, err = parseRate(inside)
	case called && word == "at":
		e.at, err = parseAt(inside, zone)
	case called && word == "cron":
		e.cron, err = parseAWS(inside)
	case called:
		return nil, s.errorf(s.from, "%q: must be rate(…), cron(…) or at(…)", word)
	case s.text[s.from] == '@':
		e.cron, err = parseMacro(s)
	default:
		e.cron, err = parseFive(s)
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Zone finds a time zone by its IANA name; "" is UTC. The machine's own zone has
// no name here, since it need not be that of whoever wrote the schedule.
func Zone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, rouse.Errorf(rouse.Invalid, "time_zone %q: no such zone; write a name of the IANA database like Europe/Berlin or UTC", rouse.Clip(name))
	}
	return zone, nil
}

// Every is a rate's period; 0 for anything else.
func (e *Expression) Every() time.Duration { return e.every }

// Next is the first moment after after at which the expression is due; zero
// when there is none. A rate counts from anchor, which is no such moment itself.
func (e *Expression) Next(after, anchor time.Time) time.Time {
	switch {
	case e.every > 0:
		periods := time.Duration(0)
		if passed := after.Sub(anchor); passed >= 0 {
			periods = passed / e.every
		}
		return anchor.Add((periods + 1) * e.every).UTC()
	case !e.at.IsZero():
		if e.at.After(after) {
			return e.at.UTC()
		}
	case e.cron != nil:
		return e.cron.next(after.In(e.zone)).UTC()
	}
	return time.Time{}
}

func parseRate(s source) (time.Duration, error) {
	words := s.words()
	if len(words) != 2 {
		return 0, s.errorf(s.from, "rate(%s): must be a number and a unit, like rate(5 minutes)", s.rest())
	}
	n, err := strconv.Atoi(words[0].rest())
	if err != nil || n < 1 {
		return 0, s.errorf(words[0].from, "rate %q: must be a whole number from 1", words[0].rest())
	}
	unit, known := map[string]time.Duration{
		"second": time.Second, "minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour,
	}[strings.TrimSuffix(words[1].rest(), "s")]
	if !known {
		return 0, s.errorf(words[1].from, "rate unit %q: must be seconds, minutes, hours or days", words[1].rest())
	}
	const most = 366 * 24 * time.Hour
	if n > int(most/unit) {
		return 0, s.errorf(words[0].from, "rate %d %s: must be at most 366 days", n, words[1].rest())
	}
	return time.Duration(n) * unit, nil
}

func parseAt(s source, zone *time.Location) (time.Time, error) {
	text := strings.TrimSpace(s.rest())
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		t, err := time.ParseInLocation(layout, text, zone)
		if err != nil {
			continue
		}
		if layout != time.RFC3339 {
			y, mo, d := t.Date()
			h, mi, sec := t.Clock()
			if time.Date(y, mo, d, h, mi, sec, 0, time.UTC).Format("2006-01-02T15:04:05")[:len(layout)] != text {
				return time.Time{}, s.errorf(s.from, "at(%s): this time does not exist in %s, where the clocks go forward then", text, zone)
			}
			t = first(t)
		}
		return t, nil
	}
	return time.Time{}, s.errorf(s.from, "at(%s): must be a date and a time like at(2030-01-01T09:00:00)", rouse.Clip(text))
}
