package cells

import (
	"context"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// lent is a sandbox that somebody has.
type lent struct {
	driver.Sandbox
	d    *Driver
	late bool // it was made while a request waited
}

var _ driver.Placed = lent{}

// Placed says of what was made late that the start had nothing to begin with.
func (l lent) Placed() (tier rouse.Tier, mount time.Duration) {
	tier = rouse.TierCold
	if p, ok := l.Sandbox.(driver.Placed); ok {
		tier, mount = p.Placed()
	}
	if l.late {
		tier = rouse.TierCold
	}
	return tier, mount
}

// Stop is the sandbox's own. Refilling leaves the engine alone with it.
func (l lent) Stop(ctx context.Context) error {
	l.d.do(func(s *stock) { s.ending++ })
	defer l.d.do(func(s *stock) { s.ending-- })
	return l.Sandbox.Stop(ctx)
}
