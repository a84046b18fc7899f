package cells

import (
	"context"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/scale"
)

// spareZygote hands out a zygote for class c, or nil: there is none yet, or
// there can be none. Whoever asks in vain has one made for the next.
func (d *Driver) spareZygote(ctx context.Context, c driver.Class) driver.Sandbox {
	class, ok := d.inner.ZygoteFor(ctx, c)
	if !ok {
		return nil
	}
	return d.take(class)
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
	made, err := d.inner.Make(ctx, class)
	switch {
	case rouse.CodeOf(err) == rouse.Invalid || ctx.Err() != nil:
		return err
	case err != nil:
		d.Log.Warn("a zygote could not be made", "error", err)
		return nil
	}
	d.do(func(s *stock) {
		k := s.kind(class, time.Now())
		k.demand, k.asked = scale.Faded(k.demand, time.Since(k.asked))+1, time.Now()
		one := &spare{sandbox: made}
		k.spares = append(k.spares, one)
		d.watch(one)
	})
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

// zygotes divides at most half of the places among the kinds of zygotes, one
// for each, those in most demand first. It returns the wants of those kinds.
func zygotes(places int, classes []driver.Class, demand []float64) map[driver.Class]int {
	var kinds []driver.Class
	var asked []float64
	for i, c := range classes {
		if c.IsZygote() {
			kinds, asked = append(kinds, c), append(asked, demand[i])
		}
	}
	want := make(map[driver.Class]int)
	for i, n := range scale.Spread(places/2, asked) {
		want[kinds[i]] = min(n, 1)
	}
	return want
}
