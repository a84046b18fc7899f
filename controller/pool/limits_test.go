package pool

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

type class = driver.Class

// delay makes a step of the driver take d.
func delay[T any](d time.Duration) func(context.Context, T) error {
	return func(ctx context.Context, _ T) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *bench) starts() int {
	r, ok := b.revisions.Load(b.rev.ID)
	if !ok {
		return 0
	}
	s := r.(*revision)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.failures
}

func TestReservedConcurrencyIsSharedByRevisionsOfAFunction(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.Reserved = new(2) })
		other := b.function("f", 256*rouse.MB, b.byRev[b.rev.ID])
		one := b.acquire(t)
		two, err := b.Acquire(t.Context(), other.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan *rouse.Lease)
		go func() {
			l, _ := b.Acquire(context.Background(), other.ID, 0)
			got <- l
		}()
		synctest.Wait()
		select {
		case <-got:
			t.Fatal("a third request passed a reserved concurrency of 2")
		default:
		}
		one.Release(nil) // of the other revision
		(<-got).Release(nil)
		two.Release(nil)
	})
}

func TestReservedZeroRefusesEverything(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.Reserved = new(0) })
		if _, err := b.Acquire(t.Context(), b.rev.ID, 0); rouse.CodeOf(err) != rouse.Throttled {
			t.Errorf("Acquire: %v, want throttled", err)
		}
		if b.fake.Made() != 0 {
			t.Error("something was started")
		}
	})
}

func TestIdleInstanceMakesRoomAndARunningOneIsLeftAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(c *Config, _ *rouse.Settings) { c.Memory = rouse.GB })
		other := b.function("g", 512*rouse.MB, rouse.DefaultSettings())
		third := b.function("h", 512*rouse.MB, rouse.DefaultSettings())
		busy := b.acquire(t)
		idle, err := b.Acquire(t.Context(), other.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		idle.Release(nil)
		l, err := b.Acquire(t.Context(), third.ID, 0)
		if err != nil {
			t.Fatalf("no room was made: %v", err)
		}
		if !b.fake.Sandbox(idle.Instance).Gone() || b.fake.Sandbox(busy.Instance).Gone() {
			t.Error("the wrong instance went")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.Acquire(ctx, other.ID, 0); rouse.CodeOf(err) != rouse.Unavailable {
			t.Errorf("with all memory in use: %v, want unavailable", err)
		}
		got := make(chan error)
		go func() {
			l, err := b.Acquire(context.Background(), other.ID, 0)
			if err == nil {
				l.Release(nil)
			}
			got <- err
		}()
		synctest.Wait()
		busy.Release(nil) // now idle, and so evicted for the one that waits
		if err := <-got; err != nil {
			t.Error(err)
		}
		l.Release(nil)
	})
}

func TestRevisionBiggerThanTheHostIsRefusedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(c *Config, _ *rouse.Settings) { c.Memory = 256 * rouse.MB })
		if _, err := b.Acquire(t.Context(), b.rev.ID, 0); rouse.CodeOf(err) != rouse.Unavailable {
			t.Errorf("Acquire: %v, want unavailable", err)
		}
		if err := b.Warm(t.Context(), b.rev, b.byRev[b.rev.ID]); rouse.CodeOf(err) != rouse.Unavailable {
			t.Errorf("Warm: %v, want unavailable", err)
		}
	})
}

func TestWarmEndsWhenNothingEverBecomesFree(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.MaxInstances = 1 })
		busy := b.acquire(t)
		if err := b.Warm(context.Background(), b.rev, b.byRev[b.rev.ID]); rouse.CodeOf(err) != rouse.Timeout {
			t.Errorf("Warm: %v, want a timeout", err)
		}
		busy.Release(nil)
	})
}

func TestBusyFunctionLeavesStartsToOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(c *Config, s *rouse.Settings) { c.MaxStarts, s.Queue = 2, 1000 })
		b.fake.OnMake = delay[class](100 * time.Millisecond)
		other := b.function("g", 512*rouse.MB, rouse.DefaultSettings())
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if l, err := b.Acquire(ctx, b.rev.ID, 0); err == nil {
					<-ctx.Done()
					l.Release(nil)
				}
			})
		}
		synctest.Wait()
		began := time.Now()
		l, err := b.Acquire(t.Context(), other.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited > 200*time.Millisecond {
			t.Errorf("waited %s behind another function's starts", waited)
		}
		l.Release(nil)
		cancel()
		all.Wait()
	})
}

func TestQueueIsBoundedInBytes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.MaxInstances, s.QueueBytes = 1, 10 })
		busy := b.acquire(t)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _, _ = b.Acquire(ctx, b.rev.ID, 8) })
		synctest.Wait()
		if _, err := b.Acquire(t.Context(), b.rev.ID, 8); rouse.CodeOf(err) != rouse.Throttled {
			t.Errorf("16 of 10 bytes: %v, want throttled", err)
		}
		cancel()
		all.Wait()
		busy.Release(nil)
	})
}

func TestRetiredRevisionFinishesItsRequestsAndGoes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, nil)
		busy, idle := b.acquire(t), b.acquire(t)
		idle.Release(nil)
		b.Retire(b.rev.ID)
		synctest.Wait()
		if !b.fake.Sandbox(idle.Instance).Gone() || b.fake.Sandbox(busy.Instance).Gone() {
			t.Error("want the idle one gone and the busy one kept")
		}
		busy.Release(nil)
		synctest.Wait()
		if b.fake.Live() != 0 {
			t.Error("it did not go after its last request")
		}
	})
}

func TestCloseDoesNotWaitForStartsThatNobodyNeeds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.fake.OnMake = func(ctx context.Context, _ class) error {
			select {
			case <-time.After(time.Minute):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		if _, err := b.Acquire(ctx, b.rev.ID, 0); err == nil {
			t.Fatal("an instance was ready at once")
		}
		began := time.Now()
		if err := b.Close(t.Context()); err != nil || time.Since(began) > time.Second {
			t.Errorf("Close took %s: %v", time.Since(began), err)
		}
	})
}

func TestCloseWaitsForRequestsUntilItsDeadline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, nil)
		l := b.acquire(t)
		done := make(chan time.Duration)
		go func() {
			began := time.Now()
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := b.Close(ctx); err != nil {
				t.Errorf("Close: %v", err)
			}
			done <- time.Since(began)
		}()
		synctest.Wait()
		if _, err := b.Acquire(t.Context(), b.rev.ID, 0); rouse.CodeOf(err) != rouse.Unavailable {
			t.Errorf("Acquire while closing: %v, want unavailable", err)
		}
		if took := <-done; took < 10*time.Second || b.fake.Live() != 0 {
			t.Errorf("Close took %s and left %d sandboxes", took, b.fake.Live())
		}
		l.Release(nil)
	})
}

func TestAdoptedInstanceServesAndTheUnknownOneIsRemoved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, nil)
		kept := b.fake.Leave(b.rev, nil)
		spec := rouse.DefaultSpec()
		conn, far := net.Pipe()
		orphan := b.fake.Leave(rouse.NewRevision("deleted", spec, time.Now()), &rouse.Kept{Conns: map[int]net.Conn{1: conn}, Waiting: 1})
		adopted, removed, err := b.Adopt(t.Context())
		if err != nil || adopted != 1 || removed != 1 || !orphan.Gone() {
			t.Fatalf("adopted %d, removed %d, %v", adopted, removed, err)
		}
		if _, err := far.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the unknown one's connection: %v, want it closed", err)
		}
		l := b.acquire(t)
		defer l.Release(nil)
		if l.Instance != kept.ID() || b.fake.Made() != 2 {
			t.Error("a new sandbox was made although one was adopted")
		}
	})
}

func TestWhatAnEarlierRunLeftIsRemovedAtLast(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, nil)
		orphan := b.fake.Leave(rouse.NewRevision("deleted", rouse.DefaultSpec(), time.Now()), nil)
		tries := 0
		b.fake.OnStop = func(context.Context, rouse.SandboxID) error {
			if tries++; tries < 4 {
				return rouse.Errorf(rouse.Unavailable, "the engine does not answer")
			}
			return nil
		}
		if _, _, err := b.Adopt(t.Context()); err != nil || orphan.Gone() {
			t.Fatalf("%v, gone %v", err, orphan.Gone())
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if !orphan.Gone() || tries != 4 {
			t.Errorf("gone %v after %d tries", orphan.Gone(), tries)
		}
	})
}

func TestUnstoppableSandboxIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.Idle = 0 })
		tries := 0
		b.fake.OnStop = func(context.Context, rouse.SandboxID) error {
			if tries++; tries < 3 {
				return rouse.Errorf(rouse.Unavailable, "the engine does not answer")
			}
			return nil
		}
		b.acquire(t).Release(nil)
		<-time.After(time.Minute)
		synctest.Wait()
		if b.fake.Live() != 0 || tries != 3 {
			t.Errorf("%d left after %d tries", b.fake.Live(), tries)
		}
	})
}
