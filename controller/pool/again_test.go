package pool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
)

var errInit = &rouse.Error{Code: rouse.StartFailed, Message: "the module does not load"}

func failingInit(rouse.InstanceID) error { return errInit }

func (b *bench) retrying(t *testing.T) *rouse.Lease {
	t.Helper()
	l, err := b.Retrying().Acquire(t.Context(), b.rev.ID, 0)
	if err != nil {
		t.Fatalf("Acquire: %v", err)
	}
	return l
}

func TestAFailedInitIsLentToWhoRunsItAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.ready = failingInit
		for n := range 5 { // none waits for what came of another
			began := time.Now()
			l := b.retrying(t)
			if !l.Cold || time.Since(began) > 0 {
				t.Errorf("lease %d: cold %v after %v", n, l.Cold, time.Since(began))
			}
			l.Release(rouse.ErrBroken)
			synctest.Wait()
			if b.fake.Live() != 0 {
				t.Fatal("an instance whose init failed twice is kept")
			}
		}
		if _, err := b.Acquire(t.Context(), b.rev.ID, 0); !errors.As(err, new(*rouse.Error)) || rouse.CodeOf(err) != rouse.StartFailed {
			t.Errorf("others are told %v", err)
		}
	})
}

func TestAnInitThatSucceedsTheSecondTimeIsAnInstance(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.ready = failingInit
		l := b.retrying(t)
		l.Release(nil)
		for range 3 {
			again := b.acquire(t)
			if again.Instance != l.Instance || again.Cold {
				t.Errorf("lent %s, cold %v", again.Instance, again.Cold)
			}
			again.Release(nil)
		}
		synctest.Wait()
		b.fake.Sandboxes()[0].End(rouse.Exit{Code: 1}) // which is noticed, too
		synctest.Wait()
		if n := b.fake.Live(); n != 0 {
			t.Errorf("%d instances without a process", n)
		}
	})
}

func TestOnlyWhoRunsItAgainIsLentAFailedInit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.MaxInstances, s.Queue = 1, 10 })
		release := make(chan struct{})
		b.ready = func(rouse.InstanceID) error { <-release; return errInit }
		var all sync.WaitGroup
		plain, again := make(chan error, 2), make(chan *rouse.Lease, 2)
		for range 2 {
			all.Go(func() {
				_, err := b.Acquire(t.Context(), b.rev.ID, 0)
				plain <- err
			})
			all.Go(func() {
				l, err := b.Retrying().Acquire(t.Context(), b.rev.ID, 0)
				if err != nil {
					t.Errorf("Acquire: %v", err)
				}
				again <- l
			})
			synctest.Wait()
		}
		close(release)
		for range 2 {
			if err := <-plain; rouse.CodeOf(err) != rouse.StartFailed {
				t.Errorf("got %v", err)
			}
		}
		(<-again).Release(rouse.ErrBroken)
		(<-again).Release(rouse.ErrBroken) // the next one, of an instance of its own
		all.Wait()
		if b.fake.Made() != 2 {
			t.Errorf("%d sandboxes were made", b.fake.Made())
		}
	})
}

func TestAnInitThatHangsIsCutShortForWhoRunsItAgain(t *testing.T) {
	for name, c := range map[string]struct {
		lend func(*Pool) rouse.Leaser
		want time.Duration
	}{
		"retrying": {(*Pool).Retrying, initTime},
		"plain":    {func(p *Pool) rouse.Leaser { return p }, initTime + 30*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBench(t, nil)
				b.Pool.config.Attach = func(rouse.Revision, rouse.InstanceID, rouse.Endpoint) (rouse.Target, error) {
					return hanging{&target{b: b}}, nil
				}
				began := time.Now()
				l, err := c.lend(b.Pool).Acquire(t.Context(), b.rev.ID, 0)
				if took := time.Since(began); took != c.want {
					t.Errorf("after %v: %v", took, err)
				}
				if err == nil {
					l.Release(rouse.ErrBroken)
				}
			})
		})
	}
}

// hanging is a target whose code never gets ready.
type hanging struct{ *target }

func (hanging) Ready(ctx context.Context) error {
	<-ctx.Done()
	return fmt.Errorf("not in time: %w", context.Cause(ctx))
}

func TestASandboxThatCannotBeMadeIsLentToNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.fake.OnMake = func(context.Context, class) error { return errors.New("no engine") }
		for range 2 { // the second one is not tried so soon
			if _, err := b.Retrying().Acquire(t.Context(), b.rev.ID, 0); rouse.CodeOf(err) != rouse.StartFailed {
				t.Errorf("got %v", err)
			}
		}
		if b.fake.Made() != 0 {
			t.Errorf("%d sandboxes", b.fake.Made())
		}
	})
}

func TestAProvisionedInstanceWhoseInitFailsIsNotStartedInCircles(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.Provisioned, s.MaxInstances = 1, 3 })
		b.ready = failingInit
		began := time.Now()
		l := b.retrying(t)
		if made := b.fake.Made(); made > 3 || time.Since(began) > time.Second {
			t.Errorf("%d sandboxes were made in %s for one event", made, time.Since(began))
		}
		l.Release(rouse.ErrBroken)
	})
}
