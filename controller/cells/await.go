package cells

import (
	"context"
	"errors"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/scale"
)

// calm is how long somebody who wants no spare waits until none is being made.
const calm = 10 * time.Second

// Await notes the demand for the spare that a start of class c from that tier
// takes, and blocks until it is there and none is being made.
func (d *Driver) Await(ctx context.Context, c driver.Class, from rouse.Tier) error {
	if from == rouse.TierCold {
		return d.awaitCalm(ctx)
	}
	class, err := d.spareClass(ctx, c, from)
	if err != nil {
		return err
	}
	d.do(func(s *stock) {
		k := s.kind(class, time.Now())
		k.demand, k.asked = max(scale.Faded(k.demand, time.Since(k.asked)), 1), time.Now()
	})
	err = d.await(ctx, func(s *stock) bool {
		k := s.kinds[class]
		return s.sated && k != nil && len(k.spares) > 0
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return rouse.Errorf(rouse.Unavailable, "from %s: no spare %s became ready in time; the server's log may say why", from, from)
	}
	return err
}

// awaitCalm blocks until no spare is being made, or for a while.
func (d *Driver) awaitCalm(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, calm)
	defer cancel()
	if err := d.await(within, func(s *stock) bool { return s.sated }); err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return nil
}

// spareClass is the class of the spare that a start of class c from that tier
// takes.
func (d *Driver) spareClass(ctx context.Context, c driver.Class, from rouse.Tier) (driver.Class, error) {
	least, class, ok := 1, driver.Class{}, false
	if from == rouse.TierZygote {
		least = 2 // one place stays a cell's
		class, ok = d.inner.ZygoteFor(ctx, c)
	} else {
		class, ok = d.inner.CellFor(ctx, c)
	}
	why := d.inner.NoCells()
	switch {
	case why != "":
		return class, rouse.Errorf(rouse.Invalid, "from %s: cells cannot be used: %s", from, why)
	case d.Most < least:
		return class, rouse.Errorf(rouse.Invalid, "from %s: %d spare cells are kept, and it takes %d; see --cells of rouse serve", from, d.Most, least)
	case !ok && from == rouse.TierZygote:
		return class, rouse.Errorf(rouse.Invalid, "from zygote: the function starts from none: deploy it with --zygote MODULES; with auto it has to be called first")
	case !ok:
		return class, rouse.Errorf(rouse.Invalid, "from %s: the function cannot start from a cell; the server's log says why", from)
	}
	return class, nil
}

// await blocks until enough is true of the stock, or ctx ends. Meanwhile refilling
// leaves no time to others: somebody is at work who waits for it.
func (d *Driver) await(ctx context.Context, enough func(*stock) bool) error {
	d.do(func(s *stock) { s.awaited++ })
	defer d.do(func(s *stock) { s.awaited-- })
	for {
		d.mu.Lock()
		if enough(&d.stock) {
			d.mu.Unlock()
			return nil
		}
		if d.moved == nil {
			d.moved = make(chan struct{})
		}
		moved := d.moved
		d.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		case <-d.life.Done():
			return rouse.Errorf(rouse.Unavailable, "the platform is shutting down")
		}
	}
}

// tell wakes those who await something of the stock. mu is held.
func (d *Driver) tell() {
	if d.moved != nil {
		close(d.moved)
		d.moved = nil
	}
}
