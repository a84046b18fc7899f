package cells

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

func slow(took time.Duration) func(context.Context, driver.Class) error {
	return func(context.Context, driver.Class) error {
		<-time.After(took)
		return nil
	}
}

// takes is what a start of a class gets that may use nothing better than from.
func takes(t *testing.T, d *Driver, c driver.Class, from rouse.Tier) driver.Sandbox {
	t.Helper()
	s, err := d.MakeFor(t.Context(), c, "", from)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAwaitingASpareEndsWhenItIsThereAndNoneIsBeingMade(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		inner.OnMake = slow(time.Second)
		d := open(t, inner, 2)
		for _, c := range []driver.Class{plain, plain, egress, python("json")} {
			from := rouse.TierCell
			if c.Zygote != (driver.Zygote{}) {
				from = rouse.TierZygote
			}
			if err := d.Await(t.Context(), c, from); err != nil {
				t.Fatal(err)
			}
			if now := d.Cells(); now.Ready != 2 || now.Making != 0 {
				t.Errorf("%s: cells %+v", c.Kind(), now)
			}
			made, began := inner.Made(), time.Now()
			if s := takes(t, d, c, from); inner.Made() != made || time.Since(began) != 0 {
				t.Errorf("%s: the start had to make %s", c.Kind(), s.ID())
			}
		}
	})
}

func TestAStartUsesNothingBetterThanItIsGiven(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := open(t, &maker{}, 4)
		if err := d.Await(t.Context(), python("json"), rouse.TierZygote); err != nil {
			t.Fatal(err)
		}
		before := d.Cells().Ready
		if s := takes(t, d, python("json"), rouse.TierCold).(lent); !s.late || d.Cells().Ready != before {
			t.Errorf("a start from nothing used a spare: %d were ready, %d are", before, d.Cells().Ready)
		}
		if s := takes(t, d, python("json"), rouse.TierCell); d.Cells().Zygotes != 1 || d.Cells().Ready != before-1 {
			t.Errorf("a start from a cell used %s: %+v", s.ID(), d.Cells())
		}
		takes(t, d, python("json"), rouse.TierZygote)
		if d.Cells().Zygotes != 0 {
			t.Errorf("a start from a zygote used none: %+v", d.Cells())
		}
	})
}

func TestASpareThatThereCanNotBeIsRefusedWithTheReason(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := open(t, &maker{}, 1)
		none := open(t, &maker{none: "no rights"}, 2)
		for _, c := range []struct {
			d     *Driver
			class driver.Class
			from  rouse.Tier
			say   string
		}{
			{d, python("json"), rouse.TierZygote, "1 spare cells are kept, and it takes 2"},
			{open(t, &maker{}, 2), plain, rouse.TierZygote, "--zygote"},
			{open(t, &maker{}, 0), plain, rouse.TierCell, "0 spare cells"},
			{open(t, &maker{single: true}, 2), plain, rouse.TierCell, "cannot start from a cell"},
			{none, plain, rouse.TierCell, "no rights"},
		} {
			if err := c.d.Await(t.Context(), c.class, c.from); rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), c.say) {
				t.Errorf("%v, want invalid with %q", err, c.say)
			}
		}
		if err := none.Await(t.Context(), plain, rouse.TierCold); err != nil {
			t.Errorf("from nothing: %v", err)
		}
	})
}

func TestAwaitingEndsWithItsContextAndWithTheDriver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		inner.OnMake = slow(time.Hour)
		d := open(t, inner, 2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := d.Await(ctx, plain, rouse.TierCell); rouse.CodeOf(err) != rouse.Unavailable {
			t.Errorf("got %v", err)
		}
		began := time.Now()
		if err := d.Await(t.Context(), plain, rouse.TierCold); err != nil || time.Since(began) != calm {
			t.Errorf("from nothing: %v after %s", err, time.Since(began))
		}
		d.cancel()
		if err := d.Await(t.Context(), plain, rouse.TierCell); rouse.CodeOf(err) != rouse.Unavailable {
			t.Errorf("got %v", err)
		}
	})
}

func TestWhoAwaitsASpareDoesNotWaitForThoseAtWork(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		inner.OnMake = slow(time.Second)
		d := New(inner, Options{Most: 4, Log: slog.New(slog.DiscardHandler)})
		defer func() {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}()
		d.Heed(atWork(true))
		if _, err := d.List(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(1500 * time.Millisecond)
		began := time.Now()
		if err := d.Await(t.Context(), plain, rouse.TierCell); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("the other three were there after %s", took)
		}
	})
}
