package pool

import (
	"slices"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/scale"
)

// makeRoom ends idle instances while a start waits for what they hold. A
// running request is never ended to make room. The ledger knows nothing of what
// is being stopped already, so that is counted here.
func (p *Pool) makeRoom() {
	if memory, place := p.ledger.shortage(); memory <= 0 && !place {
		return
	}
	p.evicting.Lock()
	defer p.evicting.Unlock()
	memory, place := p.ledger.shortage()
	candidates, leaving := p.candidates()
	memory -= leaving
	place = place && leaving == 0
	for _, c := range candidates {
		if memory <= 0 && !place {
			return
		}
		evicted := false
		c.of.do(func(s *state, now time.Time) (a actions) {
			evicted, a = s.evict(now, c.inst)
			return a
		})
		if !evicted {
			continue
		}
		memory -= c.of.rev.Spec.Memory
		place = false
		if p.config.Observer != nil {
			p.config.Observer.Evicted(c.of.rev.Function)
		}
	}
}

type candidate struct {
	of   *revision
	inst *instance
	keep float64
}

// candidates are the idle instances, the least worth keeping first, and the
// memory of those that are being stopped.
func (p *Pool) candidates() (list []candidate, leaving rouse.Bytes) {
	for r := range p.all() {
		r.mu.Lock()
		now := time.Now()
		for i := range r.state.instances {
			if i.stopping {
				leaving += r.rev.Spec.Memory
			}
			if !i.idle() || i.provisioned {
				continue
			}
			c := scale.Candidate{Idle: now.Sub(i.idleSince), Reload: r.reload, Size: int64(r.rev.Spec.Memory)}
			if r.arrivals > 1 {
				c.Every = r.last.Sub(r.first) / time.Duration(r.arrivals-1)
			}
			list = append(list, candidate{r, i, scale.Keep(c)})
		}
		r.mu.Unlock()
	}
	slices.SortFunc(list, func(a, b candidate) int {
		switch {
		case a.keep < b.keep:
			return -1
		case a.keep > b.keep:
			return 1
		}
		return 0
	})
	return list, leaving
}
