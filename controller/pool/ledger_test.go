package pool

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rousehq/rouse"
)

// books is a ledger with revisions that ask it, and what it granted them.
type books struct {
	*ledger
	demands []*demand
	order   []*demand // of all grants so far
	running []running
	begun   int           // granted starts that are under way
	kept    []rouse.Bytes // by spare sandboxes
}

type running struct {
	of     *demand
	sliced bool
}

func newBooks(l limits, memory ...rouse.Bytes) *books {
	b := &books{ledger: &ledger{limits: l}}
	for _, m := range memory {
		d := &demand{memory: m}
		d.grant = func(sliced bool) {
			if sliced && (!d.nested || b.slice.used > b.slice.size) {
				panic("a start took more of the slice than there is, or was not nested")
			}
			b.order = append(b.order, d)
			b.running = append(b.running, running{d, sliced})
			b.begun++
		}
		b.demands = append(b.demands, d)
	}
	return b
}

func (b *books) run(grants []func()) {
	for _, grant := range grants {
		grant()
	}
}

func (b *books) finishStart() {
	if b.begun > 0 {
		b.begun--
		b.run(b.began())
	}
}

// end ends the n-th of what runs, after its start.
func (b *books) end(n int) {
	for b.begun > 0 {
		b.finishStart()
	}
	r := b.running[n]
	b.running = append(b.running[:n:n], b.running[n+1:]...)
	b.leave(r.of.memory)
	b.run(b.left(r.of.memory, r.sliced))
}

// got counts d's grants among the last n.
func (b *books) got(d *demand, n int) int {
	count := 0
	for _, g := range b.order[len(b.order)-n:] {
		if g == d {
			count++
		}
	}
	return count
}

func TestShortStartsAreSharedByNumber(t *testing.T) {
	b := newBooks(limits{instances: 1000, starts: 1, memory: 1000 * rouse.GB}, 128*rouse.MB, 2*rouse.GB)
	for _, d := range b.demands {
		b.run(b.ask(d, 100))
	}
	for range 50 {
		b.finishStart()
	}
	if small, big := b.got(b.demands[0], 50), b.got(b.demands[1], 50); small != 25 || big != 25 {
		t.Errorf("%d and %d starts of 50", small, big)
	}
}

func TestShortMemoryIsSharedByBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.Int64Range(1, 8), 2, 5).Draw(t, "sizes")
		memory := make([]rouse.Bytes, len(sizes))
		for i, s := range sizes {
			memory[i] = rouse.Bytes(s) * 64 * rouse.MB
		}
		b := newBooks(limits{instances: 10000, starts: rapid.IntRange(1, 100).Draw(t, "starts"), memory: 2 * rouse.GB}, memory...)
		for _, d := range b.demands {
			b.run(b.ask(d, 100000))
		}
		for range 200 { // whoever had all at first, had it once
			b.end(0)
		}
		before := len(b.order)
		for range 600 {
			b.end(0)
		}
		least, most := rouse.Bytes(1<<60), rouse.Bytes(0)
		for _, d := range b.demands {
			had := rouse.Bytes(b.got(d, len(b.order)-before)) * d.memory
			least, most = min(least, had), max(most, had)
		}
		if most-least > 4*quantum {
			t.Fatalf("somebody had %d MB, somebody %d MB", most/rouse.MB, least/rouse.MB)
		}
	})
}

func TestABigInstanceIsNotStarvedBySmallOnes(t *testing.T) {
	b := newBooks(limits{instances: 1000, starts: 1000, memory: rouse.GB}, 64*rouse.MB, rouse.GB)
	b.run(b.ask(b.demands[0], 10000))
	b.run(b.ask(b.demands[1], 1))
	for n := 0; len(b.running) > 0 && b.got(b.demands[1], len(b.order)) == 0; n++ {
		if n > 40 {
			t.Fatal("the small ones go on and on")
		}
		b.end(0)
	}
	if b.got(b.demands[1], 1) != 1 {
		t.Error("memory was freed, and nobody got it")
	}
}

func TestAWithdrawalLetsThoseBehindItPass(t *testing.T) {
	b := newBooks(limits{instances: 100, starts: 100, memory: rouse.GB}, 512*rouse.MB, rouse.GB, 512*rouse.MB)
	for _, d := range b.demands {
		b.run(b.ask(d, 1))
	}
	if len(b.order) != 1 {
		t.Fatalf("%d grants, want 1: the rest is kept for the big one", len(b.order))
	}
	taken, others := b.withdraw(b.demands[1], 1)
	b.run(others)
	if taken != 1 || len(b.order) != 2 || b.order[1] != b.demands[2] {
		t.Errorf("%d taken back, %d grants", taken, len(b.order))
	}
}

func TestSparesGetWhatIsLeftAndGiveItBack(t *testing.T) {
	b := newBooks(limits{instances: 100, starts: 100, memory: 100 * rouse.MB}, 60*rouse.MB)
	for range 2 {
		if !b.Take(8 * rouse.MB) {
			t.Fatal("an idle host has no room for spares")
		}
	}
	b.run(b.ask(b.demands[0], 1))
	if b.Take(30 * rouse.MB) {
		t.Error("spares got more than is left")
	}
	if len(b.order) != 1 || b.excess() != 0 {
		t.Errorf("%d grants, %s in excess", len(b.order), b.excess())
	}
	b.Give(8 * rouse.MB)
	b.occupy(40 * rouse.MB)
	if b.excess() != 8*rouse.MB {
		t.Errorf("%s in excess, want the other spare", b.excess())
	}
	b.run(b.ask(b.demands[0], 1))
	if b.Take(1) {
		t.Error("a spare was made while a start waits for memory")
	}
}

func TestANestedCallHasMemoryThatOthersDoNotTake(t *testing.T) {
	b := newBooks(limits{instances: 100, starts: 100, memory: 8 * rouse.GB}, 512*rouse.MB, rouse.GB)
	outer, inner := b.demands[0], b.demands[1]
	now := time.Now()
	b.run(b.mark(now, inner, true))
	b.run(b.ask(inner, 1))
	b.end(0)
	b.run(b.mark(now, inner, false))
	b.run(b.ask(outer, 100))
	if b.memory != 7*rouse.GB {
		t.Fatalf("callers took %s of %s", b.memory, b.limits.memory)
	}
	b.run(b.mark(now, inner, true))
	b.run(b.ask(inner, 2))
	if got := b.got(inner, len(b.order)); got != 2 { // one before, one now
		t.Errorf("%d nested starts, want 1 and no more than is kept", got-1)
	}
	if !b.hopeless(inner, inner.starts, 0) {
		t.Error("a second one could wait for ever")
	}
	if taken, others := b.withdraw(inner, 1); taken != 1 || len(others) != 0 {
		t.Errorf("%d taken back", taken)
	}
	b.run(b.mark(now.Add(time.Hour), inner, false))
	if b.memory != 8*rouse.GB-0 && b.slice.size != 0 {
		t.Errorf("after an hour without nested calls %s are kept", b.slice.size)
	}
}

func TestTheLedgerKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := limits{
			instances: rapid.IntRange(1, 8).Draw(t, "instances"), starts: rapid.IntRange(1, 4).Draw(t, "starts"),
			memory: rouse.Bytes(rapid.IntRange(8, 64).Draw(t, "memory")) * 64 * rouse.MB,
		}
		sizes := rapid.SliceOfN(rapid.Int64Range(1, 8), 1, 6).Draw(t, "sizes")
		memory := make([]rouse.Bytes, len(sizes))
		for i, s := range sizes {
			memory[i] = rouse.Bytes(s) * 64 * rouse.MB
		}
		b := newBooks(l, memory...)
		now := time.Unix(0, 0)
		asked := map[*demand]int{}
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			d := rapid.SampledFrom(b.demands).Draw(t, "demand")
			switch rapid.IntRange(0, 6).Draw(t, "step") {
			case 0, 1:
				n := rapid.IntRange(1, 5).Draw(t, "more")
				asked[d] += n
				b.run(b.ask(d, n))
			case 2:
				taken, others := b.withdraw(d, rapid.IntRange(1, 5).Draw(t, "less"))
				asked[d] -= taken
				b.run(others)
			case 3:
				b.finishStart()
			case 4:
				if len(b.running) > 0 {
					b.end(rapid.IntRange(0, len(b.running)-1).Draw(t, "end"))
				}
			case 5:
				now = now.Add(time.Minute)
				b.run(b.mark(now, d, rapid.Bool().Draw(t, "nested")))
			case 6:
				if n := rouse.Bytes(rapid.IntRange(1, 100).Draw(t, "spare")) * rouse.MB; b.Take(n) {
					b.kept = append(b.kept, n)
				}
			}
			b.check(t, asked)
		}
		b.drain(t, asked)
	})
}

// check holds the ledger to its limits, and its books to what was granted.
func (b *books) check(t *rapid.T, asked map[*demand]int) {
	for b.excess() > 0 { // as whoever keeps spares does
		b.Give(b.kept[0])
		b.kept = b.kept[1:]
	}
	var memory, sliced rouse.Bytes
	for _, r := range b.running {
		memory += r.of.memory
		if r.sliced {
			sliced += r.of.memory
		}
	}
	if memory != b.memory || sliced != b.slice.used || len(b.running) != b.instances || b.begun != b.starts {
		t.Fatalf("%s (%s of the slice) run in %d, %d starting; the books say %s (%s) in %d, %d",
			memory, sliced, len(b.running), b.begun, b.memory, b.slice.used, b.instances, b.starts)
	}
	if b.memory+b.spares > b.limits.memory || b.instances > b.limits.instances || b.starts > b.limits.starts {
		t.Fatalf("%s + %s, %d sandboxes, %d starts of %+v", b.memory, b.spares, b.instances, b.starts, b.limits)
	}
	sum := 0
	for _, d := range b.demands {
		if d.starts != asked[d]-b.got(d, len(b.order)) {
			t.Fatalf("%d starts are wanted, %d asked for and %d granted", d.starts, asked[d], b.got(d, len(b.order)))
		}
		if d.starts > 0 && !d.ringed {
			t.Fatal("a demand stands in no queue")
		}
		sum += d.starts
	}
	if sum != b.asked {
		t.Fatalf("%d asked for over all, the books say %d", sum, b.asked)
	}
	for _, d := range b.demands {
		if _, fits := b.fits(d); fits && d.starts > 0 && b.starts < b.limits.starts {
			t.Fatal("a start that fits was not granted")
		}
	}
}

// drain lets what runs end, the oldest first, and expects that everybody is
// served within as many turns as there are others.
func (b *books) drain(t *rapid.T, asked map[*demand]int) {
	waited := map[*demand]int{}
	for len(b.running) > 0 {
		before := len(b.order)
		b.end(0)
		for _, d := range b.demands {
			waited[d]++
			if d.starts == 0 || b.got(d, len(b.order)-before) > 0 {
				waited[d] = 0
			}
			// In each turn of another at most a quantum of small starts, of at least 64 MB, and
			// the ends that a big start waits for.
			if most := (len(b.demands) + 1) * int(quantum/(64*rouse.MB)+16); waited[d] > most {
				t.Fatalf("%d instances ended, and a demand for %s got nothing", waited[d], d.memory)
			}
		}
		b.check(t, asked)
	}
	if b.asked != 0 || b.memory != 0 || b.instances != 0 || b.starts != 0 {
		t.Fatalf("left: %d asked, %s, %d sandboxes, %d starts", b.asked, b.memory, b.instances, b.starts)
	}
}
