package pool

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver/drivertest"
)

// bench is a pool over the driver in memory, with one function "f".
type bench struct {
	*Pool
	fake  *drivertest.Fake
	rev   rouse.Revision
	mu    sync.Mutex
	ready func(rouse.InstanceID) error // what targets answer; nil is ready at once
	byRev map[rouse.RevisionID]rouse.Settings
	revs  map[rouse.RevisionID]rouse.Revision
	fns   map[rouse.FunctionName]rouse.Function // instead of one that is made of byRev
}

type target struct {
	b  *bench
	id rouse.InstanceID
}

func (t *target) Ready(context.Context) error {
	t.b.mu.Lock()
	ready := t.b.ready
	t.b.mu.Unlock()
	if ready == nil {
		return nil
	}
	return ready(t.id)
}
func (t *target) Reset()       {}
func (t *target) Close() error { return nil }

func newBench(t *testing.T, change func(*Config, *rouse.Settings)) *bench {
	b := &bench{
		fake:  &drivertest.Fake{},
		byRev: map[rouse.RevisionID]rouse.Settings{},
		revs:  map[rouse.RevisionID]rouse.Revision{},
		fns:   map[rouse.FunctionName]rouse.Function{},
	}
	settings := rouse.DefaultSettings()
	c := Config{
		Driver: b.fake,
		Attach: func(_ rouse.Revision, id rouse.InstanceID, _ rouse.Endpoint) (rouse.Target, error) {
			return &target{b, id}, nil
		},
		Lookup: func(id rouse.RevisionID) (rouse.Revision, rouse.Function, error) {
			rev, ok := b.revs[id]
			if !ok {
				return rev, rouse.Function{}, rouse.Errorf(rouse.NotFound, "no revision %s", id)
			}
			if fn, ok := b.fns[rev.Function]; ok {
				return rev, fn, nil
			}
			return rev, rouse.Function{Name: rev.Function, Latest: id, Settings: b.byRev[id]}, nil
		},
		MaxInstances: 1000, MaxStarts: 1000, Memory: 100 * rouse.GB,
		Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&c, &settings)
	}
	b.rev = b.function("f", 512*rouse.MB, settings)
	b.Pool = New(c)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		if n := b.fake.Live(); n != 0 {
			t.Errorf("%d sandboxes are left", n)
		}
	})
	return b
}

func (b *bench) function(name rouse.FunctionName, memory rouse.Bytes, s rouse.Settings) rouse.Revision {
	spec := rouse.DefaultSpec()
	spec.Memory = memory
	rev := rouse.NewRevision(name, spec, time.Now())
	b.revs[rev.ID], b.byRev[rev.ID] = rev, s
	return rev
}

func (b *bench) acquire(t *testing.T) *rouse.Lease {
	t.Helper()
	l, err := b.Acquire(t.Context(), b.rev.ID, 0)
	if err != nil {
		t.Fatalf("Acquire: %v", err)
	}
	return l
}

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func TestFirstRequestStartsAndTheNextReusesTheInstance(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, nil)
		first := b.acquire(t)
		if !first.Cold {
			t.Error("the first lease is not cold")
		}
		first.Release(nil)
		second := b.acquire(t)
		defer second.Release(nil)
		if second.Cold || second.Instance != first.Instance {
			t.Errorf("second lease: cold %v on %s, want warm on %s", second.Cold, second.Instance, first.Instance)
		}
	})
}

func TestMostRecentlyUsedInstanceGoesFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, nil)
		one, two := b.acquire(t), b.acquire(t)
		one.Release(nil)
		two.Release(nil)
		next := b.acquire(t)
		defer next.Release(nil)
		if next.Instance != two.Instance {
			t.Errorf("lent %s, want the last used %s", next.Instance, two.Instance)
		}
	})
}

func TestBurstNeverExceedsMaxInstancesAndServesAllInTheQueue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.MaxInstances, s.Queue = 4, 200 })
		b.fake.OnMake = delay[class](100 * time.Millisecond)
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				l, err := b.Acquire(t.Context(), b.rev.ID, 0)
				if err != nil {
					t.Errorf("Acquire: %v", err)
					return
				}
				<-time.After(10 * time.Millisecond)
				l.Release(nil)
			})
		}
		all.Wait()
		if b.fake.Made() != 4 || b.fake.Most() != 4 {
			t.Errorf("made %d sandboxes, %d at once, want 4", b.fake.Made(), b.fake.Most())
		}
	})
}

func TestWithoutAQueueExactlyTheOverflowIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.MaxInstances, s.Queue = 4, 0 })
		var served, refused int
		var mu sync.Mutex
		var all sync.WaitGroup
		hold := make(chan struct{})
		for range 200 {
			all.Go(func() {
				l, err := b.Acquire(t.Context(), b.rev.ID, 0)
				mu.Lock()
				if rouse.CodeOf(err) == rouse.Throttled {
					refused++
				} else if err == nil {
					served++
				}
				mu.Unlock()
				if err == nil {
					<-hold
					l.Release(nil)
				}
			})
		}
		synctest.Wait()
		close(hold)
		all.Wait()
		if served != 4 || refused != 196 {
			t.Errorf("served %d, refused %d, want 4 and 196", served, refused)
		}
	})
}

func TestCallerWhoLeavesDoesNotCancelTheStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.fake.OnMake = delay[class](time.Second)
		ctx, leave := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer leave()
		if _, err := b.Acquire(ctx, b.rev.ID, 0); rouse.CodeOf(err) != rouse.Timeout {
			t.Fatalf("Acquire: %v, want a timeout", err)
		}
		began := time.Now()
		l := b.acquire(t)
		defer l.Release(nil)
		if waited := time.Since(began); waited != 900*time.Millisecond {
			t.Errorf("the second caller waited %s, want what was left of the first start", waited)
		}
		if b.fake.Made() != 1 {
			t.Errorf("%d sandboxes were made", b.fake.Made())
		}
	})
}

func TestFailedStartFailsItsWaitersAndThenBacksOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, nil)
		fail := rouse.Errorf(rouse.StartFailed, "no such image")
		var mended atomic.Bool
		b.fake.OnMake = func(context.Context, class) error {
			if mended.Load() {
				return nil
			}
			return fail
		}
		for n := range 3 {
			_, err := b.Acquire(t.Context(), b.rev.ID, 0)
			if !errors.Is(err, fail) {
				t.Fatalf("call %d: %v, want the start's error", n, err)
			}
			var e *rouse.Error
			if !errors.As(err, &e) || e.RetryAfter != 250*time.Millisecond {
				t.Errorf("call %d: trying again may help after %s, want the back-off's 250ms", n, e.RetryAfter)
			}
		}
		if got := b.starts(); got != 1 {
			t.Errorf("%d starts, want one while backing off", got)
		}
		mended.Store(true)
		<-time.After(300 * time.Millisecond) // the back-off's timer has started one by now
		synctest.Wait()
		l := b.acquire(t)
		defer l.Release(nil)
		if l.Cold {
			t.Error("nothing was started for the callers that were refused")
		}
	})
}

func TestBrokenProcessIsRestartedInTheSameSandbox(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, nil)
		first := b.acquire(t)
		first.Release(errors.Join(errors.New("timed out"), rouse.ErrBroken))
		second := b.acquire(t)
		defer second.Release(nil)
		if second.Instance != first.Instance {
			t.Error("another sandbox serves")
		}
		if n := b.fake.Sandbox(second.Instance).Starts(); n != 2 {
			t.Errorf("the process was started %d times, want 2", n)
		}
	})
}

func TestExitWhileInUseRestartsAfterTheRelease(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, nil)
		l := b.acquire(t)
		box := b.fake.Sandbox(l.Instance)
		box.End(rouse.Exit{Code: 1})
		synctest.Wait()
		if box.Starts() != 1 {
			t.Fatal("restarted while the lease was out")
		}
		l.Release(nil)
		synctest.Wait()
		if box.Starts() != 2 || box.Gone() {
			t.Errorf("starts %d, gone %v; want a restart in place", box.Starts(), box.Gone())
		}
	})
}

func TestOutOfMemoryReplacesTheSandbox(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, nil)
		l := b.acquire(t)
		b.fake.Sandbox(l.Instance).End(rouse.Exit{Code: -1, Signal: "killed", OOM: true})
		synctest.Wait()
		l.Release(rouse.ErrBroken)
		synctest.Wait()
		if !b.fake.Sandbox(l.Instance).Gone() {
			t.Error("the sandbox that ran out of memory is still there")
		}
	})
}

func TestIdleClockStartsAtTheLastRelease(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.Idle = rouse.Duration(time.Minute) })
		l := b.acquire(t)
		<-time.After(10 * time.Minute)
		if b.fake.Live() != 1 {
			t.Fatal("stopped while in use")
		}
		l.Release(nil)
		<-time.After(59 * time.Second)
		if b.fake.Live() != 1 {
			t.Error("stopped before its idle time")
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		if b.fake.Live() != 0 {
			t.Error("still there after its idle time")
		}
		if n := b.known(); n != 0 {
			t.Errorf("%d revisions are remembered for nothing", n)
		}
	})
}

func TestProvisionedInstancesAreKeptReadyAndUsedFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.Provisioned = 2 })
		fn := rouse.Function{Name: "f", Latest: b.rev.ID, Settings: b.byRev[b.rev.ID]}
		b.Changed(fn)
		synctest.Wait()
		if b.fake.Live() != 2 {
			t.Fatalf("%d instances, want 2", b.fake.Live())
		}
		b.fake.Sandboxes()[0].Die()
		<-time.After(time.Second)
		synctest.Wait()
		if b.fake.Live() != 2 {
			t.Error("the one that died was not replaced")
		}
		one, two, three := b.acquire(t), b.acquire(t), b.acquire(t)
		if one.Cold || two.Cold || !three.Cold {
			t.Errorf("cold: %v %v %v, want only the third", one.Cold, two.Cold, three.Cold)
		}
		for _, l := range []*rouse.Lease{one, two, three} {
			l.Release(nil)
		}
		<-time.After(time.Hour)
		synctest.Wait()
		if b.fake.Live() != 2 {
			t.Errorf("%d instances after the idle time, want the provisioned 2", b.fake.Live())
		}
		fn.Settings.Provisioned = 0
		b.Changed(fn)
		<-time.After(time.Hour)
		synctest.Wait()
		if b.fake.Live() != 0 {
			t.Errorf("%d instances after provisioning ended", b.fake.Live())
		}
	})
}

func (b *bench) known() (n int) {
	for range b.all() {
		n++
	}
	return n
}

func TestNothingIsStartedForASlotThatIsAboutToComeBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.Queue, s.Reserved = 0, new(1) })
		first := b.acquire(t)
		first.Settling()
		got := make(chan *rouse.Lease)
		go func() {
			l, err := b.Acquire(context.Background(), b.rev.ID, 0)
			if err != nil {
				t.Errorf("the next request: %v", err)
			}
			got <- l
		}()
		synctest.Wait()
		first.Release(nil)
		next := <-got
		if b.fake.Made() != 1 {
			t.Errorf("%d sandboxes were made, want the one", b.fake.Made())
		}
		next.Settling() // and now a process that does not come back
		slow := b.acquire(t)
		if b.fake.Made() != 2 {
			t.Error("the next request waited for a process that does not ask for more")
		}
		next.Release(nil)
		slow.Release(nil)
	})
}
