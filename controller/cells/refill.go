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
	// reclaimTimeout is how long an agent of an earlier process has to come back.
	reclaimTimeout = 5 * time.Second
	slowest        = 5 * time.Second // between attempts: nobody is told when the engine is back
	poor           = time.Second     // between looks for memory that starts do not need
)

// refill keeps the stock as it should be until the driver's life ends. It makes
// one cell at a time.
func (d *Driver) refill() {
	for d.life.Err() == nil {
		cells := d.inner.NoCells() == ""
		d.mu.Lock()
		next := d.stock.next(time.Now(), cells)
		d.tell()
		d.mu.Unlock()
		switch {
		case next.remove != nil:
			next.remove.unwatch()
			d.give(next.remove.paid)
			d.remove(next.remove.sandbox)
		case next.wait > 0:
			d.pause(next.wait, d.wake)
		default:
			paid, ok := d.pay(next.make)
			if !ok {
				d.do(func(s *stock) { s.kinds[next.make].making-- })
				d.pause(poor, nil)
				continue
			}
			d.add(next.make, paid)
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
func (d *Driver) add(c driver.Class, paid rouse.Bytes) {
	ctx, cancel := context.WithTimeout(d.life, makeTimeout)
	defer cancel()
	began := time.Now()
	sandbox, err := d.inner.Make(ctx, c)
	failures := 0
	one := &spare{sandbox: sandbox, paid: paid}
	d.mu.Lock()
	k := d.stock.kinds[c]
	k.making--
	refused := c.IsZygote() && rouse.CodeOf(err) == rouse.Invalid
	switch {
	case refused && len(k.spares) == 0: // and will be again
		delete(d.stock.kinds, c)
	case refused: // a deployment had more luck
	case err != nil:
		d.stock.failures++
		failures = d.stock.failures
	default:
		d.stock.failures = 0
		d.keep(k, one)
	}
	d.mu.Unlock()
	if err == nil {
		d.weigh(c, one)
		d.rest(began)
		return
	}
	d.give(paid)
	if refused || d.life.Err() != nil {
		return
	}
	if failures == 1 {
		d.Log.Warn("no spare cell could be made; trying again", "error", err)
	}
	d.pause(min(scale.Backoff(failures), slowest), nil)
}

// rest leaves time to functions that were at work while a cell was made.
func (d *Driver) rest(began time.Time) {
	d.mu.Lock()
	load := d.load
	d.mu.Unlock()
	if load == nil || !load.AtWork(began) {
		return
	}
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stock.rest(now, now.Sub(began))
}

// keep puts a spare into the stock. mu is held.
func (d *Driver) keep(k *kind, one *spare) {
	k.add(one)
	d.watch(one)
}

// reclaim takes over a spare of an earlier process, or removes it.
func (d *Driver) reclaim(s driver.Sandbox, unused driver.Reclaimer) {
	ctx, cancel := context.WithTimeout(d.life, reclaimTimeout)
	defer cancel()
	class, err := unused.Reclaim(ctx)
	paid, ok := rouse.Bytes(0), false
	if err == nil {
		paid, ok = d.pay(class)
	}
	one := &spare{sandbox: s, paid: paid}
	d.do(func(st *stock) {
		st.reclaiming--
		if ok {
			d.keep(st.kind(class, time.Now()), one)
		}
	})
	if ok {
		d.weigh(class, one)
		return
	}
	if err != nil {
		d.Log.Info("a spare cell of an earlier run cannot be taken over", "sandbox", s.ID(), "error", err)
	}
	d.remove(s)
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
		if d.discard(one) {
			d.Log.Info("a spare cell ended by itself", "sandbox", one.sandbox.ID())
		}
	})
}

// remove destroys a sandbox that is in the stock no more. What cannot be removed
// now, since the engine is away, is removed when it is back.
func (d *Driver) remove(s driver.Sandbox) {
	err := d.destroy(s)
	if err == nil {
		return
	}
	d.Log.Warn("a spare cell could not be removed; trying again", "sandbox", s.ID(), "error", err)
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.work.Go(func() { d.removeLater(s) })
	}
}

// removeLater tries until the sandbox is gone, and for the last time when the
// driver closes. What is left then has a record, by which the next Rouse finds it.
func (d *Driver) removeLater(s driver.Sandbox) {
	for attempt := 1; d.life.Err() == nil; attempt++ {
		d.pause(min(scale.Backoff(attempt), slowest), nil)
		err := d.destroy(s)
		if err == nil {
			return
		}
		d.Log.Debug("a spare cell is still to be removed", "sandbox", s.ID(), "error", err)
	}
}

func (d *Driver) destroy(s driver.Sandbox) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.life), stopTimeout)
	defer cancel()
	return s.Stop(ctx)
}
