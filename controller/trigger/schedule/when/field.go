package when

import (
	"slices"
	"strconv"
	"strings"

	"github.com/rousehq/rouse"
)

// set has a bit for each value from 0 to 63 that a field allows.
type set uint64

func (s set) has(n int) bool { return s&(1<<n) != 0 }

// kind is what a field may hold.
type kind struct {
	name      string
	low, high int
	names     []string // of values from low on
}

var (
	minutes  = kind{"minute", 0, 59, nil}
	hours    = kind{"hour", 0, 23, nil}
	days     = kind{"day-of-month", 1, 31, nil}
	months   = kind{"month", 1, 12, []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}}
	weekAWS  = kind{"day-of-week", 1, 7, []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}}
	weekCron = kind{"day-of-week", 0, 7, []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}}
	years    = kind{"year", 1970, 2199, nil}
)

// each calls add with every value that the field's comma-separated items allow.
// Items are N, N-M, *, and any of them with /STEP. N/STEP goes on to the end.
func (k kind) each(f source, add func(n int)) error {
	for item := range strings.SplitSeq(f.rest(), ",") {
		at := f.from
		f.from += len(item) + 1
		low, high, step, err := k.item(source{f.text[:at+len(item)], at})
		if err != nil {
			return err
		}
		for n := low; n <= high; n += step {
			add(n)
		}
	}
	return nil
}

func (k kind) item(s source) (low, high, step int, err error) {
	span, stepText, stepped := strings.Cut(s.rest(), "/")
	step = 1
	if stepped {
		if step, err = strconv.Atoi(stepText); err != nil || step < 1 || step > k.high {
			return 0, 0, 0, s.errorf(s.from, "%s %q: what follows / must be 1 to %d", k.name, rouse.Clip(s.rest()), k.high)
		}
	}
	from, to, ranged := strings.Cut(span, "-")
	switch {
	case span == "*":
		return k.low, k.high, step, nil
	case ranged:
		if low, err = k.value(s, from); err == nil {
			high, err = k.value(s, to)
		}
		if err == nil && low > high {
			err = s.errorf(s.from, "%s %q: a range must go upwards", k.name, rouse.Clip(s.rest()))
		}
		return low, high, step, err
	}
	low, err = k.value(s, from)
	high = low
	if stepped {
		high = k.high
	}
	return low, high, step, err
}

// value reads a number or a name.
func (k kind) value(s source, text string) (int, error) {
	if i := slices.Index(k.names, strings.ToUpper(text)); i >= 0 {
		return k.low + i, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < k.low || n > k.high || text[0] == '+' {
		return 0, s.errorf(s.from, "%s %q: must be %s", k.name, rouse.Clip(s.rest()), k.allowed())
	}
	return n, nil
}

func (k kind) allowed() string {
	text := strconv.Itoa(k.low) + " to " + strconv.Itoa(k.high)
	if k.names != nil {
		text += ", or " + k.names[0] + " to " + k.names[len(k.names)-1]
	}
	return text
}

// set reads a field of values below 64.
func (k kind) set(f source) (s set, err error) {
	err = k.each(f, func(n int) { s |= 1 << n })
	return s, err
}
