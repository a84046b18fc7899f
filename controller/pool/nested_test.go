package pool

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
)

// TestCallersThatFillTheMemoryDoNotWaitForOneAnother has every byte held by
// instances that each wait for a start of another function.
func TestCallersThatFillTheMemoryDoNotWaitForOneAnother(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(c *Config, _ *rouse.Settings) { c.Memory = 4 * rouse.GB })
		inner := b.function("inner", 512*rouse.MB, rouse.DefaultSettings())
		var callers []*rouse.Lease
		for range 8 {
			callers = append(callers, b.acquire(t))
		}
		call := func(by *rouse.Lease) (*rouse.Lease, error) {
			return b.Acquire(rouse.CalledBy(t.Context(), by.Instance), inner.ID, 0)
		}
		began := time.Now()
		if _, err := call(callers[0]); rouse.CodeOf(err) != rouse.Unavailable || time.Since(began) != 0 {
			t.Fatalf("a nested call that cannot start: %v after %s, want unavailable at once", err, time.Since(began))
		}
		if b.Stats().Waiting != 0 {
			t.Error("it waits although it was refused")
		}
		for _, l := range callers {
			l.Release(nil)
		}
		callers = callers[:0]

		// Now that such calls are known of, the callers leave room for one.
		for range 7 {
			callers = append(callers, b.acquire(t))
		}
		got := make(chan error)
		for _, l := range callers {
			go func() {
				within, err := call(l)
				if err == nil {
					<-time.After(time.Second)
					within.Release(nil)
				}
				got <- err
			}()
		}
		for range callers {
			if err := <-got; err != nil {
				t.Errorf("a nested call: %v", err)
			}
		}
		synctest.Wait()
		for _, l := range callers {
			l.Release(nil)
		}
	})
}

func TestANestedCallWaitsForAnInstanceThatIsThere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(c *Config, _ *rouse.Settings) { c.Memory = rouse.GB })
		settings := rouse.DefaultSettings()
		settings.MaxInstances = 1
		inner := b.function("inner", 512*rouse.MB, settings)
		busy, err := b.Acquire(t.Context(), inner.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		caller := b.acquire(t)
		got := make(chan error)
		go func() {
			l, err := b.Acquire(rouse.CalledBy(t.Context(), caller.Instance), inner.ID, 0)
			if err == nil {
				l.Release(nil)
			}
			got <- err
		}()
		synctest.Wait()
		busy.Release(nil)
		if err := <-got; err != nil {
			t.Error(err)
		}
		caller.Release(nil)
	})
}

func TestANestedCallWaitsForWhatIsBeingFreed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(c *Config, _ *rouse.Settings) { c.Memory = rouse.GB })
		b.fake.OnStop = delay[rouse.SandboxID](100 * time.Millisecond)
		inner := b.function("inner", 512*rouse.MB, rouse.DefaultSettings())
		caller, idle := b.acquire(t), b.acquire(t)
		idle.Release(nil)
		l, err := b.Acquire(rouse.CalledBy(t.Context(), caller.Instance), inner.ID, 0)
		if err != nil {
			t.Fatalf("an idle instance was in the way: %v", err)
		}
		l.Release(nil)
		caller.Release(nil)
	})
}
