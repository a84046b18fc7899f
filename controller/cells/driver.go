package cells

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// Options are the settings of a Driver.
type Options struct {
	// Most is how many spare cells are kept over all classes; 0 keeps none, but
	// cells are still made on demand.
	Most int
	Log  *slog.Logger
}

// Inner is a driver that can make cells.
type Inner interface {
	driver.Driver
	driver.Refuser
	driver.CellMaker
	driver.Collector
	driver.Crosser
}

// Driver hands out spare cells where its inner driver can use them.
type Driver struct {
	inner Inner
	Options

	life   context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	begin  sync.Once
	wake   chan struct{} // holds a token when there may be something to do

	mu     sync.Mutex
	stock  stock
	budget driver.Budget   // nil is as much as there is
	load   driver.Workload // nil is none
	moved  chan struct{}   // closed at the next change of the stock, when somebody waits for one
	closed bool            // nothing is kept any more
}

var (
	_ driver.Driver    = (*Driver)(nil)
	_ driver.Refuser   = (*Driver)(nil)
	_ driver.CellMaker = (*Driver)(nil)
	_ driver.Collector = (*Driver)(nil)
	_ driver.Stock     = (*Driver)(nil)
	_ driver.Crosser   = (*Driver)(nil)
)

// New makes a Driver in front of inner, which it owns. It makes no cell before
// List, which must find only what an earlier process left.
func New(inner Inner, o Options) *Driver {
	d := &Driver{inner: inner, Options: o, wake: make(chan struct{}, 1), stock: newStock(o.Most)}
	d.life, d.cancel = context.WithCancel(context.Background())
	return d
}

// Name is the inner driver's.
func (d *Driver) Name() string { return d.inner.Name() }

// Check is the inner driver's, and loads the modules of a zygote.
func (d *Driver) Check(ctx context.Context, spec rouse.Spec, report func(string)) (rouse.Spec, error) {
	spec, err := d.inner.Check(ctx, spec, report)
	if err != nil {
		return spec, err
	}
	return spec, d.tryZygote(ctx, spec, report)
}

// Refuse is the inner driver's.
func (d *Driver) Refuse(spec rouse.Spec) error { return d.inner.Refuse(spec) }

// CellFor is the inner driver's.
func (d *Driver) CellFor(ctx context.Context, c driver.Class) (driver.Class, bool) {
	return d.inner.CellFor(ctx, c)
}

// ZygoteFor is the inner driver's.
func (d *Driver) ZygoteFor(ctx context.Context, c driver.Class) (driver.Class, bool) {
	return d.inner.ZygoteFor(ctx, c)
}

// NoCells is the inner driver's.
func (d *Driver) NoCells() string { return d.inner.NoCells() }

// Sockets is the inner driver's.
func (d *Driver) Sockets() (driver.Sockets, string) { return d.inner.Sockets() }

// Collect is the inner driver's.
func (d *Driver) Collect(ctx context.Context, specs []rouse.Spec) (int, error) {
	return d.inner.Collect(ctx, specs)
}

// Make is MakeFor on behalf of nobody in particular.
func (d *Driver) Make(ctx context.Context, c driver.Class) (driver.Sandbox, error) {
	return d.MakeFor(ctx, c, "", "")
}

// MakeFor returns a spare zygote or cell at once, makes one when there is none for the
// holder, and makes a sandbox of the class itself when a cell will not do or
// cannot be made. from excludes what is better.
func (d *Driver) MakeFor(ctx context.Context, c driver.Class, holder rouse.RevisionID, from rouse.Tier) (driver.Sandbox, error) {
	if from == "" || from == rouse.TierZygote {
		if s := d.spareZygote(ctx, c, holder); s != nil {
			return lent{Sandbox: s, d: d}, nil
		}
	}
	class, ok := d.inner.CellFor(ctx, c)
	if ok && from != rouse.TierCold {
		if s := d.take(ctx, class, holder); s != nil {
			return lent{Sandbox: s, d: d}, nil
		}
	}
	d.do(func(s *stock) { s.busy++ })
	defer d.do(func(s *stock) { s.busy-- })
	if !ok {
		class = c
	}
	made, err := d.inner.Make(ctx, class)
	if ok && err != nil && ctx.Err() == nil && rouse.CodeOf(err) != rouse.Unavailable { // a container would fare no better
		d.Log.Warn("a cell could not be made; a container is made instead", "error", err)
		made, err = d.inner.Make(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	return lent{Sandbox: made, d: d, late: true}, nil
}

// List is the inner driver's, without the spares that an earlier process made:
// they are taken over beside. From now on spares are kept.
func (d *Driver) List(ctx context.Context) ([]driver.Sandbox, error) {
	left, err := d.inner.List(ctx)
	if err != nil {
		return nil, err
	}
	left = slices.DeleteFunc(left, func(s driver.Sandbox) bool {
		unused, ok := s.(driver.Reclaimer)
		if ok {
			d.do(func(st *stock) { st.reclaiming++ })
			d.work.Go(func() { d.reclaim(s, unused) })
		}
		return ok
	})
	d.begin.Do(func() { d.work.Go(d.refill) })
	return left, nil
}

// Fund has the memory of the spares come from b.
func (d *Driver) Fund(b driver.Budget) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.budget = b
}

// Heed has refilling leave time to w.
func (d *Driver) Heed(w driver.Workload) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.load = w
}

// Shed has spares go that are worth n bytes, beside.
func (d *Driver) Shed(n rouse.Bytes) { d.do(func(s *stock) { s.shed = n }) }

// Close removes the spares and closes the inner driver.
func (d *Driver) Close() error {
	d.do(func(*stock) { d.closed = true })
	d.cancel()
	d.work.Wait()
	var spares []*spare
	d.do(func(s *stock) { spares = s.clear() })
	var all sync.WaitGroup
	errs := make([]error, len(spares)+1)
	for i, s := range spares {
		d.give(s.paid)
		all.Go(func() { errs[i] = d.destroy(s.sandbox) })
	}
	all.Wait()
	errs[len(spares)] = d.inner.Close()
	return errors.Join(errs...)
}

// Cells is what there is now.
func (d *Driver) Cells() rouse.Cells {
	view := rouse.Cells{Most: d.Most, Unused: d.inner.NoCells()}
	d.mu.Lock()
	defer d.mu.Unlock()
	kinds := map[string]rouse.CellKind{}
	for c, k := range d.stock.kinds {
		view.Ready += len(k.spares)
		view.Making += k.making
		if c.IsZygote() {
			view.Zygotes += len(k.spares)
		} else if len(k.spares) > 0 {
			view.Memory = max(view.Memory, k.weight)
		}
		if n := kinds[c.Kind()]; len(k.spares)+k.making > 0 {
			kinds[c.Kind()] = rouse.CellKind{
				Kind: c.Kind(), Ready: n.Ready + len(k.spares), Making: n.Making + k.making, Memory: max(n.Memory, k.weight),
			}
		}
	}
	for _, k := range kinds {
		view.Kinds = append(view.Kinds, k)
	}
	slices.SortFunc(view.Kinds, func(a, b rouse.CellKind) int { return cmp.Compare(a.Kind, b.Kind) })
	return view
}

// do changes the stock and has the refilling look at it.
func (d *Driver) do(change func(*stock)) {
	d.mu.Lock()
	change(&d.stock)
	d.stock.sated = false
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// take hands out a spare, or nil, for the start that ends with ctx. Nobody
// watches it any more.
func (d *Driver) take(ctx context.Context, c driver.Class, holder rouse.RevisionID) (taken driver.Sandbox) {
	var paid rouse.Bytes
	d.do(func(s *stock) {
		if one := s.take(c, holder, time.Now()); one != nil {
			one.unwatch()
			taken, paid = one.sandbox, one.paid
		}
	})
	if taken != nil {
		context.AfterFunc(ctx, func() { d.do(func(s *stock) { s.started(time.Now()) }) })
	}
	d.give(paid)
	return taken
}
