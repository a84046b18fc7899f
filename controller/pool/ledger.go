package pool

import (
	"sync"

	"github.com/rousehq/rouse"
)

// limits are the host's: what all revisions share.
type limits struct {
	instances int // sandboxes that may exist
	starts    int // starts that may be under way
	memory    rouse.Bytes
}

// demand is what one revision asks of the ledger.
type demand struct {
	starts int         // asked for and not granted
	memory rouse.Bytes // of one instance
	grant  func()      // called once for each start, with no lock held
	next   *demand     // in the ring of unmet demands
	ringed bool
}

// ledger lends the tokens that a start needs: a sandbox, its memory and a place
// among the starts under way. Revisions with unmet demand are served in turn.
// The first one that memory is short for keeps what is freed until it fits, so
// that small ones cannot starve a big one.
type ledger struct {
	limits limits

	mu        sync.Mutex
	instances int
	starts    int
	memory    rouse.Bytes
	last      *demand // the ring's end; its next is served first
	asked     int     // over all demands
	short     *demand // waits for memory or for a sandbox's place
}

// ask adds n starts to d and returns the grants that can be made now. The
// caller runs them after dropping its own locks.
func (l *ledger) ask(d *demand, n int) []func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	d.starts += n
	l.asked += n
	if !d.ringed && d.starts > 0 {
		l.append(d)
	}
	return l.serve()
}

// withdraw takes back up to n starts of d that were not granted and returns how many.
func (l *ledger) withdraw(d *demand, n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(n, d.starts)
	d.starts -= n
	l.asked -= n
	if d.starts == 0 && l.short == d {
		l.short = nil
	}
	return n
}

// began says that a granted start is over, well or not: its place among the
// starts is free.
func (l *ledger) began() []func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.starts--
	return l.serve()
}

// gone gives an instance's tokens back.
func (l *ledger) gone(memory rouse.Bytes) []func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.instances--
	l.memory -= memory
	return l.serve()
}

// occupy counts an instance that exists already, whatever the limits.
func (l *ledger) occupy(memory rouse.Bytes) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.instances++
	l.memory += memory
}

// headroom is how many sandboxes may still be made.
func (l *ledger) headroom() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(l.limits.instances-l.instances, 0)
}

// shortage is how much has to be freed for the revision that waits for it:
// bytes, and whether a sandbox's place is what is missing.
func (l *ledger) shortage() (memory rouse.Bytes, place bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.short == nil {
		return 0, false
	}
	return max(l.memory+l.short.memory-l.limits.memory, 0), l.instances >= l.limits.instances
}

// serve grants in turn what fits. mu is held.
func (l *ledger) serve() []func() {
	var grants []func()
	for turns := l.ringed(); turns > 0 && l.starts < l.limits.starts; turns-- {
		d := l.first()
		if d.starts == 0 {
			continue
		}
		if !l.fits(d) {
			if l.short == nil {
				l.short = d
			}
			l.append(d)
			continue
		}
		if l.short == d {
			l.short = nil
		}
		d.starts--
		l.asked--
		l.starts++
		l.instances++
		l.memory += d.memory
		grants = append(grants, d.grant)
		if d.starts > 0 {
			l.append(d)
			turns = l.ringed() + 1
		}
	}
	return grants
}

func (l *ledger) fits(d *demand) bool {
	kept := rouse.Bytes(0)
	place := 0
	if l.short != nil && l.short != d {
		kept, place = l.short.memory, 1
	}
	return l.instances+place < l.limits.instances && l.memory+kept+d.memory <= l.limits.memory
}

func (l *ledger) append(d *demand) {
	d.ringed = true
	if l.last == nil {
		d.next = d
	} else {
		d.next = l.last.next
		l.last.next = d
	}
	l.last = d
}

// first takes the next demand out of the ring.
func (l *ledger) first() *demand {
	d := l.last.next
	if d == l.last {
		l.last = nil
	} else {
		l.last.next = d.next
	}
	d.next, d.ringed = nil, false
	return d
}

func (l *ledger) ringed() int {
	if l.last == nil {
		return 0
	}
	n := 1
	for d := l.last.next; d != l.last; d = d.next {
		n++
	}
	return n
}

// sandboxes is how many there are or are being made.
func (l *ledger) sandboxes() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.instances
}

// occupied is the memory that they may use together.
func (l *ledger) occupied() rouse.Bytes {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.memory
}
