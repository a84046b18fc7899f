package pool

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
)

// freezing is a bench whose function is frozen between requests.
func freezing(t *testing.T, change func(*Config, *rouse.Settings)) *bench {
	return newBench(t, func(c *Config, s *rouse.Settings) {
		s.Freeze = true
		if change != nil {
			change(c, s)
		}
	})
}

func TestAnIdleInstanceIsFrozenAndThawedForTheNextRequest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := freezing(t, nil)
		first := b.acquire(t)
		box := b.fake.Sandbox(first.Instance)
		if box.Frozen() || first.Tier != rouse.TierCold {
			t.Errorf("in use: frozen %t, tier %s", box.Frozen(), first.Tier)
		}
		first.Release(nil)
		synctest.Wait()
		if list := b.Instances(); !box.Frozen() || list[0].State != rouse.Frozen || b.Stats().Instances[rouse.Frozen] != 1 {
			t.Errorf("idle: frozen %t, %+v", box.Frozen(), list)
		}
		second := b.acquire(t)
		if box.Frozen() || second.Tier != rouse.TierFrozen || second.Cold || len(second.Timings) != 1 || second.Timings[0].Phase != rouse.PhaseThaw {
			t.Errorf("lent again: frozen %t, %+v", box.Frozen(), second)
		}
		second.Release(nil)
	})
}

func TestAnInstanceThatSomebodyWaitsForIsNotFrozen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := freezing(t, func(_ *Config, s *rouse.Settings) { s.MaxInstances = 1 })
		frozen := 0
		b.fake.OnFreeze = func(context.Context, rouse.SandboxID) error { frozen++; return nil }
		one := b.acquire(t)
		<-time.After(time.Millisecond)
		next := make(chan *rouse.Lease)
		go func() {
			l, err := b.Acquire(context.Background(), b.rev.ID, 0)
			if err != nil {
				t.Error(err)
			}
			next <- l
		}()
		synctest.Wait()
		one.Release(nil)
		two := <-next
		synctest.Wait()
		if frozen != 0 || two.Tier != rouse.TierWarm {
			t.Errorf("frozen %d times, tier %s", frozen, two.Tier)
		}
		two.Release(nil)
	})
}

func TestARequestThatMeetsAFreezeUnderWayIsNotLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := freezing(t, nil)
		freezes := 0
		b.fake.OnFreeze = func(context.Context, rouse.SandboxID) error {
			freezes++
			<-time.After(10 * time.Millisecond)
			return nil
		}
		l := b.acquire(t)
		l.Release(nil)
		synctest.Wait() // the stop has been sent, and takes its time
		began := time.Now()
		again := b.acquire(t)
		if again.Instance != l.Instance || b.fake.Sandbox(l.Instance).Frozen() || time.Since(began) != 10*time.Millisecond {
			t.Errorf("frozen %t after %s", b.fake.Sandbox(l.Instance).Frozen(), time.Since(began))
		}
		again.Release(nil)
		synctest.Wait()
		if freezes != 2 {
			t.Errorf("%d freezes, want 2", freezes)
		}
	})
}

func TestAnInstanceThatCannotBeThawedIsStartedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := freezing(t, nil)
		broken := true
		b.fake.OnThaw = func(context.Context, rouse.SandboxID) error {
			if broken {
				broken = false
				return errors.New("no")
			}
			return nil
		}
		l := b.acquire(t)
		l.Release(nil)
		synctest.Wait()
		again := b.acquire(t)
		if box := b.fake.Sandbox(again.Instance); box.Frozen() || box.Starts() != 2 && b.fake.Made() != 2 {
			t.Errorf("frozen %t, started %d times", box.Frozen(), box.Starts())
		}
		again.Release(nil)
	})
}

func TestWhoLeavesDuringAThawLeavesTheInstanceFrozen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := freezing(t, nil)
		b.fake.OnThaw = delay[rouse.SandboxID](time.Second)
		l := b.acquire(t)
		l.Release(nil)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := b.Acquire(ctx, b.rev.ID, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Acquire: %v", err)
		}
		synctest.Wait()
		if box := b.fake.Sandbox(l.Instance); !box.Frozen() || box.Starts() != 1 || b.Stats().InFlight != 0 {
			t.Errorf("frozen %t, %d starts, %d in flight", box.Frozen(), box.Starts(), b.Stats().InFlight)
		}
	})
}

func TestFrozenInstancesGrowOldAndGo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := freezing(t, func(_ *Config, s *rouse.Settings) { s.Idle = rouse.Duration(time.Minute) })
		b.acquire(t).Release(nil)
		<-time.After(59 * time.Second)
		synctest.Wait()
		if b.fake.Live() != 1 {
			t.Error("gone before its time")
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		if b.fake.Live() != 0 {
			t.Error("still there after its idle time")
		}
	})
}

func TestAStopWaitsForTheFreezeUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := freezing(t, nil)
		var mu sync.Mutex
		var order []string
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, what)
		}
		b.fake.OnFreeze = func(context.Context, rouse.SandboxID) error {
			<-time.After(time.Millisecond)
			note("frozen")
			return nil
		}
		b.fake.OnStop = func(context.Context, rouse.SandboxID) error { note("stopped"); return nil }
		b.acquire(t).Release(nil)
		synctest.Wait()
		b.Retire(b.rev.ID)
		<-time.After(time.Second)
		mu.Lock()
		defer mu.Unlock()
		if len(order) != 2 || order[0] != "frozen" {
			t.Errorf("%v", order)
		}
	})
}

func TestTurningFreezeOnStopsWhatIsIdle(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, nil)
		l := b.acquire(t)
		l.Release(nil)
		synctest.Wait()
		if b.fake.Sandbox(l.Instance).Frozen() {
			t.Error("frozen although nobody asked for it")
		}
		settings := rouse.DefaultSettings()
		settings.Freeze = true
		b.Changed(rouse.Function{Name: "f", Latest: b.rev.ID, Settings: settings})
		synctest.Wait()
		if !b.fake.Sandbox(l.Instance).Frozen() {
			t.Error("not frozen")
		}
		settings.Freeze = false
		b.Changed(rouse.Function{Name: "f", Latest: b.rev.ID, Settings: settings})
		b.acquire(t).Release(nil)
		synctest.Wait()
		if b.fake.Sandbox(l.Instance).Frozen() {
			t.Error("frozen still")
		}
	})
}

func TestAnAdoptedInstanceIsThawed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := freezing(t, nil)
		thawed := 0
		b.fake.OnThaw = func(context.Context, rouse.SandboxID) error { thawed++; return nil }
		b.fake.Leave(b.rev, nil)
		if adopted, _, err := b.Adopt(t.Context()); err != nil || adopted != 1 || thawed != 1 {
			t.Errorf("adopted %d, thawed %d, %v", adopted, thawed, err)
		}
		b.acquire(t).Release(nil)
	})
}

func TestARequestIsNeverLentAnInstanceThatIsFrozenAgainAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := freezing(t, nil)
		b.fake.OnFreeze = delay[rouse.SandboxID](10 * time.Second) // longer than is waited for it
		b.fake.OnThaw = delay[rouse.SandboxID](10 * time.Second)
		l := b.acquire(t)
		l.Release(nil)
		synctest.Wait()
		again := b.acquire(t)
		if box := b.fake.Sandbox(again.Instance); box.Frozen() || box.Starts() != 2 {
			t.Errorf("frozen %t, %d starts", box.Frozen(), box.Starts())
		}
		again.Release(nil)
		synctest.Wait()
		if b.Instances()[0].State != rouse.Ready {
			t.Error("what cannot be continued is frozen again")
		}
	})
}

func TestWhoComesAfterOneThatLeftDuringAThawIsLentNothingFrozen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := freezing(t, func(_ *Config, s *rouse.Settings) { s.MaxInstances = 1 })
		b.fake.OnThaw = delay[rouse.SandboxID](time.Second)
		b.acquire(t).Release(nil)
		<-time.After(time.Minute / 2)
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := b.Acquire(ctx, b.rev.ID, 0)
			left <- err
		}()
		synctest.Wait()
		lent := make(chan *rouse.Lease, 1)
		go func() {
			l, err := b.Acquire(t.Context(), b.rev.ID, 0)
			if err != nil {
				t.Error(err)
			}
			lent <- l
		}()
		synctest.Wait()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("who left: %v", err)
		}
		if l := <-lent; l != nil {
			if b.fake.Sandbox(l.Instance).Frozen() || l.Tier != rouse.TierFrozen {
				t.Errorf("lent frozen %t, from %s", b.fake.Sandbox(l.Instance).Frozen(), l.Tier)
			}
			l.Release(nil)
		}
	})
}

func TestARestartWaitsForTheFreezeUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := freezing(t, nil)
		b.fake.OnFreeze = delay[rouse.SandboxID](time.Second)
		l := b.acquire(t)
		l.Release(nil)
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := b.Acquire(ctx, b.rev.ID, 0)
			left <- err
		}()
		synctest.Wait()
		b.fake.Sandbox(l.Instance).End(rouse.Exit{Code: 1})
		synctest.Wait()
		cancel()
		<-left
		again := b.acquire(t)
		<-time.After(2 * time.Second)
		if b.fake.Sandbox(again.Instance).Frozen() {
			t.Error("frozen in use")
		}
		again.Release(nil)
	})
}
