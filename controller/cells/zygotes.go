package cells

import (
	"context"
	"slices"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/scale"
)

// spareZygote hands out a zygote for class c, or nil: there is none yet, or
// there can be none. Whoever asks in vain has one made for the next.
func (d *Driver) spareZygote(ctx context.Context, c driver.Class, holder rouse.RevisionID) driver.Sandbox {
	class, ok := d.inner.ZygoteFor(ctx, c)
	if !ok {
		return nil
	}
	return d.take(ctx, class, holder)
}

// tryZygote makes the zygote of a spec that is about to be deployed, so that its
// first start finds one. Modules that will not do are an Invalid error; whatever
// else goes wrong makes starts slower, and nothing worse.
func (d *Driver) tryZygote(ctx context.Context, spec rouse.Spec, report func(string)) error {
	class, ok := d.inner.ZygoteFor(ctx, driver.Plain(rouse.Revision{Spec: spec}))
	if !ok || d.Most < 2 || d.hasZygote(class) {
		return nil
	}
	if report != nil {
		report("loading the zygote's modules")
	}
	paid, ok := d.pay(class)
	if !ok {
		return nil // no memory to keep it; the modules are loaded by the start
	}
	made, err := d.inner.Make(ctx, class)
	if err != nil {
		d.give(paid)
	}
	switch {
	case err != nil && (rouse.CodeOf(err) == rouse.Invalid || ctx.Err() != nil):
		return err
	case err != nil:
		d.Log.Warn("a zygote could not be made", "error", err)
		return nil
	}
	one, kept := &spare{sandbox: made, paid: paid}, false
	d.do(func(s *stock) {
		if kept = !d.closed; kept {
			k := s.kind(class, time.Now())
			k.demand, k.asked = scale.Faded(k.demand, time.Since(k.asked))+1, time.Now()
			d.keep(k, one)
		}
	})
	if !kept {
		d.give(paid)
		d.remove(made)
		return nil
	}
	d.weigh(class, one)
	return nil
}

// hasZygote says whether a zygote is there or about to be.
func (d *Driver) hasZygote(c driver.Class) (has bool) {
	d.do(func(s *stock) {
		k := s.kinds[c]
		has = k != nil && len(k.spares)+k.making > 0
	})
	return has
}

// zygotes says which kinds of zygotes have one: at most half of the places, for
// those that were asked for last.
func (s *stock) zygotes(places int, now time.Time) map[driver.Class]int {
	var asked []driver.Class
	for c, k := range s.kinds {
		if c.IsZygote() && scale.Asked(scale.Faded(k.demand, now.Sub(k.asked))) {
			asked = append(asked, c)
		}
	}
	slices.SortFunc(asked, func(a, b driver.Class) int { return s.kinds[b].asked.Compare(s.kinds[a].asked) })
	want := make(map[driver.Class]int)
	for _, c := range asked[:min(len(asked), places/2)] {
		want[c] = 1
	}
	return want
}
