package cells

import (
	"cmp"
	"context"
	"maps"
	"runtime"
	"slices"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/scale"
)

const (
	// settle is how long whoever has taken a spare is left alone with the CPU, at
	// the most: some take minutes to start.
	settle = 250 * time.Millisecond
	// breath is for the first answer, once it has started.
	breath = 5 * time.Millisecond
	// cleanup is how long a cell is put off at the most because used sandboxes
	// end: an engine that does both at once leaves no CPU to those that run.
	cleanup = time.Second
	// leave is what refilling leaves to functions at work: after each cell so many
	// times as long as it took, divided by the machine's cores, up to a bound. The
	// engine keeps about one core busy, and a request that finds it at work takes
	// three times as long: so that may be one in a hundred.
	leave     = 24
	mostLeave = 5 * time.Second
	// credit is how much of that may be owed for a while: several functions that
	// are called for the first time in a row find cells, of which making one costs no
	// more ahead of need than in it. leastLeave times as long as a cell took is not owed.
	credit     = 10 * time.Second
	leastLeave = 2
)

// look is how often a stock that has all it wants is looked at again, since
// demand fades.
const look = time.Minute

// standing is the demand that sandboxes without network always have, so that
// the first function finds one.
const standing = 1

// stock is the spares and what is known of the demand for them. Its methods
// decide and do nothing; the driver's mutex guards it.
type stock struct {
	most     int
	kinds    map[driver.Class]*kind
	busy     int       // sandboxes that are being made while requests wait
	starts   int       // under way, from spares
	ending   int       // sandboxes that somebody had
	awaited  int       // those who wait for spares
	refillAt time.Time // for the sake of starts
	restTill time.Time // for the sake of functions at work
	owedTill time.Time // when they have had all that was left to them
	putOff   time.Time // when the next cell is made although some are ending; zero while none is put off
	failures int       // in a row
	// reclaiming counts the spares of an earlier process that may come back.
	reclaiming int
	shed       rouse.Bytes // that spares have to give up
	sated      bool        // nothing was missing when it was last looked at, and nothing has changed since
}

// kind is the spares of one class.
type kind struct {
	spares []*spare // the newest last
	making int
	demand float64 // at asked
	asked  time.Time
	weight rouse.Bytes // of one, as last measured; 0 before
	share
}

// spare is a cell that belongs to nobody yet.
type spare struct {
	sandbox driver.Sandbox
	unwatch context.CancelFunc
	paid    rouse.Bytes // to the budget
}

func newStock(most int) stock {
	return stock{most: most, kinds: map[driver.Class]*kind{driver.Cell(rouse.NetworkNone): {}}}
}

// add puts a new spare into the stock.
func (k *kind) add(one *spare) {
	k.spares = append(k.spares, one)
	k.share.replaced()
}

// What a spare weighs before one of its kind has been measured.
const (
	likely       = 8 * rouse.MB
	likelyZygote = 32 * rouse.MB
)

// weight is what the next spare of a class is going to weigh.
func (s *stock) weight(c driver.Class) rouse.Bytes {
	if k := s.kinds[c]; k != nil && k.weight > 0 {
		return k.weight
	}
	if c.IsZygote() {
		return likelyZygote
	}
	return likely
}

// take notes the demand and returns the newest spare, whose memory is still at
// hand, or nil when there is none for holder.
func (s *stock) take(c driver.Class, holder rouse.RevisionID, now time.Time) *spare {
	k := s.kind(c, now)
	k.demand, k.asked = scale.Faded(k.demand, now.Sub(k.asked))+1, now
	if s.refillAt.Before(now) {
		s.refillAt = now.Add(settle)
	}
	n := len(k.spares)
	if !k.share.take(holder, n, now) {
		return nil
	}
	one := k.spares[n-1]
	k.spares[n-1] = nil
	k.spares = k.spares[:n-1]
	s.starts++
	return one
}

// started notes the end of a start that take began. With the last of them
// refilling may go on.
func (s *stock) started(now time.Time) {
	s.starts--
	if s.starts == 0 && s.refillAt.After(now.Add(breath)) {
		s.refillAt = now.Add(breath)
	}
}

// rest puts the next cell off, since functions are at work and the last one took so long.
func (s *stock) rest(now time.Time, took time.Duration) {
	if s.owedTill.Before(now) {
		s.owedTill = now
	}
	s.owedTill = s.owedTill.Add(left(took))
	s.restTill = now.Add(brief(took))
	if at := s.owedTill.Add(-credit); s.restTill.Before(at) {
		s.restTill = at
	}
}

// left is for how long functions at work are left alone after a cell that took so long.
func left(took time.Duration) time.Duration {
	return min(leave*took/time.Duration(runtime.NumCPU()), mostLeave)
}

// brief is for how long they are in any case.
func brief(took time.Duration) time.Duration { return min(leastLeave*took, left(took)) }

// kind finds the spares of a class. Zygotes that nobody asks for any more are
// forgotten when another kind comes up: there are as many as module sets.
func (s *stock) kind(c driver.Class, now time.Time) *kind {
	if k := s.kinds[c]; k != nil {
		return k
	}
	maps.DeleteFunc(s.kinds, func(c driver.Class, k *kind) bool {
		return c.IsZygote() && len(k.spares)+k.making == 0 && !scale.Asked(scale.Faded(k.demand, now.Sub(k.asked)))
	})
	s.kinds[c] = &kind{}
	return s.kinds[c]
}

// has says whether a spare is there.
func (s *stock) has(one *spare) bool {
	for _, k := range s.kinds {
		if slices.Contains(k.spares, one) {
			return true
		}
	}
	return false
}

// drop forgets a spare and says whether it was there: who takes it is faster
// than who finds it dead, or the other way round.
func (s *stock) drop(one *spare) bool {
	for _, k := range s.kinds {
		if i := slices.Index(k.spares, one); i >= 0 {
			k.spares = slices.Delete(k.spares, i, i+1)
			return true
		}
	}
	return false
}

func (s *stock) clear() (all []*spare) {
	for _, k := range s.kinds {
		all = append(all, k.spares...)
		k.spares = nil
	}
	return all
}

// step is what to do next: wait, remove a spare, or else make a cell.
type step struct {
	wait   time.Duration
	remove *spare
	make   driver.Class
}

// next decides on the next step and books it. Without cells, whatever there is goes.
func (s *stock) next(now time.Time, cells bool) step {
	most := s.most
	if !cells {
		most = 0
	}
	if one := s.shedding(); one != nil {
		return step{remove: one}
	}
	classes, demand := s.demand(now)
	loaded := s.zygotes(most, now)
	for i, c := range classes {
		most -= loaded[c]
		if c.IsZygote() {
			demand[i] = 0 // it has its place
		}
	}
	var missing *kind
	var class driver.Class
	for i, want := range scale.Spread(most, demand) {
		k := s.kinds[classes[i]]
		want += loaded[classes[i]]
		switch {
		case len(k.spares) > want:
			one := k.spares[0]
			s.drop(one)
			return step{remove: one}
		case len(k.spares)+k.making < want && missing == nil:
			missing, class = k, classes[i]
		}
	}
	s.sated = missing == nil && s.busy+s.reclaiming == 0 && !s.making()
	switch {
	case missing == nil || s.busy > 0 || s.reclaiming > 0 || s.shed > 0: // whoever changes that wakes us
		return step{wait: look}
	case s.refillAt.After(now):
		return step{wait: s.refillAt.Sub(now)}
	case s.awaited == 0 && s.restTill.After(now):
		return step{wait: s.restTill.Sub(now)}
	}
	if wait := s.postpone(now); wait > 0 {
		return step{wait: wait}
	}
	missing.making++
	return step{make: class}
}

// postpone is how long the next cell is put off since sandboxes end.
func (s *stock) postpone(now time.Time) time.Duration {
	switch {
	case s.ending == 0:
		s.putOff = time.Time{}
		return 0
	case s.putOff.IsZero():
		s.putOff = now.Add(cleanup)
	}
	wait := s.putOff.Sub(now)
	if wait <= 0 {
		s.putOff = time.Time{} // for the next one to begin anew
	}
	return wait
}

// making says whether a spare is being made.
func (s *stock) making() bool {
	for _, k := range s.kinds {
		if k.making > 0 {
			return true
		}
	}
	return false
}

// shedding is the next spare that has to give up its memory, the one of the
// kind that has the most; nil when nothing has to go or nothing is there.
func (s *stock) shedding() *spare {
	var most *kind
	for _, k := range s.kinds {
		if len(k.spares) > 0 && (most == nil || len(k.spares) > len(most.spares)) {
			most = k
		}
	}
	if s.shed <= 0 || most == nil {
		return nil
	}
	one := most.spares[0]
	most.spares = slices.Delete(most.spares, 0, 1)
	s.shed -= max(one.paid, 1)
	return one
}

// demand is what is asked of each class now.
func (s *stock) demand(now time.Time) ([]driver.Class, []float64) {
	classes := make([]driver.Class, 0, len(s.kinds))
	for c := range s.kinds {
		classes = append(classes, c)
	}
	slices.SortFunc(classes, func(a, b driver.Class) int {
		return cmp.Or(cmp.Compare(a.Network, b.Network), cmp.Compare(a.Caps, b.Caps))
	})
	demand := make([]float64, len(classes))
	for i, c := range classes {
		demand[i] = scale.Faded(s.kinds[c].demand, now.Sub(s.kinds[c].asked))
		if c == driver.Cell(rouse.NetworkNone) {
			demand[i] += standing
		}
	}
	return classes, demand
}
