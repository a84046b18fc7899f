package pool

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// adoptTimeout is how long an agent of an earlier host process has to reconnect.
const adoptTimeout = 5 * time.Second

// restarter is a target that can say that the process it found was at work
// when the earlier host process died, and so has to be started again.
type restarter interface{ NeedsRestart() bool }

// Adopt takes over what an earlier host process with the same data directory
// left running, and removes what cannot be taken over. It blocks until that is
// done, or was tried once, and reports the numbers of both. It is called once, before the first Acquire.
func (p *Pool) Adopt(ctx context.Context) (adopted, removed int, err error) {
	left, err := p.config.Driver.List(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("listing what an earlier run left: %w", err)
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, sandbox := range left {
		all.Go(func() {
			taken := p.adopt(ctx, sandbox)
			if !taken {
				p.discard(sandbox)
			}
			mu.Lock()
			defer mu.Unlock()
			if taken {
				adopted++
			} else {
				removed++
			}
		})
	}
	all.Wait()
	return adopted, removed, nil
}

// discard removes what is of no use. It blocks for one attempt; where that fails,
// an engine that is away for instance, others follow on their own.
func (p *Pool) discard(sandbox driver.Sandbox) {
	failed := func(_ int, err error) {
		p.config.Log.Warn("removing a sandbox of an earlier run failed", "sandbox", sandbox.ID(), "error", err)
	}
	if err := p.remove(sandbox); err != nil {
		failed(1, err)
		p.spawn(func() { p.removeAtLast(sandbox, failed) })
	}
}

// adopt makes an instance of sandbox, or says that it is of no use.
func (p *Pool) adopt(ctx context.Context, sandbox driver.Sandbox) bool {
	adopter, ok := sandbox.(driver.Adopter)
	if !ok {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, adoptTimeout)
	defer cancel()
	id, endpoint, err := adopter.Adopt(ctx)
	if err != nil {
		p.config.Log.Info("a sandbox of an earlier run cannot be taken over", "sandbox", sandbox.ID(), "error", err)
		return false
	}
	r, err := p.revision(id)
	if err != nil {
		endpoint.Close()
		return false // its function was deleted or deployed over since
	}
	if r.rev.Spec.Contract == rouse.ContractLambda { // it may have been frozen
		if err := endpoint.Process.Thaw(ctx); err != nil {
			p.config.Log.Info("a sandbox of an earlier run cannot be continued", "sandbox", sandbox.ID(), "error", err)
			endpoint.Close()
			return false
		}
	}
	target, err := p.config.Attach(r.rev, sandbox.ID(), endpoint)
	if err != nil {
		return false
	}
	i := &instance{
		id: sandbox.ID(), state: rouse.Starting, adopted: true, created: time.Now(), place: -1,
		sandbox: sandbox, endpoint: endpoint, target: target,
	}
	p.ledger.occupy(r.rev.Spec.Memory)
	r.do(func(s *state, now time.Time) actions { return s.adopt(now, i) })
	p.spawn(func() { r.guard(i) })
	if again, ok := target.(restarter); ok && again.NeedsRestart() {
		p.spawn(func() { r.restart(i) })
		return true
	}
	p.spawn(func() { r.finish(i, "", nil, r.ready(i)) })
	return true
}
