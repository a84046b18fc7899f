package pool

import (
	"cmp"
	"slices"
	"time"

	"github.com/rousehq/rouse"
)

// Stats are the pool's counts at one moment.
type Stats struct {
	Instances    map[rouse.State]int
	InFlight     int
	Waiting      int
	QueueBytes   rouse.Bytes
	MemoryBudget rouse.Bytes
	MemoryInUse  rouse.Bytes // the limits of all sandboxes together
}

// Stats counts over all revisions.
func (p *Pool) Stats() Stats {
	s := Stats{Instances: map[rouse.State]int{}, MemoryBudget: p.config.Memory, MemoryInUse: p.ledger.occupied()}
	for r := range p.all() {
		r.mu.Lock()
		for i := range r.state.instances {
			s.Instances[i.shown()]++
			s.InFlight += i.inUse
		}
		s.Waiting += r.state.waiters.len
		s.QueueBytes += r.state.waiters.bytes
		r.mu.Unlock()
	}
	return s
}

// AtWork says whether any instance has had a request since then.
func (p *Pool) AtWork(since time.Time) bool {
	for r := range p.all() {
		r.mu.Lock()
		working := r.state.worked(since)
		r.mu.Unlock()
		if working {
			return true
		}
	}
	return false
}

func (s *state) worked(since time.Time) bool {
	for i := range s.instances {
		if i.inUse > 0 || i.served > 0 && i.idleSince.After(since) {
			return true
		}
	}
	return false
}

// Waiting is how many requests of fn wait for an instance.
func (p *Pool) Waiting(fn rouse.FunctionName) int {
	n := 0
	for _, r := range p.of(fn) {
		r.mu.Lock()
		n += r.state.waiters.len
		r.mu.Unlock()
	}
	return n
}

// Instances lists every instance, by function and then by age.
func (p *Pool) Instances() []rouse.Instance {
	list := []rouse.Instance{}
	for r := range p.all() {
		r.mu.Lock()
		for i := range r.state.instances {
			list = append(list, rouse.Instance{
				ID: i.id, Function: r.rev.Function, Revision: r.rev.ID, State: i.shown(),
				Provisioned: i.provisioned, Adopted: i.adopted, Tier: i.tier, InFlight: i.inUse, Served: i.served,
				Memory: r.rev.Spec.Memory, Created: i.created, IdleSince: i.idleSince, Driver: p.config.Driver.Name(),
			})
		}
		r.mu.Unlock()
	}
	slices.SortFunc(list, func(a, b rouse.Instance) int {
		return cmp.Or(cmp.Compare(a.Function, b.Function), a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	return list
}
