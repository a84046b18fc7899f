package catalog

import (
	"context"
	"sync"

	"github.com/rousehq/rouse"
)

// keyed is one lock per function. A lock that nobody wants costs nothing.
type keyed struct {
	mu   sync.Mutex
	held map[rouse.FunctionName]*gate // under mu
}

type gate struct {
	sem  chan struct{} // holds one token while locked
	refs int           // holder and waiters, under keyed.mu
}

// lock blocks until name's lock is free or ctx ends. The caller unlocks once.
func (k *keyed) lock(ctx context.Context, name rouse.FunctionName) (unlock func(), err error) {
	k.mu.Lock()
	if k.held == nil {
		k.held = make(map[rouse.FunctionName]*gate)
	}
	g := k.held[name]
	if g == nil {
		g = &gate{sem: make(chan struct{}, 1)}
		k.held[name] = g
	}
	g.refs++
	k.mu.Unlock()

	select {
	case g.sem <- struct{}{}:
		return func() { <-g.sem; k.forget(name, g) }, nil
	case <-ctx.Done():
		k.forget(name, g)
		return nil, ctx.Err()
	}
}

func (k *keyed) forget(name rouse.FunctionName, g *gate) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if g.refs--; g.refs == 0 {
		delete(k.held, name)
	}
}
