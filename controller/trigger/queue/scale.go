package queue

import "time"

// AWS begins with 5 concurrent calls, adds up to 300 a minute while messages
// wait, and ends at 1,000.
const (
	firstCalls = 5
	mostCalls  = 1000
	scaleEvery = time.Second
	scaleStep  = 5 // in scaleEvery: 300 a minute
)

// scale is how many calls of a mapping may run at once.
type scale struct {
	limit int
	since time.Time // of the last step
}

// step says how many may run, now that running do and, if backlog, more could be
// started. bound is what the mapping and the function allow.
func (s scale) step(now time.Time, running int, backlog bool, bound int) scale {
	if s.limit == 0 {
		s = scale{limit: firstCalls, since: now}
	}
	if now.Sub(s.since) >= scaleEvery {
		switch {
		case backlog && running >= s.limit:
			s.limit, s.since = min(s.limit+scaleStep, mostCalls), now
		case running < s.limit/2:
			s.limit, s.since = max(s.limit-scaleStep, firstCalls), now
		}
	}
	return scale{limit: min(s.limit, max(bound, 0)), since: s.since}
}

// refused is the scale after the function was throttled: half, for a while.
func (s scale) refused(now time.Time) scale {
	return scale{limit: max(s.limit/2, 1), since: now}
}
