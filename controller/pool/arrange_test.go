package pool

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/drivertest"
)

// stocked is the driver in memory with spares, and notes what was asked of them.
type stocked struct {
	*drivertest.Fake

	mu      sync.Mutex
	awaited []rouse.Tier
	from    []rouse.Tier
}

var _ driver.Stock = (*stocked)(nil)

func (s *stocked) Fund(driver.Budget)   {}
func (s *stocked) Heed(driver.Workload) {}
func (s *stocked) Shed(rouse.Bytes)     {}

func (s *stocked) Await(_ context.Context, _ driver.Class, from rouse.Tier) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.awaited = append(s.awaited, from)
	return nil
}

func (s *stocked) MakeFor(ctx context.Context, c driver.Class, _ rouse.RevisionID, from rouse.Tier) (driver.Sandbox, error) {
	s.mu.Lock()
	s.from = append(s.from, from)
	s.mu.Unlock()
	return s.Make(ctx, c)
}

func withStock(t *testing.T, change func(*Config, *rouse.Settings)) (*bench, *stocked) {
	var s *stocked
	b := newBench(t, func(c *Config, settings *rouse.Settings) {
		s = &stocked{Fake: c.Driver.(*drivertest.Fake)}
		c.Driver = s
		if change != nil {
			change(c, settings)
		}
	})
	return b, s
}

func (b *bench) arrange(t *testing.T, from rouse.Tier, force bool, want rouse.Code) {
	t.Helper()
	err := b.Arrange(t.Context(), b.rev.ID, from, force)
	if want == "" && err != nil || want != "" && rouse.CodeOf(err) != want {
		t.Errorf("from %s: %v, want %q", from, err, want)
	}
}

func TestAnArrangedStartBeginsWithWhatWasAskedForOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b, s := withStock(t, nil)
		b.acquire(t).Release(nil)
		b.arrange(t, rouse.TierCold, false, "")
		if n := b.fake.Live(); n != 0 {
			t.Errorf("%d sandboxes live on", n)
		}
		b.acquire(t).Release(nil)
		b.arrange(t, rouse.TierCell, false, "")
		b.acquire(t).Release(nil)
		b.arrange(t, rouse.TierZygote, false, "")
		<-time.After(arrangedFor + time.Second)
		b.acquire(t).Release(nil)
		if got, want := s.from, []rouse.Tier{"", "cold", "cell", ""}; !slices.Equal(got, want) {
			t.Errorf("starts were from %q, want %q", got, want)
		}
		if want := []rouse.Tier{"cold", "cell", "zygote"}; !slices.Equal(s.awaited, want) {
			t.Errorf("awaited %q, want %q", s.awaited, want)
		}
	})
}

func TestABusyFunctionIsLeftAloneUnlessForced(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b, _ := withStock(t, nil)
		idle, busy := b.acquire(t), b.acquire(t)
		idle.Release(nil)
		b.arrange(t, rouse.TierCell, false, rouse.Conflict)
		if n := b.fake.Live(); n != 2 {
			t.Errorf("%d of 2 sandboxes live", n)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.arrange(t, rouse.TierCell, true, "")
		}()
		<-time.After(time.Minute)
		select {
		case <-done:
			t.Error("arranged while a request runs")
		default:
		}
		busy.Release(nil)
		<-done
		if n := b.fake.Live(); n != 0 {
			t.Errorf("%d sandboxes live on", n)
		}
	})
}

func TestAnAnswerThatIsJustOverIsNotBusy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b, _ := withStock(t, nil)
		lease := b.acquire(t)
		time.AfterFunc(ending/2, func() { lease.Release(nil) })
		b.arrange(t, rouse.TierCold, false, "")
	})
}

func TestWhatCannotBeArrangedIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b, _ := withStock(t, func(_ *Config, s *rouse.Settings) { s.Provisioned = 1 })
		b.arrange(t, rouse.TierCell, false, rouse.Invalid)
		b.arrange(t, "lukewarm", false, rouse.Invalid)
		b.arrange(t, rouse.TierFrozen, false, rouse.Invalid)
		b.arrange(t, rouse.TierWarm, false, "")

		without := newBench(t, func(_ *Config, s *rouse.Settings) { s.Idle = 0 })
		without.arrange(t, rouse.TierCell, false, rouse.Invalid)
		without.arrange(t, rouse.TierWarm, false, rouse.Invalid)
		without.arrange(t, rouse.TierCold, false, "")
	})
}

func TestAFrozenInstanceIsArrangedWhenItsProcessesAreStopped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := freezing(t, nil)
		freeze := make(chan struct{})
		b.fake.OnFreeze = func(context.Context, rouse.SandboxID) error { <-freeze; return nil }
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.arrange(t, rouse.TierFrozen, false, "")
		}()
		synctest.Wait()
		select {
		case <-done:
			t.Error("arranged before the processes were stopped")
		default:
		}
		close(freeze)
		<-done
		lease := b.acquire(t)
		if lease.Tier != rouse.TierFrozen {
			t.Errorf("the next request met %s", lease.Tier)
		}
		lease.Release(nil)
	})
}

func TestWhoeverLeavesArrangesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b, s := withStock(t, nil)
		busy := b.acquire(t)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-time.After(time.Second / 2); cancel() }()
		if err := b.Arrange(ctx, b.rev.ID, rouse.TierCold, true); err == nil {
			t.Error("arranged all the same")
		}
		busy.Release(nil)
		synctest.Wait()
		b.acquire(t).Release(nil)
		if want := []rouse.Tier{"", ""}; !slices.Equal(s.from, want) {
			t.Errorf("starts were from %q, want %q", s.from, want)
		}
	})
}
