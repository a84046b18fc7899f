package cells

import (
	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// pay takes what a spare is thought to weigh from the budget.
func (d *Driver) pay(c driver.Class) (paid rouse.Bytes, ok bool) {
	d.mu.Lock()
	budget, weight := d.budget, d.stock.weight(c)
	d.mu.Unlock()
	if budget == nil {
		return 0, true
	}
	return weight, budget.Take(weight)
}

func (d *Driver) give(paid rouse.Bytes) {
	if paid > 0 {
		d.budget.Give(paid)
	}
}

// weigh notes what a spare takes, for the next ones, and has it pay that. One
// that turns out to be heavier than there is memory for goes.
func (d *Driver) weigh(c driver.Class, one *spare) {
	w, ok := one.sandbox.(driver.Weighed)
	if !ok {
		return
	}
	weight := w.Weight()
	if weight <= 0 {
		return
	}
	d.mu.Lock()
	if k := d.stock.kinds[c]; k != nil {
		k.weight = weight
	}
	budget, more := d.budget, weight-one.paid
	d.mu.Unlock()
	switch {
	case budget == nil:
	case more > 0 && !budget.Take(more):
		d.discard(one)
	case d.owes(one, weight):
		d.give(-more)
	default: // it was taken meanwhile, with what had been paid
		d.give(more)
	}
}

// owes notes what a spare has paid, and says whether it still is one.
func (d *Driver) owes(one *spare, paid rouse.Bytes) (is bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if is = d.stock.has(one); is {
		one.paid = paid
	}
	return is
}

// discard removes a spare, unless somebody else has it by now.
func (d *Driver) discard(one *spare) (mine bool) {
	d.do(func(s *stock) { mine = s.drop(one) })
	if mine {
		one.unwatch()
		d.give(one.paid)
		d.remove(one.sandbox)
	}
	return mine
}
