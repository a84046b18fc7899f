package cells

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/drivertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// maker is a fake driver that makes cells.
type maker struct {
	drivertest.Fake

	mu     sync.Mutex
	none   string // why there are no cells
	single bool   // classes want sandboxes of their own
	left   []driver.Sandbox
	made   func(driver.Class) // called when one has been; nil for nothing
}

func (m *maker) Make(ctx context.Context, c driver.Class) (driver.Sandbox, error) {
	s, err := m.Fake.Make(ctx, c)
	if err == nil && m.made != nil {
		m.made(c)
	}
	return s, err
}

func (m *maker) List(context.Context) ([]driver.Sandbox, error) { return m.left, nil }

func (m *maker) CellFor(_ context.Context, c driver.Class) (driver.Class, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return driver.Cell(c.Network), m.none == "" && !m.single
}

func (m *maker) ZygoteFor(_ context.Context, c driver.Class) (driver.Class, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return driver.Class{Network: c.Network, Image: c.Image, Zygote: c.Zygote}, c.Zygote != (driver.Zygote{}) && m.none == "" && !m.single
}

func (m *maker) Sockets() (driver.Sockets, string) { return driver.SocketsAgent, "" }

func (m *maker) NoCells() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.none
}

func (m *maker) Collect(context.Context, []rouse.Spec) (int, error) { return 0, nil }

func (m *maker) giveUp(why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.none = why
}

var (
	plain  = driver.Class{Network: rouse.NetworkNone, Image: "sha256:1", Memory: rouse.MB}
	egress = driver.Class{Network: rouse.NetworkEgress, Image: "sha256:1", Memory: rouse.MB}
)

// open makes a driver with most spares, and waits until they are there.
func open(t *testing.T, inner *maker, most int) *Driver {
	t.Helper()
	d := New(inner, Options{Most: most, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := d.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return d
}

func make1(t *testing.T, d *Driver, c driver.Class) *drivertest.FakeSandbox {
	t.Helper()
	s, err := d.Make(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s.(lent).Sandbox.(*drivertest.FakeSandbox)
}

// pass lets time go by, and what it brings about happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func bubble(t *testing.T, test func(*testing.T)) { t.Helper(); synctest.Test(t, test) }

func TestNothingIsMadeBeforeTheListOfWhatWasLeft(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		d := New(inner, Options{Most: 2, Log: slog.New(slog.DiscardHandler)})
		pass(time.Hour)
		if inner.Made() != 0 {
			t.Error("List would find spares of our own")
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestASpareIsHandedOutWithoutAWaitAndReplaced(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		inner.OnMake = func(ctx context.Context, c driver.Class) error {
			<-time.After(200 * time.Millisecond)
			return nil
		}
		d := open(t, inner, 2)
		pass(time.Second)
		if c := d.Cells(); c.Ready != 2 || c.Making != 0 || c.Most != 2 {
			t.Fatalf("cells %+v, want 2 ready", c)
		}
		began := time.Now()
		s := make1(t, d, plain)
		if time.Since(began) != 0 || !s.Class().IsCell() {
			t.Errorf("a %+v after %s", s.Class(), time.Since(began))
		}
		synctest.Wait()
		if inner.Made() != 2 {
			t.Error("a replacement was begun at once, while the start needs the CPU")
		}
		pass(time.Second)
		if c := d.Cells(); c.Ready != 2 || s.Gone() {
			t.Errorf("cells %+v, and the one that was taken is gone: %t", c, s.Gone())
		}
	})
}

func TestEachSpareIsHandedOutOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		d := open(t, inner, 3)
		var mu sync.Mutex
		seen := map[rouse.SandboxID]bool{}
		tiers := map[bool]int{}
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				s, err := d.Make(t.Context(), plain)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if seen[s.ID()] {
					t.Errorf("%s was handed out twice", s.ID())
				}
				seen[s.ID()] = true
				tiers[s.(lent).late]++
			})
		}
		all.Wait()
		if tiers[false] != 3 || tiers[true] != 17 {
			t.Errorf("%d spares and %d made on demand, want 3 and 17", tiers[false], tiers[true])
		}
	})
}

func TestACellMadeOnDemandIsAColdStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := open(t, &maker{}, 0)
		s, err := d.Make(t.Context(), plain)
		if err != nil {
			t.Fatal(err)
		}
		if tier, _ := s.(driver.Placed).Placed(); tier != rouse.TierCold {
			t.Errorf("tier %q, want cold", tier)
		}
		if c := d.Cells(); c.Ready != 0 {
			t.Errorf("cells %+v, want none kept", c)
		}
	})
}

func TestASpareThatDiesIsReplacedAndRemoved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		d := open(t, inner, 2)
		dead := inner.Sandboxes()[0]
		dead.Die()
		pass(time.Second)
		if c := d.Cells(); c.Ready != 2 || inner.Live() != 2 {
			t.Errorf("cells %+v, %d alive, want 2", c, inner.Live())
		}
		for range 2 {
			if make1(t, d, plain) == dead {
				t.Error("a dead spare was handed out")
			}
		}
	})
}

func TestWhatCannotBeACellIsMadeAsItIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{single: true}
		d := open(t, inner, 1)
		if s := make1(t, d, plain); s.Class() != plain {
			t.Errorf("made %+v, want %+v", s.Class(), plain)
		}
		if c := d.Cells(); c.Ready != 1 {
			t.Errorf("cells %+v: the spare was used up", c)
		}
	})
}

func TestACellThatCannotBeMadeIsNoErrorWhileAContainerCan(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		inner.OnMake = func(_ context.Context, c driver.Class) error {
			if c.IsCell() {
				return errors.New("no cells today")
			}
			return nil
		}
		d := open(t, inner, 1)
		if s := make1(t, d, plain); s.Class() != plain {
			t.Errorf("made %+v, want %+v", s.Class(), plain)
		}
	})
}

func TestAnEngineThatIsAwayIsAskedOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner, calls := &maker{}, 0
		d := open(t, inner, 0)
		inner.OnMake = func(context.Context, driver.Class) error {
			calls++
			return rouse.Errorf(rouse.Unavailable, "the engine does not answer")
		}
		if _, err := d.Make(t.Context(), plain); rouse.CodeOf(err) != rouse.Unavailable || calls != 1 {
			t.Errorf("%d calls, %v", calls, err)
		}
	})
}

func TestFailuresAreRetriedWithABackOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		var mu sync.Mutex
		calls, broken := 0, true
		inner.OnMake = func(context.Context, driver.Class) error {
			mu.Lock()
			defer mu.Unlock()
			calls++
			if broken {
				return errors.New("no")
			}
			return nil
		}
		d := open(t, inner, 1)
		pass(time.Minute)
		mu.Lock()
		if calls < 3 || calls > 20 {
			t.Errorf("%d attempts in a minute", calls)
		}
		broken = false
		mu.Unlock()
		pass(time.Minute)
		if c := d.Cells(); c.Ready != 1 {
			t.Errorf("cells %+v, want 1 after the engine has recovered", c)
		}
	})
}

func TestSparesGoWhereCellsAreGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		d := open(t, inner, 2)
		inner.giveUp("mounts are refused")
		if s := make1(t, d, plain); s.Class() != plain {
			t.Errorf("made %+v, want %+v", s.Class(), plain)
		}
		pass(time.Second)
		if c := d.Cells(); c.Ready != 0 || c.Unused != "mounts are refused" || inner.Live() != 1 {
			t.Errorf("cells %+v, %d alive", c, inner.Live())
		}
	})
}

func TestSparesFollowDemand(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		d := open(t, inner, 4)
		ready := func() map[rouse.Network]int {
			n := map[rouse.Network]int{}
			for _, s := range inner.Sandboxes() {
				if s.Class().IsCell() && !s.Gone() && s.Revision().ID == "" {
					n[s.Class().Network]++
				}
			}
			return n
		}
		if n := ready(); n[rouse.NetworkNone] != 4 {
			t.Fatalf("spares %v, want 4 of the usual kind", n)
		}
		for range 6 {
			s := make1(t, d, egress)
			pass(time.Second)
			if err := s.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := ready(); n[rouse.NetworkEgress] != 3 || n[rouse.NetworkNone] != 1 {
			t.Errorf("spares %v after a demand for egress", n)
		}
		pass(2 * time.Hour)
		if n := ready(); n[rouse.NetworkEgress] != 0 || n[rouse.NetworkNone] != 4 {
			t.Errorf("spares %v after nobody asked for egress for two hours", n)
		}
	})
}

func TestCloseRemovesTheSparesAndLeavesTheRest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		d := New(inner, Options{Most: 3, Log: slog.New(slog.DiscardHandler)})
		if _, err := d.List(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		used := make1(t, d, plain)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if inner.Live() != 1 || used.Gone() {
			t.Errorf("%d sandboxes are left, want the one in use", inner.Live())
		}
	})
}
