package pool

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
)

// However long an engine was away, its functions are there soon after it.
func TestAnEngineThatIsBackIsUsedSoon(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.MaxInstances, s.Idle = 1, 1 })
		var away atomic.Bool
		engine := func() error {
			if away.Load() {
				return rouse.Errorf(rouse.Unavailable, "the engine does not answer")
			}
			return nil
		}
		b.fake.OnMake = func(context.Context, class) error { return engine() }
		b.fake.OnStop = func(context.Context, rouse.SandboxID) error { return engine() }
		other := b.function("other", rouse.MB, rouse.DefaultSettings())

		b.acquire(t).Release(nil)
		away.Store(true)
		for range 605 { // a call a second
			if l, err := b.Acquire(t.Context(), other.ID, 0); err == nil {
				l.Release(nil)
				t.Fatal("a function has started without an engine")
			}
			<-time.After(time.Second)
		}
		away.Store(false)
		<-time.After(mostAway)
		synctest.Wait()
		for _, rev := range []rouse.Revision{b.rev, other} {
			began := time.Now()
			l, err := b.Acquire(t.Context(), rev.ID, 0)
			if err != nil || time.Since(began) > 0 {
				t.Errorf("%s, %s after the engine: %v, after %s more", rev.Function, mostAway, err, time.Since(began))
				continue
			}
			l.Release(nil)
		}
	})
}

func TestProvisionedInstancesAreNotGivenUpWhileTheEngineIsAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.Provisioned = 2 })
		var away atomic.Bool
		b.fake.OnMake = func(context.Context, class) error {
			if away.Load() {
				return rouse.Errorf(rouse.Unavailable, "the engine does not answer")
			}
			return nil
		}
		b.acquire(t).Release(nil)
		synctest.Wait()
		away.Store(true)
		for _, s := range b.fake.Sandboxes() { // with their engine
			s.Die()
		}
		<-time.After(time.Hour)
		away.Store(false)
		<-time.After(mostAway)
		synctest.Wait()
		if b.fake.Live() != 2 {
			t.Errorf("%d provisioned instances are there, want 2", b.fake.Live())
		}
	})
}
