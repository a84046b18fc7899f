package pool

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
)

func TestAChangeDuringALookupIsObeyed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var during func()
		b := newBench(t, func(c *Config, s *rouse.Settings) {
			s.Provisioned = 2
			lookup := c.Lookup
			c.Lookup = func(id rouse.RevisionID) (rouse.Revision, rouse.Function, error) {
				rev, fn, err := lookup(id)
				if now := during; now != nil {
					during = nil
					now()
				}
				return rev, fn, err
			}
		})
		during = func() { // another revision is deployed over it
			b.fns["f"] = rouse.Function{Name: "f", Latest: "another", Settings: b.byRev[b.rev.ID]}
			b.Changed(b.fns["f"])
		}
		b.acquire(t).Release(nil)
		<-time.After(time.Hour)
		synctest.Wait()
		if n := b.fake.Live(); n != 0 {
			t.Errorf("%d instances of what was replaced stay for good", n)
		}
	})
}

func TestAGrantThatNobodyNeedsHoldsNoEndUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, nil)
		r, err := b.revision(b.rev.ID)
		if err != nil {
			t.Fatal(err)
		}
		r.mu.Lock()
		r.state.asked++
		grants := b.ledger.ask(r.demand, 1) // which is on its way when the pool closes
		r.mu.Unlock()
		closed := make(chan time.Time)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := b.Close(ctx); err != nil {
				t.Error(err)
			}
			closed <- time.Now()
		}()
		synctest.Wait()
		began := time.Now()
		b.runGrants(grants)
		if took := (<-closed).Sub(began); took > 0 {
			t.Errorf("closing went on for %s", took)
		}
	})
}

func TestARevisionThatComesUpWhileThePoolClosesIsClosedToo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var during func()
		b := newBench(t, func(c *Config, _ *rouse.Settings) {
			lookup := c.Lookup
			c.Lookup = func(id rouse.RevisionID) (rouse.Revision, rouse.Function, error) {
				if during != nil {
					during()
				}
				return lookup(id)
			}
		})
		during = func() {
			if err := b.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if _, err := b.Acquire(t.Context(), b.rev.ID, 0); rouse.CodeOf(err) != rouse.Unavailable {
			t.Errorf("Acquire: %v", err)
		}
	})
}

func TestADeploymentAfterOneThatFailedBeginsAnew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, nil)
		var mended atomic.Bool
		b.fake.OnAssign = func(context.Context, rouse.Revision) error {
			if mended.Load() {
				return nil
			}
			return rouse.Errorf(rouse.StartFailed, "no")
		}
		// The sandbox of the first attempt takes its time to go.
		b.fake.OnStop = delay[rouse.SandboxID](time.Second)
		settings := b.byRev[b.rev.ID]
		if err := b.Warm(t.Context(), b.rev, settings); rouse.CodeOf(err) != rouse.StartFailed {
			t.Fatalf("Warm: %v", err)
		}
		b.Retire(b.rev.ID)
		mended.Store(true)
		if err := b.Warm(t.Context(), b.rev, settings); err != nil {
			t.Fatalf("the second attempt ends as the first: %v", err)
		}
		<-time.After(time.Minute)
		if n := b.fake.Live(); n != 1 {
			t.Errorf("%d instances wait for the first request", n)
		}
	})
}

func TestWhatNeverRanIsForgotten(t *testing.T) {
	for name, one := range map[string]func(t *testing.T, b *bench){
		"a deployment that failed": func(t *testing.T, b *bench) {
			if b.Warm(t.Context(), b.rev, b.byRev[b.rev.ID]) == nil {
				t.Error("it did not fail")
			}
			b.Retire(b.rev.ID)
			synctest.Wait()
		},
		"a call that failed": func(t *testing.T, b *bench) {
			if _, err := b.Acquire(t.Context(), b.rev.ID, 0); err == nil {
				t.Error("it did not fail")
			}
			<-time.After(time.Hour)
			synctest.Wait()
		},
		"a call that was refused": func(t *testing.T, b *bench) {
			zero := 0
			settings := b.byRev[b.rev.ID]
			settings.Reserved = &zero
			b.byRev[b.rev.ID] = settings
			if _, err := b.Acquire(t.Context(), b.rev.ID, 0); rouse.CodeOf(err) != rouse.Throttled {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBench(t, nil)
				b.fake.OnMake = func(context.Context, class) error { return rouse.Errorf(rouse.StartFailed, "no") }
				one(t, b)
				if n := b.known(); n != 0 {
					t.Errorf("%d revisions are remembered for nothing", n)
				}
			})
		})
	}
}

func TestNobodyIsToldOfConcurrencyThatNobodyWaitsFor(t *testing.T) {
	two := 2
	tokens := newTokens(newAccount(0), rouse.ContractLambda)
	tokens.set(rouse.Settings{Reserved: &two, Concurrency: 1}, 0)
	for range two {
		if !tokens.take() {
			t.Fatal("what is reserved is not there")
		}
	}
	if got := tokens.give(); got != freedNobody {
		t.Errorf("given back, it is told to %v", got)
	}
	if !tokens.take() || tokens.take() {
		t.Fatal("more than is reserved")
	}
	if first, second := tokens.give(), tokens.give(); first != freedFunction || second != freedNobody {
		t.Errorf("given back, it is told to %v, then to %v", first, second)
	}
}
