package pool

import (
	"context"
	"sync"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

const (
	// arrangedFor is how long a start that was arranged is waited for.
	arrangedFor = 30 * time.Second
	// ending is how long a request may still take before a revision counts as busy:
	// an answer is out a moment before its slot is back.
	ending = time.Second
)

// arranged is what the next start of some revisions begins with at best.
type arranged struct {
	mu   sync.Mutex
	next map[rouse.RevisionID]arrangement
}

type arrangement struct {
	from  rouse.Tier
	until time.Time
}

func (a *arranged) put(id rouse.RevisionID, from rouse.Tier, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next == nil {
		a.next = make(map[rouse.RevisionID]arrangement)
	}
	a.next[id] = arrangement{from, now.Add(arrangedFor)}
}

// take is what was arranged for the start that begins now, or "".
func (a *arranged) take(id rouse.RevisionID, now time.Time) rouse.Tier {
	a.mu.Lock()
	defer a.mu.Unlock()
	one, ok := a.next[id]
	delete(a.next, id)
	if !ok || now.After(one.until) {
		return ""
	}
	return one.from
}

// Arrange brings about that the next request of a revision begins with from, and
// blocks until it would. For TierWarm and TierFrozen there is then an idle
// instance; for the others there is none, its idle ones having been let go, and
// the next start within half a minute uses nothing better than from. What is in
// use is a Conflict, or, with force, waited for. Errors are Invalid when there
// can be no such start, and ctx's.
func (p *Pool) Arrange(ctx context.Context, id rouse.RevisionID, from rouse.Tier, force bool) error {
	rev, fn, err := p.config.Lookup(id)
	if err != nil {
		return err
	}
	settings := fn.SettingsFor(&rev)
	switch from {
	case rouse.TierWarm, rouse.TierFrozen:
		return p.arrangeIdle(ctx, rev, settings, from == rouse.TierFrozen)
	case rouse.TierZygote, rouse.TierCell, rouse.TierCold:
	default:
		return rouse.Errorf(rouse.Invalid, "from %q: must be warm, frozen, zygote, cell or cold", from)
	}
	if settings.Provisioned > 0 {
		return rouse.Errorf(rouse.Invalid, "from %s: the function has %d provisioned instances, which are always ready", from, settings.Provisioned)
	}
	if p.stock == nil && from != rouse.TierCold {
		return rouse.Errorf(rouse.Invalid, "from %s: no spare sandboxes are kept here; every start is cold", from)
	}
	if err := p.letGo(ctx, id, force); err != nil {
		return err
	}
	if p.stock != nil {
		if err := p.stock.Await(ctx, driver.Plain(rev), from); err != nil {
			return err
		}
	}
	p.arranged.put(id, from, time.Now())
	return nil
}

// letGo stops a revision's instances and blocks until there are none.
func (p *Pool) letGo(ctx context.Context, id rouse.RevisionID, force bool) error {
	patience := time.NewTimer(ending)
	defer patience.Stop()
	impatient := false
	for {
		r, ok := p.revisions.Load(id)
		if !ok {
			return nil
		}
		left, busy, moved := r.(*revision).letGo(force)
		switch {
		case left == 0:
			return nil
		case busy && impatient && !force:
			return rouse.Errorf(rouse.Conflict, "the function is busy: its instances cannot be let go")
		}
		select {
		case <-moved:
		case <-patience.C:
			impatient = true
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// letGo drains what may go. moved is closed at the next change.
func (r *revision) letGo(force bool) (left int, busy bool, moved <-chan struct{}) {
	r.do(func(s *state, now time.Time) (a actions) {
		busy, a = s.letGo(now, force)
		return a
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.state.instances) + r.state.waiters.len, busy, r.change()
}

// arrangeIdle blocks until rev has an instance that nobody uses, or one whose
// processes are stopped.
func (p *Pool) arrangeIdle(ctx context.Context, rev rouse.Revision, settings rouse.Settings, frozen bool) error {
	switch {
	case settings.Idle == 0 && settings.Provisioned == 0:
		return rouse.Errorf(rouse.Invalid, "from warm: the function's idle is 0, so that no instance stays")
	case frozen && !settings.Freeze:
		return rouse.Errorf(rouse.Invalid, "from frozen: the function is not frozen between requests; its setting freeze does that")
	}
	if err := p.Warm(ctx, rev, settings); err != nil {
		return err
	}
	for {
		r, err := p.revision(rev.ID)
		if err != nil {
			return err
		}
		idle, frost, moved := r.resting()
		if idle && (!frozen || frost.holds()) {
			return nil
		}
		var over <-chan struct{}
		if frost != nil && !frost.ended() {
			over = frost.over
		}
		select {
		case <-over:
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// resting says whether a request would be lent an instance now, and whether its
// processes are stopped or about to be. moved is closed at the next change.
func (r *revision) resting() (idle bool, f *frost, moved <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := r.state.pick(); i != nil {
		idle, f = i.idle(), i.frost
	}
	return idle, f, r.change()
}

// change is closed at the next decision. The lock is held.
func (r *revision) change() <-chan struct{} {
	if r.moved == nil {
		r.moved = make(chan struct{})
	}
	return r.moved
}

func (f *frost) ended() bool {
	select {
	case <-f.over:
		return true
	default:
		return false
	}
}

// holds says that the processes are stopped.
func (f *frost) holds() bool { return f != nil && f.ended() && f.stopped }
