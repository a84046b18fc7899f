package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver/drivertest"
)

// world drives a pool through random arrivals, departures, failures, crashes
// and clock steps, and checks after each that it kept its promises.
type world struct {
	*bench
	t       *rapid.T
	results chan result
	leases  []*rouse.Lease
	pending map[int]context.CancelFunc
	next    int
	per     map[rouse.InstanceID]int // leases out
	ids     []rouse.RevisionID
	failing bool
}

type result struct {
	n     int
	lease *rouse.Lease
	err   error
}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, results: make(chan result, 1000), pending: map[int]context.CancelFunc{}, per: map[rouse.InstanceID]int{}}
	w.bench = &bench{fake: &drivertest.Fake{}, byRev: map[rouse.RevisionID]rouse.Settings{}, revs: map[rouse.RevisionID]rouse.Revision{}}
	provisioned := 0 // which the others are left room beside
	for n := range 3 {
		s := rouse.DefaultSettings()
		s.Concurrency = rapid.IntRange(1, 3).Draw(t, "concurrency")
		s.MaxInstances = rapid.IntRange(0, 3).Draw(t, "max instances")
		s.Queue = rapid.SampledFrom([]int{0, 2, 100}).Draw(t, "queue")
		s.Idle = rouse.Duration(rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute}).Draw(t, "idle"))
		s.Freeze = s.Concurrency == 1 && rapid.Bool().Draw(t, "freezes")
		if rapid.Bool().Draw(t, "reserves") {
			s.Reserved = new(rapid.IntRange(0, 4).Draw(t, "reserved"))
		}
		if n == 0 && (s.Reserved == nil || *s.Reserved > 0) {
			s.Provisioned = rapid.IntRange(0, 1).Draw(t, "provisioned")
			provisioned = s.Provisioned
		}
		rev := w.function(rouse.FunctionName(fmt.Sprint("f", n)), rouse.Bytes(n+1)*256*rouse.MB, s)
		w.ids = append(w.ids, rev.ID)
	}
	took := rapid.SampledFrom([]time.Duration{0, 50 * time.Millisecond, time.Second}).Draw(t, "start takes")
	w.fake.OnMake = delay[class](took)
	chill := rapid.SampledFrom([]time.Duration{0, time.Millisecond, 10 * time.Second}).Draw(t, "freezing takes")
	w.fake.OnFreeze, w.fake.OnThaw = delay[rouse.SandboxID](chill), delay[rouse.SandboxID](chill)
	w.ready = func(rouse.InstanceID) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.failing {
			return rouse.Errorf(rouse.StartFailed, "init crashed")
		}
		return nil
	}
	w.Pool = New(Config{
		Driver: w.fake,
		Attach: func(_ rouse.Revision, id rouse.InstanceID, _ rouse.Endpoint) (rouse.Target, error) {
			return &target{w.bench, id}, nil
		},
		Lookup: func(id rouse.RevisionID) (rouse.Revision, rouse.Function, error) {
			return w.revs[id], rouse.Function{Name: w.revs[id].Function, Latest: id, Settings: w.byRev[id]}, nil
		},
		Account:      rapid.SampledFrom([]int{0, 1, 3}).Draw(t, "account"),
		MaxInstances: rapid.IntRange(1, 6).Draw(t, "host's instances") + provisioned,
		MaxStarts:    rapid.IntRange(1, 4).Draw(t, "host's starts"),
		Memory:       rouse.Bytes(rapid.IntRange(3, 8).Draw(t, "host's memory")+provisioned) * 256 * rouse.MB,
		Log:          slog.New(slog.DiscardHandler),
	})
	return w
}

func (w *world) arrive() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	n := w.next
	w.next++
	w.pending[n] = cancel
	id := rapid.SampledFrom(w.ids).Draw(w.t, "revision")
	lend := rouse.Leaser(w.Pool)
	if rapid.Bool().Draw(w.t, "runs a failed init again") {
		lend = w.Retrying()
	}
	go func() {
		l, err := lend.Acquire(ctx, id, 1)
		w.results <- result{n, l, err}
	}()
}

func (w *world) leave() {
	for n, cancel := range w.pending {
		cancel()
		delete(w.pending, n)
		return
	}
}

func (w *world) release() {
	if len(w.leases) == 0 {
		return
	}
	n := rapid.IntRange(0, len(w.leases)-1).Draw(w.t, "lease")
	l := w.leases[n]
	w.leases = append(w.leases[:n], w.leases[n+1:]...)
	w.per[l.Instance]--
	var err error
	if rapid.IntRange(0, 4).Draw(w.t, "broken") == 0 {
		err = rouse.ErrBroken
	}
	if rapid.Bool().Draw(w.t, "settles") {
		l.Settling()
		w.collect()
	}
	l.Release(err)
	l.Release(err) // twice has the effect of once
}

func (w *world) harm() {
	boxes := w.fake.Sandboxes()
	if len(boxes) == 0 {
		return
	}
	box := rapid.SampledFrom(boxes).Draw(w.t, "sandbox")
	switch rapid.IntRange(0, 2).Draw(w.t, "harm") {
	case 0:
		box.End(rouse.Exit{Code: 1})
	case 1:
		box.End(rouse.Exit{Code: -1, OOM: true})
	case 2:
		box.Die()
	}
}

// collect takes in what was granted or refused by now.
func (w *world) collect() {
	synctest.Wait()
	for {
		select {
		case r := <-w.results:
			if cancel := w.pending[r.n]; cancel != nil {
				delete(w.pending, r.n)
				defer cancel()
			}
			if r.err == nil {
				w.leases = append(w.leases, r.lease)
				w.per[r.lease.Instance]++
				w.checkLease(r.lease)
			} else if code := rouse.CodeOf(r.err); code == rouse.Internal && !errors.Is(r.err, context.Canceled) {
				w.t.Fatalf("an arrival ended with %v", r.err)
			}
		default:
			return
		}
	}
}

func (w *world) checkLease(l *rouse.Lease) {
	if w.fake.Sandbox(l.Instance).Frozen() {
		w.t.Fatalf("%s was lent frozen", l.Instance)
	}
	if most := w.byRev[l.Revision].Concurrency; w.per[l.Instance] > most {
		w.t.Fatalf("%d leases on one instance, at most %d", w.per[l.Instance], most)
	}
}

// check holds the pool to its limits at a moment when nothing moves.
func (w *world) check() {
	perFunction, inFlight := map[rouse.RevisionID]int{}, map[rouse.RevisionID]int{}
	ready := map[rouse.InstanceID]bool{}
	for _, i := range w.Instances() {
		perFunction[i.Revision]++
		ready[i.ID] = i.State == rouse.Ready
		if i.InFlight < 0 {
			w.t.Fatalf("%d requests in flight on %s", i.InFlight, i.ID)
		}
	}
	for _, l := range w.leases {
		// A provisioned instance that was lost is replaced before its request has heard of it.
		if lost := w.byRev[l.Revision].Provisioned > 0 && !ready[l.Instance]; !lost {
			inFlight[l.Revision]++
		}
	}
	for _, id := range w.ids {
		s := w.byRev[id]
		if s.MaxInstances > 0 && perFunction[id] > s.MaxInstances {
			w.t.Fatalf("%d instances, at most %d", perFunction[id], s.MaxInstances)
		}
		if s.Reserved != nil && inFlight[id] > *s.Reserved {
			w.t.Fatalf("%d in flight, %d reserved", inFlight[id], *s.Reserved)
		}
		w.checkNobodyStarves(id)
	}
	w.checkAccount()
	stats := w.Stats()
	if stats.MemoryInUse > stats.MemoryBudget || stats.MemoryInUse < 0 {
		w.t.Fatalf("memory %s of %s", stats.MemoryInUse, stats.MemoryBudget)
	}
	if live, most := w.fake.Live(), w.config.MaxInstances; live > most {
		w.t.Fatalf("%d sandboxes, at most %d", live, most)
	}
}

// checkAccount holds events that are on instances of their own or not, and those
// that wait for their own start, to what the account has.
func (w *world) checkAccount() {
	used, taken := w.account.used.Load(), int64(0)
	for r := range w.all() {
		r.mu.Lock()
		t := r.state.tokens
		r.mu.Unlock()
		t.mu.Lock()
		if t.most < 0 {
			taken += int64(t.used)
		}
		t.mu.Unlock()
	}
	if used != taken || w.account.limit > 0 && used > w.account.most.Load() {
		w.t.Fatalf("%d in flight count for the account, which has %d, and functions have %d", used, w.account.most.Load(), taken)
	}
}

func (w *world) checkNobodyStarves(id rouse.RevisionID) {
	r, ok := w.revisions.Load(id)
	if !ok {
		return
	}
	rev := r.(*revision)
	rev.mu.Lock()
	defer rev.mu.Unlock()
	s := &rev.state
	if i := s.pick(); s.waiters.len > 0 && i != nil {
		if first := s.waiters.first; s.take(first, i) {
			w.t.Fatalf("%d wait while an instance has room", s.waiters.len)
		}
	}
	held := 0
	for f := s.waiters.first; f != nil; f = f.next {
		if f.took || f.warm {
			held++
		}
	}
	if held != s.waiters.held {
		w.t.Fatalf("%d waiters hold concurrency, %d are counted", held, s.waiters.held)
	}
	if rev.demand.starts != s.asked {
		w.t.Fatalf("the ledger has %d starts asked for, the state %d", rev.demand.starts, s.asked)
	}
	starting := 0
	for i := range s.instances {
		if i.state == rouse.Starting {
			starting++
		}
	}
	if starting != s.starting {
		w.t.Fatalf("%d instances are starting, %d are counted", starting, s.starting)
	}
}

func TestPoolKeepsItsPromisesUnderRandomUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// rapid asks a *testing.T for its deadline, which a bubble does not have.
		rapid.Check(struct{ rapid.TB }{t}, func(rt *rapid.T) {
			w := newWorld(rt)
			steps := rapid.IntRange(5, 60).Draw(rt, "steps")
			for range steps {
				switch rapid.IntRange(0, 9).Draw(rt, "step") {
				case 0, 1, 2, 3:
					w.arrive()
				case 4, 5:
					w.release()
				case 6:
					w.leave()
				case 7:
					w.harm()
				case 8:
					<-time.After(rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, 2 * time.Minute}).Draw(rt, "wait"))
				case 9:
					w.mu.Lock()
					w.failing = !w.failing
					w.mu.Unlock()
				}
				w.collect()
				w.check()
			}
			w.finish()
		})
	})
}

// finish gives everything back and expects that nothing is left, and that
// everybody who waited got an answer.
func (w *world) finish() {
	w.mu.Lock()
	w.failing = false
	w.mu.Unlock()
	for range 500 {
		for len(w.leases) > 0 {
			l := w.leases[0]
			w.leases = w.leases[1:]
			w.per[l.Instance]--
			l.Release(nil)
		}
		w.collect()
		if len(w.pending) == 0 && len(w.leases) == 0 {
			break
		}
		<-time.After(time.Second)
	}
	if len(w.pending) > 0 {
		w.t.Fatalf("%d arrivals were never answered", len(w.pending))
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := w.Close(ctx); err != nil {
		w.t.Fatalf("Close: %v", err)
	}
	if w.fake.Live() != 0 || w.Stats().MemoryInUse != 0 || w.ledger.starts != 0 || w.ledger.asked != 0 {
		w.t.Fatalf("left: %d sandboxes, %s, %d starts, %d asked", w.fake.Live(), w.Stats().MemoryInUse, w.ledger.starts, w.ledger.asked)
	}
	for fn, tokens := range w.functions {
		if w.account.used.Load() != 0 {
			w.t.Fatalf("%d still count for the account", w.account.used.Load())
		}
		if tokens.used != 0 {
			w.t.Fatalf("%s still has %d of its reserved concurrency in use", fn, tokens.used)
		}
	}
}
