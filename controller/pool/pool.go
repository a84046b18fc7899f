package pool

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// Config is what a Pool needs. Driver, Attach, Lookup and Log must be set.
type Config struct {
	Driver driver.Driver
	// Attach opens the host's side of an instance's contract on its endpoint and
	// takes care of its output. The pool closes the target.
	Attach func(rouse.Revision, rouse.InstanceID, rouse.Endpoint) (rouse.Target, error)
	// Lookup finds a revision with its function.
	Lookup func(rouse.RevisionID) (rouse.Revision, rouse.Function, error)
	// Account is the most events in flight over all functions; 0 is no limit.
	Account int
	// MaxInstances, MaxStarts and Memory are the host's limits over all revisions.
	MaxInstances int
	MaxStarts    int
	Memory       rouse.Bytes
	// Grace is what a process gets between SIGTERM and SIGKILL.
	Grace    time.Duration
	Observer Observer
	Log      *slog.Logger
}

// Observer is told of what the pool does. Its methods must not block.
type Observer interface {
	// InstanceStarted reports a start or a restart with its phases, or its
	// failure. tier is what it began with; empty for a restart.
	InstanceStarted(fn rouse.FunctionName, tier rouse.Tier, timings []rouse.Timing, err error)
	// InstanceThawed reports how long it took to continue a frozen instance.
	InstanceThawed(fn rouse.FunctionName, took time.Duration)
	// Evicted reports an idle instance that made room.
	Evicted(fn rouse.FunctionName)
}

// Pool owns every instance and lends its capacity.
type Pool struct {
	config Config
	ledger *ledger
	stock  driver.Stock    // nil where the driver keeps no spares
	life   context.Context // of everything that outlives a request; ends in Close
	end    context.CancelFunc

	revisions sync.Map   // rouse.RevisionID → *revision
	evicting  sync.Mutex // one search for room at a time; taken before a revision's

	mu        sync.Mutex
	functions map[rouse.FunctionName]*tokens
	changes   uint64 // counts what was told of functions and revisions
	account   *account
	ended     bool           // nothing is spawned any more
	work      sync.WaitGroup // starts, stops and watches

	arranged arranged // starts

	closing atomic.Bool
	left    chan struct{} // has a token after an instance has gone
}

var (
	_ rouse.Leaser    = (*Pool)(nil)
	_ driver.Workload = (*Pool)(nil)
)

// New makes an empty pool. Close ends it.
func New(c Config) *Pool {
	if c.Grace == 0 {
		c.Grace = 2 * time.Second
	}
	life, end := context.WithCancel(context.Background())
	p := &Pool{
		config:    c,
		ledger:    &ledger{limits: limits{instances: c.MaxInstances, starts: c.MaxStarts, memory: c.Memory}},
		life:      life,
		end:       end,
		functions: map[rouse.FunctionName]*tokens{},
		account:   newAccount(c.Account),
		left:      make(chan struct{}, 1),
	}
	if p.stock, _ = c.Driver.(driver.Stock); p.stock != nil {
		p.stock.Fund(p.ledger)
		p.stock.Heed(p)
	}
	return p
}

// Acquire lends capacity of rev; see rouse.Leaser. Errors are Throttled when
// the queue refuses, the failed start's own, Unavailable when the host is out of
// memory or shutting down, and ctx's when it ends first.
func (p *Pool) Acquire(ctx context.Context, id rouse.RevisionID, size rouse.Bytes) (*rouse.Lease, error) {
	return p.lend(ctx, id, &waiter{size: size})
}

func (p *Pool) lend(ctx context.Context, id rouse.RevisionID, w *waiter) (*rouse.Lease, error) {
	if p.closing.Load() {
		return nil, errClosing
	}
	r, err := p.revision(id)
	if err != nil {
		return nil, err
	}
	return r.acquire(ctx, w)
}

// Warm blocks until an instance of rev is ready, starting one if need be, and
// at most as long as a request would be held and a start may take. It makes rev
// known with settings, whether or not a function points at it yet; starts that
// failed before count for nothing.
func (p *Pool) Warm(ctx context.Context, rev rouse.Revision, settings rouse.Settings) error {
	if p.closing.Load() {
		return errClosing
	}
	if err := p.Fits(rev.Spec); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, settings.Hold.D()+makeTimeout+initTimeout(rev))
	defer cancel()
	p.mu.Lock()
	r := p.add(rev, settings, settings.Provisioned)
	p.mu.Unlock()
	r.do(func(s *state, now time.Time) actions { return s.renew(now, settings) })
	lease, err := r.acquire(ctx, &waiter{warm: true})
	if err != nil {
		return err
	}
	lease.Release(nil)
	return nil
}

// Changed takes fn's new settings. Revisions that fn no longer points at drain,
// and others get the instances that are provisioned for them.
func (p *Pool) Changed(fn rouse.Function) {
	p.reserve(fn)
	current := fn.Revisions()
	for _, id := range current {
		if fn.ProvisionedFor(id) == 0 {
			continue
		}
		if _, err := p.revision(id); err != nil {
			p.config.Log.Error("provisioned instances cannot start", "function", fn.Name, "error", err)
		}
	}
	for _, r := range p.of(fn.Name) {
		r.configure(fn.SettingsFor(&r.rev), !slices.Contains(current, r.rev.ID))
	}
}

// Provisioned is how far the provisioned instances of a revision are. It does not block.
func (p *Pool) Provisioned(id rouse.RevisionID) rouse.Provisioned {
	known, ok := p.revisions.Load(id)
	if !ok {
		return rouse.Provisioned{}
	}
	r := known.(*revision)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.provision()
}

// Forget gives what a deleted function had reserved back to the others.
func (p *Pool) Forget(name rouse.FunctionName) {
	p.account.share(name, 0)
	p.freed(freedAll, nil)
}

// Retire drains a revision: what runs is finished, what is idle goes at once,
// and late arrivals are still served. It does not block.
func (p *Pool) Retire(id rouse.RevisionID) {
	p.mu.Lock()
	p.changes++
	p.mu.Unlock()
	if r, ok := p.revisions.Load(id); ok {
		r := r.(*revision)
		r.do(func(s *state, now time.Time) actions { return s.configure(now, s.settings, true) })
		r.forget()
	}
}

// StopInstance drains one instance. It does not block.
func (p *Pool) StopInstance(id rouse.InstanceID) error {
	for r := range p.all() {
		found := false
		r.do(func(s *state, now time.Time) actions {
			for i := range s.instances {
				if found = i.id == id; found {
					return s.end(now, i, false)
				}
			}
			return actions{}
		})
		if found {
			return nil
		}
	}
	return rouse.Errorf(rouse.NotFound, "no instance %q", id)
}

// revision finds or makes the keeper of a revision's instances.
func (p *Pool) revision(id rouse.RevisionID) (*revision, error) {
	if r, ok := p.revisions.Load(id); ok {
		return r.(*revision), nil
	}
	for {
		p.mu.Lock()
		before := p.changes
		p.mu.Unlock()
		rev, fn, err := p.config.Lookup(id)
		if err != nil {
			return nil, err
		}
		if err := p.Fits(rev.Spec); err != nil {
			return nil, err
		}
		p.mu.Lock()
		if p.changes == before {
			defer p.mu.Unlock()
			return p.add(rev, fn.SettingsFor(&rev), fn.TotalProvisioned()), nil
		}
		p.mu.Unlock() // whoever told of the change found no revision that it could concern
	}
}

// Fits is an Unavailable error when no instance of spec could ever start here.
func (p *Pool) Fits(spec rouse.Spec) error {
	if spec.Memory > p.config.Memory {
		return rouse.Errorf(rouse.Unavailable, "memory %s: the host's budget for functions is %s", spec.Memory, p.config.Memory)
	}
	return nil
}

// add makes a revision known. provisioned is what its function has in all. mu is held.
func (p *Pool) add(rev rouse.Revision, settings rouse.Settings, provisioned int) *revision {
	if known, ok := p.revisions.Load(rev.ID); ok {
		return known.(*revision)
	}
	t := p.functions[rev.Function]
	if t == nil {
		t = newTokens(p.account, rev.Spec.Contract)
		t.set(settings, provisioned)
		p.functions[rev.Function] = t
	}
	r := newRevision(p, rev, settings, t)
	r.state.closed = p.closing.Load()
	t.revisions = append(t.revisions, r)
	p.revisions.Store(rev.ID, r)
	return r
}

// drop forgets a revision, and its function's tokens with the last of them.
func (p *Pool) drop(r *revision) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revisions.Delete(r.rev.ID)
	t := r.state.tokens
	t.revisions = slices.DeleteFunc(slices.Clone(t.revisions), func(other *revision) bool { return other == r })
	if len(t.revisions) == 0 {
		delete(p.functions, r.rev.Function)
	}
}

// of lists a function's revisions.
func (p *Pool) of(name rouse.FunctionName) []*revision {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.functions[name]; t != nil {
		return t.revisions
	}
	return nil
}

func (p *Pool) reserve(fn rouse.Function) {
	p.account.share(fn.Name, fn.AccountShare())
	p.mu.Lock()
	p.changes++
	if t := p.functions[fn.Name]; t != nil {
		t.set(fn.Settings, fn.TotalProvisioned())
	}
	p.mu.Unlock()
	p.freed(freedAll, nil)
}

func (p *Pool) all() func(yield func(*revision) bool) {
	return func(yield func(*revision) bool) {
		p.revisions.Range(func(_, r any) bool { return yield(r.(*revision)) })
	}
}

// spawn runs f and has Close wait for it. Once Close has seen the last
// instance go, it does nothing.
func (p *Pool) spawn(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.work.Go(f)
	}
}

func (p *Pool) runGrants(grants []func()) {
	for _, grant := range grants {
		grant()
	}
}

// startError gives an error of a driver or target the words for callers. What
// has none tells of the host, and stays in the log.
func startError(err error) error {
	var e *rouse.Error
	if errors.As(err, &e) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &rouse.Error{Code: rouse.StartFailed, Message: "the start took too long", Cause: err}
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &rouse.Error{Code: rouse.Unavailable, Message: "the host's disk is full: no sandbox can be made", Cause: err}
	}
	return &rouse.Error{Code: rouse.StartFailed, Message: "the sandbox could not be started; the server's log says why", Cause: err}
}
