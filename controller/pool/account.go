package pool

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/rousehq/rouse"
)

// minUnreserved is what functions without a reservation always have together, as
// on AWS, whatever the others reserve.
const minUnreserved = 100

// account is the concurrency that functions without a reservation share. Taking
// it is one atomic step, since every event passes here.
type account struct {
	limit int // of all functions; 0 is none

	most    atomic.Int64 // what nobody has reserved
	used    atomic.Int64
	starved atomic.Bool // somebody was refused since the last time that others were told

	mu     sync.Mutex
	shares map[rouse.FunctionName]int // set apart
	shared int                        // their sum
}

func newAccount(limit int) *account {
	a := &account{limit: limit, shares: map[rouse.FunctionName]int{}}
	a.most.Store(int64(limit))
	return a
}

// share sets n apart for a function.
func (a *account) share(name rouse.FunctionName, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shared += n - a.shares[name]
	if a.shares[name] = n; n == 0 {
		delete(a.shares, name)
	}
	a.most.Store(int64(max(a.limit-a.shared, min(a.limit, minUnreserved))))
}

func (a *account) take() bool {
	if a.try() {
		return true
	}
	a.starved.Store(true)
	return a.try() // what was given back before that told nobody
}

func (a *account) try() bool {
	if a.limit == 0 {
		a.used.Add(1)
		return true
	}
	for {
		n := a.used.Load()
		if n >= a.most.Load() {
			return false
		}
		if a.used.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// give says whether others are to be told that there is room.
func (a *account) give() bool {
	a.used.Add(-1)
	return a.starved.Load() && a.starved.Swap(false)
}

// freed lets others have the concurrency that from gave back.
func (p *Pool) freed(whose freed, from *revision) {
	tell := func(r *revision) {
		if r != from {
			r.do(func(s *state, now time.Time) actions { return s.settle(now, actions{}) })
		}
	}
	switch whose {
	case freedFunction:
		for _, r := range p.of(from.rev.Function) {
			tell(r)
		}
	case freedAll:
		for r := range p.all() {
			tell(r)
		}
	}
}
