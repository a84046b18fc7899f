package pool

import (
	"context"
	"fmt"
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

// A container that is ended from outside takes its process first, so that a
// restart is tried in what is about to be gone.
func TestASandboxThatIsGoneAtARestartIsReplacedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.MaxInstances = 1 })
		b.fake.OnRestart = func(_ context.Context, id rouse.SandboxID) error {
			b.fake.Sandbox(id).Die()
			return fmt.Errorf("sandbox %s: %w", id, rouse.ErrGone)
		}
		l := b.acquire(t)
		began := time.Now()
		waits := make(chan error, 1)
		go func() {
			next, err := b.Acquire(t.Context(), b.rev.ID, 0)
			if err == nil {
				next.Release(nil)
			}
			waits <- err
		}()
		synctest.Wait()
		l.Release(rouse.ErrBroken)
		if err := <-waits; err != nil || time.Since(began) > 0 {
			t.Errorf("who waits for the next: %v, after %s", err, time.Since(began))
		}
	})
}

func TestWhoIsRefusedAPlaceThatNobodyCanFreeIsToldWhy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.MaxInstances, s.Queue, s.Idle = 1, 0, 1 })
		var away atomic.Bool
		b.fake.OnStop = func(context.Context, rouse.SandboxID) error {
			if away.Load() {
				return rouse.Errorf(rouse.Unavailable, "the engine does not answer")
			}
			return nil
		}
		l := b.acquire(t)
		away.Store(true)
		if _, err := b.Acquire(t.Context(), b.rev.ID, 0); rouse.CodeOf(err) != rouse.Throttled {
			t.Errorf("while the one instance is in use: %v", err)
		}
		l.Release(nil)
		<-time.After(time.Minute)
		if _, err := b.Acquire(t.Context(), b.rev.ID, 0); rouse.CodeOf(err) != rouse.Unavailable {
			t.Errorf("while its sandbox cannot be removed: %v", err)
		}
		away.Store(false)
		<-time.After(mostAway)
		l = b.acquire(t)
		if _, err := b.Acquire(t.Context(), b.rev.ID, 0); rouse.CodeOf(err) != rouse.Throttled {
			t.Errorf("while the next one is in use: %v", err)
		}
		l.Release(nil)
	})
}
