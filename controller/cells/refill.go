package cells

import (
	"context"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/scale"
)

const (
	makeTimeout = 2 * time.Minute
	stopTimeout = 30 * time.Second
	slowest     = 5 * time.Second // between attempts: nobody is told when the engine is back
)

// refill keeps the stock as it should be until the driver's life ends. It makes
// one cell at a time.
func (d *Driver) refill() {
	for d.life.Err() == nil {
		cells := d.inner.NoCells() == ""
		d.mu.Lock()
		next := d.stock.next(time.Now(), cells)
		d.mu.Unlock()
		switch {
		case next.remove != nil:
			next.remove.unwatch()
			d.remove(next.remove.sandbox)
		case next.wait > 0:
			d.pause(next.wait, d.wake)
		default:
			d.add(next.make)
		}
	}
}

// pause waits for d, for early, or for the end of the driver's life.
func (d *Driver) pause(long time.Duration, early <-chan struct{}) {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-early:
	case <-d.life.Done():
	}
}

// add makes a cell and puts it into the stock. After a failure it waits.
func (d *Driver) add(c driver.Class) {
	ctx, cancel := context.WithTimeout(d.life, makeTimeout)
	defer cancel()
	sandbox, err := d.inner.Make(ctx, c)
	failures := 0
	d.mu.Lock()
	k := d.stock.kinds[c]
	k.making--
	refused := c.IsZygote() && rouse.CodeOf(err) == rouse.Invalid
	if refused { // and will be again
		delete(d.stock.kinds, c)
	} else if err != nil {
		d.stock.failures++
		failures = d.stock.failures
	} else {
		d.stock.failures = 0
		one := &spare{sandbox: sandbox}
		k.spares = append(k.spares, one)
		d.watch(one)
	}
	d.mu.Unlock()
	if err == nil || refused || d.life.Err() != nil {
		return
	}
	if failures == 1 {
		d.Log.Warn("no spare cell could be made; trying again", "error", err)
	}
	d.pause(min(scale.Backoff(failures), slowest), nil)
}

// watch replaces a spare that dies while it is one.
func (d *Driver) watch(one *spare) {
	ctx, cancel := context.WithCancel(d.life)
	one.unwatch = cancel
	d.work.Go(func() {
		defer cancel()
		if one.sandbox.Wait(ctx) != nil {
			return
		}
		mine := false
		d.do(func(s *stock) { mine = s.drop(one) })
		if mine {
			d.Log.Info("a spare cell ended by itself", "sandbox", one.sandbox.ID())
			d.remove(one.sandbox)
		}
	})
}

// remove destroys a sandbox that is in the stock no more. What cannot be
// removed now has a record, by which the next Rouse finds it.
func (d *Driver) remove(s driver.Sandbox) {
	if err := d.destroy(s); err != nil {
		d.Log.Warn("a spare cell could not be removed", "sandbox", s.ID(), "error", err)
	}
}

func (d *Driver) destroy(s driver.Sandbox) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.life), stopTimeout)
	defer cancel()
	return s.Stop(ctx)
}
