package pool

import (
	"sync"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// limits are the host's: what all revisions share.
type limits struct {
	instances int // sandboxes that may exist
	starts    int // starts that may be under way
	memory    rouse.Bytes
}

// quantum is what a turn is worth while memory is short: revisions with small
// instances start more of them in a turn, and all get the same memory.
const quantum = 512 * rouse.MB

// demand is what one revision asks of the ledger.
type demand struct {
	starts int         // asked for and not granted
	memory rouse.Bytes // of one instance
	nested bool        // somebody waits who holds memory meanwhile
	// grant is called once for each start, with no lock held. sliced is to be
	// given back with the rest.
	grant func(sliced bool)

	credit rouse.Bytes // what is left of its turns
	turn   bool        // its turn has begun
	next   *demand     // in the ring of unmet demands
	ringed bool
}

// ledger lends the tokens that a start needs: a sandbox, its memory and a place
// among the starts under way. Revisions with unmet demand are served in turn:
// one start each while starts are what is short, and the same memory each while
// memory is (deficit round robin, Shreedhar and Varghese 1995). The first one
// that memory is short for keeps what is freed until it fits, so that small ones
// cannot starve a big one.
//
// Spare sandboxes are on the ledger too. They get what is left, and no start
// ever waits for theirs: what they then have too much is in excess, and goes.
type ledger struct {
	limits limits

	mu        sync.Mutex
	instances int
	starts    int
	memory    rouse.Bytes // of all instances
	leaving   rouse.Bytes // of those that are in no revision any more
	spares    rouse.Bytes // of the spare sandboxes, measured
	last      *demand     // the ring's end; its next is served first
	ring      int         // demands in the ring
	asked     int         // over all demands
	short     *demand     // waits for memory or for a sandbox's place
	slice     slice       // for nested calls
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

// withdraw takes back up to n starts of d that were not granted. It returns
// how many, and the grants to others that waited behind them.
func (l *ledger) withdraw(d *demand, n int) (int, []func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(n, d.starts)
	d.starts -= n
	l.asked -= n
	if d.starts == 0 && l.short == d {
		l.short = nil
	}
	return n, l.serve()
}

// began says that a granted start is over, well or not: its place among the
// starts is free.
func (l *ledger) began() []func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.starts--
	return l.serve()
}

// leave says that an instance is in no revision any more, and that left follows:
// in between nobody may think that its memory is not about to be free.
func (l *ledger) leave(memory rouse.Bytes) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leaving += memory
}

// left gives the tokens of an instance back for which leave was called.
func (l *ledger) left(memory rouse.Bytes, sliced bool) []func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leaving -= memory
	return l.gone(memory, sliced)
}

// unused gives the tokens of a granted start back that nobody needs any more.
func (l *ledger) unused(memory rouse.Bytes, sliced bool) []func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.starts--
	return l.gone(memory, sliced)
}

// gone gives an instance's tokens back. mu is held.
func (l *ledger) gone(memory rouse.Bytes, sliced bool) []func() {
	l.instances--
	l.memory -= memory
	if sliced {
		l.slice.used -= memory
	}
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
	return max(l.memory-l.reach(l.short)+l.short.memory, 0), l.instances >= l.limits.instances
}

// serve grants in turn what fits. mu is held.
func (l *ledger) serve() []func() {
	var grants []func()
	for passed := 0; passed < l.ring && l.starts < l.limits.starts; {
		d := l.last.next
		if d.starts == 0 {
			l.drop(d)
			continue
		}
		cost := l.cost(d)
		if !d.turn {
			d.turn, d.credit = true, d.credit+quantum
		}
		sliced, fits := l.fits(d)
		switch {
		case d.credit < cost:
			d.turn = false
			passed = 0 // it may have enough next time
		case fits:
			d.credit -= cost
			grants = append(grants, l.grant(d, sliced))
			passed = 0
			continue // it has the turn until its credit is used up
		default:
			if l.short == nil {
				l.short = d
			}
			passed++ // and its turn goes on
		}
		l.last = d
	}
	return grants
}

// cost is what a start takes of its revision's turn: all of it, unless memory
// is what is short.
func (l *ledger) cost(d *demand) rouse.Bytes {
	if l.short != nil || l.limits.memory-l.memory < quantum {
		return d.memory
	}
	return quantum
}

// fits says whether a start of d has what it needs, and whether it takes its
// memory from the slice.
func (l *ledger) fits(d *demand) (sliced, ok bool) {
	kept, place := rouse.Bytes(0), 0
	if l.short != nil && l.short != d {
		kept, place = l.short.memory, 1
	}
	if l.instances+place < l.limits.instances && l.memory+kept+d.memory <= l.room(d) {
		return false, true
	}
	return true, d.nested && l.instances < l.limits.instances && l.slice.fits(d.memory) && l.memory+d.memory <= l.limits.memory
}

// room is the memory that instances may have together for d to be started
// among them: what nested calls may need is out of its reach, unless it needs
// more than there would ever be.
func (l *ledger) room(d *demand) rouse.Bytes {
	if kept := l.limits.memory - l.slice.free(); d.memory <= kept {
		return kept
	}
	return l.limits.memory
}

// reach is room, with the slice where d may have its memory from there.
func (l *ledger) reach(d *demand) rouse.Bytes {
	if d.nested && l.slice.fits(d.memory) {
		return l.limits.memory
	}
	return l.room(d)
}

// grant books a start of d.
func (l *ledger) grant(d *demand, sliced bool) func() {
	if l.short == d {
		l.short = nil
	}
	d.starts--
	l.asked--
	l.starts++
	l.instances++
	l.memory += d.memory
	if sliced {
		l.slice.used += d.memory
	}
	return func() { d.grant(sliced) }
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
	l.ring++
}

// drop takes d, whose turn it is, out of the ring.
func (l *ledger) drop(d *demand) {
	if d == l.last {
		l.last = nil
	} else {
		l.last.next = d.next
	}
	d.next, d.ringed, d.turn, d.credit = nil, false, false, 0
	l.ring--
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

// slice is memory that is kept for nested calls: those that an instance makes
// and waits for, which holds its own memory meanwhile. Without it, callers that
// fill the memory would wait for one another. There is none until such a call is seen.
type slice struct {
	size rouse.Bytes // of the largest instance that was asked for so
	used rouse.Bytes
	seen time.Time // when one was last asked for
}

const (
	// nestedFor is how long memory is kept after the last nested call.
	nestedFor = 10 * time.Minute
	// largestSlice is the part of all memory that is kept at most.
	largestSlice = 4
)

func (s *slice) fits(memory rouse.Bytes) bool { return s.used+memory <= s.size }

func (s *slice) free() rouse.Bytes { return max(s.size-s.used, 0) }

// mark says whether somebody waits for d who holds memory meanwhile.
func (l *ledger) mark(now time.Time, d *demand, nested bool) []func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	d.nested = nested
	switch {
	case nested:
		l.slice.seen = now
		if d.memory <= l.limits.memory/largestSlice {
			l.slice.size = max(l.slice.size, d.memory)
		}
	case now.Sub(l.slice.seen) > nestedFor:
		l.slice.size = 0
	}
	return l.serve()
}

// hopeless says that d, which has not got asked starts yet, cannot be served although
// leaving is about to be freed. The caller has found out about leaving before.
func (l *ledger) hopeless(d *demand, asked int, leaving rouse.Bytes) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.starts < asked || asked == 0 { // one is granted and on its way
		return false
	}
	if _, fits := l.fits(d); fits {
		return false
	}
	leaving += l.leaving
	return l.short != d || leaving == 0 || l.memory-leaving+d.memory > l.reach(d)
}

var _ driver.Budget = (*ledger)(nil)

// Take lets a spare sandbox have n bytes that no start needs now.
func (l *ledger) Take(n rouse.Bytes) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.short != nil || l.memory+l.spares+n > l.limits.memory-l.slice.free() {
		return false
	}
	l.spares += n
	return true
}

// Give returns what a spare sandbox had.
func (l *ledger) Give(n rouse.Bytes) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spares -= n
}

// excess is what the spare sandboxes have to give up.
func (l *ledger) excess() rouse.Bytes {
	l.mu.Lock()
	defer l.mu.Unlock()
	return min(max(l.memory+l.spares-l.limits.memory, 0), l.spares)
}
