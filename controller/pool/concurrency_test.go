package pool

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
)

// burst makes n requests at once and waits until each has a lease or a refusal.
func (b *bench) burst(t *testing.T, id rouse.RevisionID, n int) (leases []*rouse.Lease, refused map[rouse.Quota]int) {
	t.Helper()
	type end struct {
		lease *rouse.Lease
		err   error
	}
	ends := make(chan end, n)
	for range n {
		go func() {
			l, err := b.Acquire(context.Background(), id, 0)
			ends <- end{l, err}
		}()
	}
	refused = map[rouse.Quota]int{}
	for range n {
		e := <-ends
		var said *rouse.Error
		switch {
		case e.err == nil:
			leases = append(leases, e.lease)
		case errors.As(e.err, &said) && said.Code == rouse.Throttled:
			refused[said.Quota]++
		default:
			t.Fatal(e.err)
		}
	}
	return leases, refused
}

func giveBack(leases []*rouse.Lease) {
	for _, l := range leases {
		l.Release(nil)
	}
}

func TestABurstGivesThatManyInstancesOrExactThrottles(t *testing.T) {
	for name, c := range map[string]struct {
		change         func(*Config, *rouse.Settings)
		served         int
		quota          rouse.Quota
		provisionFirst int
	}{
		"without a limit":          {func(*Config, *rouse.Settings) {}, 200, "", 0},
		"reserved":                 {func(_ *Config, s *rouse.Settings) { s.Reserved = new(30) }, 30, rouse.QuotaReserved, 0},
		"reserved, partly ready":   {func(_ *Config, s *rouse.Settings) { s.Reserved, s.Provisioned = new(30), 10 }, 30, rouse.QuotaReserved, 10},
		"all that is reserved":     {func(_ *Config, s *rouse.Settings) { s.Reserved, s.Provisioned = new(10), 10 }, 10, rouse.QuotaReserved, 10},
		"the account":              {func(c *Config, _ *rouse.Settings) { c.Account = 120 }, 120, rouse.QuotaAccount, 0},
		"the account, ready ones":  {func(c *Config, s *rouse.Settings) { c.Account, s.Provisioned = 150, 20 }, 150, rouse.QuotaAccount, 20},
		"the revision's instances": {func(_ *Config, s *rouse.Settings) { s.MaxInstances = 7 }, 7, rouse.QuotaInstances, 0},
		"the host's instances":     {func(c *Config, _ *rouse.Settings) { c.MaxInstances = 9 }, 9, rouse.QuotaHost, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBench(t, func(config *Config, s *rouse.Settings) {
					s.Queue = 0
					config.MaxStarts = 4
					c.change(config, s)
				})
				b.fake.OnMake = delay[class](time.Second)
				b.Changed(rouse.Function{Name: "f", Latest: b.rev.ID, Settings: b.byRev[b.rev.ID]})
				<-time.After(time.Minute)
				if b.fake.Live() != c.provisionFirst {
					t.Fatalf("%d instances before, want %d", b.fake.Live(), c.provisionFirst)
				}
				for round := range 2 { // cold, then warm
					leases, refused := b.burst(t, b.rev.ID, 200)
					if len(leases) != c.served || refused[c.quota] != 200-c.served || b.fake.Live() != c.served {
						t.Errorf("round %d: %d served by %d instances and refused %v, want %d for %q",
							round, len(leases), b.fake.Live(), refused, c.served, c.quota)
					}
					giveBack(leases)
				}
			})
		})
	}
}

func TestAWaitInVainSaysWhatForItWas(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config, *rouse.Settings)
		want   rouse.Quota
		slow   bool // starts take longer than anybody waits
	}{
		"reserved":      {func(_ *Config, s *rouse.Settings) { s.Reserved = new(1) }, rouse.QuotaReserved, false},
		"the account":   {func(c *Config, _ *rouse.Settings) { c.Account = 1 }, rouse.QuotaAccount, false},
		"max_instances": {func(_ *Config, s *rouse.Settings) { s.MaxInstances = 1 }, rouse.QuotaInstances, false},
		"the host":      {func(c *Config, _ *rouse.Settings) { c.MaxInstances = 1 }, rouse.QuotaHost, false},
		"a slow start":  {func(*Config, *rouse.Settings) {}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBench(t, c.change)
				busy := b.acquire(t)
				defer busy.Release(nil)
				if c.slow {
					b.fake.OnMake = delay[class](time.Minute)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := b.Acquire(ctx, b.rev.ID, 0)
				var said *rouse.Error
				if !errors.As(err, &said) || said.Code != rouse.Timeout || said.Quota != c.want {
					t.Errorf("%+v, want a timeout by %q", err, c.want)
				}
			})
		})
	}
}

func TestProvisionedInstancesOfAVersionLeaveNoRoomForOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.Queue, s.Reserved = 0, new(1) })
		settings := b.byRev[b.rev.ID]
		version := b.function("f", 256*rouse.MB, settings)
		fn := rouse.Function{
			Name: "f", Latest: b.rev.ID, Settings: settings, Versions: []rouse.Version{{Number: 1, Revision: version.ID}},
			Provisioned: map[rouse.Qualifier]rouse.Provisioning{"1": {Count: 1}},
		}
		b.fns["f"] = fn
		b.Changed(fn)
		synctest.Wait()
		if got := b.Provisioned(version.ID); got.Ready != 1 || b.fake.Live() != 1 {
			t.Fatalf("provisioned: %+v with %d instances", got, b.fake.Live())
		}
		if _, refused := b.burst(t, b.rev.ID, 1); refused[rouse.QuotaReserved] != 1 {
			t.Errorf("$LATEST was refused %v, want it to be throttled by what is reserved", refused)
		}
		if leases, _ := b.burst(t, version.ID, 2); len(leases) != 1 {
			t.Errorf("%d of the version were served, want the provisioned one", len(leases))
		} else {
			giveBack(leases)
		}
	})
}

func TestTheNextRequestIsNotThrottledWhileItsProvisionedInstanceSettles(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.Queue, s.Reserved, s.Provisioned = 0, new(1), 1 })
		b.Changed(rouse.Function{Name: "f", Latest: b.rev.ID, Settings: b.byRev[b.rev.ID]})
		synctest.Wait()
		first := b.acquire(t)
		first.Settling()
		next := make(chan *rouse.Lease)
		go func() {
			l, err := b.Acquire(context.Background(), b.rev.ID, 0)
			if err != nil {
				t.Errorf("the next request: %v", err)
			}
			next <- l
		}()
		synctest.Wait()
		first.Release(nil)
		if l := <-next; l != nil {
			l.Release(nil)
		}
		if b.fake.Made() != 1 {
			t.Errorf("%d sandboxes were made, want the provisioned one", b.fake.Made())
		}
	})
}

func TestProvisionedInstancesAreGivenUpAfterSixAttempts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.Provisioned = 3 })
		var broken atomic.Bool
		broken.Store(true)
		b.ready = func(rouse.InstanceID) error {
			if broken.Load() {
				<-time.After(time.Second) // else the first to fail takes those back that have yet to begin
				return rouse.Errorf(rouse.StartFailed, "init crashed")
			}
			return nil
		}
		fn := rouse.Function{Name: "f", Latest: b.rev.ID, Settings: b.byRev[b.rev.ID]}
		b.Changed(fn)
		<-time.After(time.Hour)
		synctest.Wait()
		if got := b.Provisioned(b.rev.ID); !got.Failed || b.fake.Made() != 6*3 {
			t.Errorf("after an hour %+v and %d sandboxes made, want 6 attempts of 3", got, b.fake.Made())
		}
		broken.Store(false)
		b.Changed(fn)
		synctest.Wait()
		if got := b.Provisioned(b.rev.ID); got.Failed || got.Ready != 3 {
			t.Errorf("after a change %+v, want 3 that are ready", got)
		}
	})
}

func TestWhatTheAccountHasIsSharedByFunctions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(c *Config, s *rouse.Settings) { c.Account, s.Queue = 102, 1 })
		reserves := rouse.DefaultSettings()
		reserves.Reserved, reserves.Queue = new(2), 0
		own := b.function("own", 256*rouse.MB, reserves)
		b.Changed(rouse.Function{Name: "own", Latest: own.ID, Settings: reserves})
		other := b.function("other", 256*rouse.MB, rouse.DefaultSettings())

		leases, refused := b.burst(t, b.rev.ID, 100)
		if len(refused) != 0 {
			t.Fatalf("refused %v, want the 100 that nobody reserved", refused)
		}
		waits := make(chan *rouse.Lease, 1)
		go func() {
			l, _ := b.Acquire(context.Background(), other.ID, 0)
			waits <- l
		}()
		synctest.Wait()
		if got, refused := b.burst(t, own.ID, 3); len(got) != 2 || refused[rouse.QuotaReserved] != 1 {
			t.Errorf("what is reserved served %d and refused %v, want 2 and 1", len(got), refused)
		} else {
			giveBack(got)
		}
		select {
		case <-waits:
			t.Fatal("a request passed what the account has")
		default:
		}
		leases[0].Release(nil)
		if l := <-waits; l == nil {
			t.Error("who waited for the account was refused")
		} else {
			l.Release(nil)
		}
		giveBack(leases[1:])
		b.Forget("own")
		leases, refused = b.burst(t, b.rev.ID, 102)
		if len(refused) != 0 {
			t.Errorf("refused %v after the reservation had gone", refused)
		}
		giveBack(leases)
	})
}
