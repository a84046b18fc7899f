package cells

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

func TestWhoIsAloneMayHaveEverySpare(t *testing.T) {
	var s share
	now := time.Unix(0, 0)
	for ready := 8; ready > 0; ready-- {
		if !s.take("a", ready, now) {
			t.Fatalf("refused with %d left", ready)
		}
	}
	if s.take("a", 0, now) {
		t.Error("got one that is not there")
	}
}

func TestNobodyGetsMoreThanHalfWhileOthersWantSome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s share
		now := time.Unix(0, 0)
		most := rapid.IntRange(1, 10).Draw(t, "most")
		ready := most
		holders := []rouse.RevisionID{"a", "b", "c"}
		var out []rouse.RevisionID // not replaced, the oldest first
		wanted := map[rouse.RevisionID]time.Time{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				if ready < most {
					ready++
					s.replaced()
					out = out[1:]
				}
			case 1: // less than the time after which a taking is forgotten
				now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "s")) * time.Second)
			default:
				h := rapid.SampledFrom(holders).Draw(t, "holder")
				rivals, held := false, 0
				for other, at := range wanted {
					rivals = rivals || other != h && now.Sub(at) <= rivalry
				}
				for _, o := range out {
					if o == h {
						held++
					}
				}
				wanted[h] = now
				got := s.take(h, ready, now)
				if half := max(most/2, 1); got && rivals && held+1 > half {
					t.Fatalf("the %dth of %d went to one of several", held+1, most)
				}
				if !got && ready > 0 && (!rivals || held == 0) {
					t.Fatalf("refused one of %d although it has %d, rivals: %t", ready, held, rivals)
				}
				if got {
					if ready == 0 {
						t.Fatal("got one that is not there")
					}
					ready--
					out = append(out, h)
				}
			}
		}
	})
}

func TestRivalsAreForgotten(t *testing.T) {
	var s share
	now := time.Unix(0, 0)
	for n := range 3 * mostRivals {
		s.want(rouse.RevisionID(fmt.Sprint(n)), now)
	}
	if len(s.wanted) > mostRivals {
		t.Errorf("%d are remembered", len(s.wanted))
	}
	later := now.Add(2 * rivalry)
	if !s.take("a", 2, later) || !s.take("a", 1, later) {
		t.Error("somebody of long ago still competes")
	}
}

func TestASecondFunctionFindsASpareBesideABurst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := open(t, &maker{}, 4)
		tier := func(holder rouse.RevisionID) rouse.Tier {
			s, err := d.MakeFor(t.Context(), plain, holder, "")
			if err != nil {
				t.Fatal(err)
			}
			if s.(lent).late {
				return rouse.TierCold
			}
			return rouse.TierCell
		}
		tier("b")
		pass(time.Second)
		got := map[rouse.Tier]int{}
		for range 4 {
			got[tier("a")]++
		}
		if got[rouse.TierCell] != 2 || tier("b") != rouse.TierCell {
			t.Errorf("the burst got %v", got)
		}
	})
}

// purse is a budget with so much in it.
type purse struct {
	mu   sync.Mutex
	left rouse.Bytes
}

func (p *purse) Take(n rouse.Bytes) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left < n {
		return false
	}
	p.left -= n
	return true
}

func (p *purse) Give(n rouse.Bytes) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left += n
}

func TestSparesArePaidForFromTheBudget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		money := &purse{left: 2*likely + 1}
		d := New(inner, Options{Most: 4, Log: slog.New(slog.DiscardHandler)})
		d.Fund(money)
		if _, err := d.List(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if c := d.Cells(); c.Ready != 2 || c.Making != 0 {
			t.Errorf("cells %+v, want as many as were paid for", c)
		}
		taken := make1(t, d, plain)
		money.Give(2 * likely)
		pass(time.Minute)
		if c := d.Cells(); c.Ready != 4 || c.Kinds[0] != (rouse.CellKind{Kind: "none", Ready: 4}) {
			t.Errorf("cells %+v, want 4: one was taken, and there is memory for two more", c)
		}
		money.Give(-2 * likely) // others have it now
		d.Shed(likely + 1)
		pass(time.Minute)
		if c := d.Cells(); c.Ready != 2 {
			t.Errorf("cells %+v, want 2 after two had to go", c)
		}
		money.Give(2 * likely)
		d.Shed(0)
		pass(time.Minute)
		if c := d.Cells(); c.Ready != 4 {
			t.Errorf("cells %+v, want 4 again", c)
		}
		if err := taken.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if money.left != 4*likely+1 {
			t.Errorf("%s came back of %s", money.left, 4*likely+1)
		}
	})
}

// old is a spare of an earlier process.
type old struct {
	driver.Sandbox
	err error
}

func (o old) Reclaim(ctx context.Context) (driver.Class, error) {
	select {
	case <-time.After(100 * time.Millisecond):
		return driver.Cell(rouse.NetworkNone), o.err
	case <-ctx.Done():
		return driver.Class{}, ctx.Err()
	}
}

func TestSparesOfAnEarlierProcessAreTakenOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		var boxes []driver.Sandbox
		for range 3 {
			box, err := inner.Fake.Make(t.Context(), driver.Cell(rouse.NetworkNone))
			if err != nil {
				t.Fatal(err)
			}
			boxes = append(boxes, box)
		}
		inner.left = []driver.Sandbox{old{boxes[0], nil}, old{boxes[1], errors.New("it does not answer")}, boxes[2]}
		d := New(inner, Options{Most: 2, Log: slog.New(slog.DiscardHandler)})
		list, err := d.List(t.Context())
		if err != nil || len(list) != 1 || list[0] != boxes[2] {
			t.Fatalf("listed %v, %v: want the one that was in use", list, err)
		}
		pass(10 * time.Millisecond)
		if inner.Made() != 3 {
			t.Error("a spare was made while others may come back")
		}
		pass(time.Second)
		if c := d.Cells(); c.Ready != 2 || inner.Made() != 4 || inner.Live() != 3 {
			t.Errorf("cells %+v, %d made, %d alive", c, inner.Made(), inner.Live())
		}
		if err := errors.Join(boxes[2].Stop(t.Context()), d.Close()); err != nil || inner.Live() != 0 {
			t.Errorf("%d are left: %v", inner.Live(), err)
		}
	})
}

// heavy is a sandbox of so many bytes.
type heavy struct {
	driver.Sandbox
	weight rouse.Bytes
}

func (h heavy) Weight() rouse.Bytes { return h.weight }

// scales are a maker whose zygotes weigh so much.
type scales struct {
	*maker
	zygote rouse.Bytes
}

func (s scales) Make(ctx context.Context, c driver.Class) (driver.Sandbox, error) {
	made, err := s.maker.Make(ctx, c)
	if err != nil {
		return nil, err
	}
	if c.IsZygote() {
		return heavy{made, s.zygote}, nil
	}
	return heavy{made, rouse.MB}, nil
}

func TestSparesPayForWhatTheyWeigh(t *testing.T) {
	for name, c := range map[string]struct {
		budget, zygote, left rouse.Bytes
		zygotes              int
	}{
		"lighter than thought":           {200 * rouse.MB, 20 * rouse.MB, 179 * rouse.MB, 1},
		"heavier than thought":           {200 * rouse.MB, 120 * rouse.MB, 79 * rouse.MB, 1},
		"heavier than there is room for": {100 * rouse.MB, 120 * rouse.MB, 99 * rouse.MB, 0},
		"no room for what it is thought": {30 * rouse.MB, 20 * rouse.MB, 29 * rouse.MB, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				inner := scales{&maker{}, c.zygote}
				money := &purse{left: c.budget}
				d := New(inner, Options{Most: 2, Log: slog.New(slog.DiscardHandler)})
				d.Fund(money)
				if _, err := d.List(t.Context()); err != nil {
					t.Fatal(err)
				}
				pass(time.Minute)
				spec := rouse.Spec{
					Runtime: "python3.11", Contract: rouse.ContractLambda, Network: rouse.NetworkNone, Zygote: []string{"numpy"},
					Artifact: rouse.Artifact{Code: "sha256:2"},
				}
				if _, err := d.Check(t.Context(), spec, nil); err != nil {
					t.Fatal(err)
				}
				pass(time.Minute)
				now := d.Cells()
				money.mu.Lock()
				left := money.left + rouse.Bytes(now.Ready-now.Zygotes-1)*rouse.MB
				money.mu.Unlock()
				if now.Zygotes != c.zygotes || left != c.left {
					t.Errorf("%d zygotes and %s left, want %d and %s", now.Zygotes, left, c.zygotes, c.left)
				}
				if err := d.Close(); err != nil {
					t.Error(err)
				}
				if money.left != c.budget || inner.Live() != 0 {
					t.Errorf("%s came back of %s, %d are alive", money.left, c.budget, inner.Live())
				}
			})
		})
	}
}
