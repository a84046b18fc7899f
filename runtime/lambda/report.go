package lambda

import (
	"time"

	"github.com/rousehq/rouse"
)

// measured completes r with what is known when inv has ended. The caller holds mu.
func (t *Target) measured(inv *invocation, r *rouse.Report) {
	r.Init = inv.init
	if !inv.handed.IsZero() {
		r.Duration = inv.over.Sub(inv.handed)
	}
	r.Billed = billed(r.Duration)
	if t.ep.Memory != nil {
		r.MaxMemory = t.ep.Memory()
	}
}

// billed is d in whole milliseconds, rounded up, as AWS bills it.
func billed(d time.Duration) time.Duration {
	return (d + time.Millisecond - 1).Truncate(time.Millisecond)
}
