package cells

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// python is a class of code that imports modules.
func python(modules ...string) driver.Class {
	c := driver.Plain(rouse.Revision{Spec: rouse.Spec{
		Runtime: "python3.11", Contract: rouse.ContractLambda, Network: rouse.NetworkNone, Zygote: modules,
		Artifact: rouse.Artifact{Code: "sha256:2"},
	}})
	return c
}

func TestAZygoteIsMadeForTheNextStartWhenThereIsNone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := open(t, &maker{}, 2)
		if first := make1(t, d, python("json")); first.Class().IsZygote() {
			t.Error("a zygote that nobody has made")
		}
		pass(time.Second)
		if c := d.Cells(); c.Ready != 2 || c.Zygotes != 1 {
			t.Fatalf("cells %+v, want a zygote and a cell", c)
		}
		if other := make1(t, d, python("decimal")); other.Class().IsZygote() {
			t.Error("a zygote with other modules was handed out")
		}
		if next := make1(t, d, python("json")); next.Class().Zygote.Modules != "json" || !next.Class().IsZygote() {
			t.Errorf("got %+v, want the zygote", next.Class())
		}
	})
}

func TestZygotesTakeHalfOfThePlacesTheLastAskedForFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := open(t, &maker{}, 4)
		for i, modules := range []string{"a", "b", "c"} {
			for range 3 - i {
				make1(t, d, python(modules))
			}
			pass(time.Second)
		}
		pass(time.Minute)
		if c := d.Cells(); c.Zygotes != 2 || c.Ready != 4 {
			t.Fatalf("cells %+v, want 2 zygotes among 4", c)
		}
		for _, modules := range []string{"c", "b", "a"} { // who asks for a has another go
			if got, want := make1(t, d, python(modules)).Class().IsZygote(), modules != "a"; got != want {
				t.Errorf("%s: zygote %t, want %t", modules, got, want)
			}
		}
	})
}

func TestZygotesThatNobodyAsksForGo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		d := open(t, inner, 4)
		for i := range 100 {
			make1(t, d, python(fmt.Sprint("m", i)))
			pass(time.Hour)
		}
		if c := d.Cells(); c.Zygotes != 0 {
			t.Errorf("cells %+v after an hour without a start", c)
		}
		if n := len(d.stock.kinds); n > 3 {
			t.Errorf("%d kinds are remembered", n)
		}
	})
}

func refuse(_ context.Context, c driver.Class) error {
	if c.IsZygote() {
		return rouse.Errorf(rouse.Invalid, "zygote: module bad: it starts a thread")
	}
	return nil
}

func TestModulesThatWillNotDoFailTheDeploymentAndNoStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		inner.OnMake = refuse
		d := open(t, inner, 2)
		spec := rouse.Spec{Runtime: "python3.11", Network: rouse.NetworkNone, Zygote: []string{"bad"}, Artifact: rouse.Artifact{Code: "sha256:2"}}
		if _, err := d.Check(t.Context(), spec, nil); rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), "module bad") {
			t.Errorf("got %v", err)
		}
		make1(t, d, python("bad"))
		pass(time.Hour)
		// 3, and one more if a cell went to make room before the zygote was refused.
		if c := d.Cells(); c.Ready != 2 || c.Zygotes != 0 || inner.Made() > 4 {
			t.Errorf("cells %+v after %d were made", c, inner.Made())
		}
	})
}

func TestADeploymentLoadsItsZygoteForTheFirstStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := open(t, &maker{}, 2)
		spec := rouse.Spec{
			Runtime: "python3.11", Contract: rouse.ContractLambda, Network: rouse.NetworkNone, Zygote: []string{"json"},
			Artifact: rouse.Artifact{Code: "sha256:2"},
		}
		if _, err := d.Check(t.Context(), spec, nil); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if c := d.Cells(); c.Zygotes != 1 || c.Ready != 2 {
			t.Errorf("cells %+v, want a zygote and a cell", c)
		}
		if s := make1(t, d, driver.Plain(rouse.Revision{Spec: spec})); !s.Class().IsZygote() {
			t.Errorf("the first start got %+v", s.Class())
		}
	})
}

func TestAZygoteOfADeploymentThatIsGivenUpIsNotLost(t *testing.T) {
	for name, giveUp := range map[string]func(d *Driver, leave context.CancelFunc){
		"its caller leaves":   func(_ *Driver, leave context.CancelFunc) { leave() },
		"the driver is ended": func(d *Driver, _ context.CancelFunc) { _ = d.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				inner := &maker{}
				d := open(t, inner, 2)
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				inner.made = func(c driver.Class) {
					if c.IsZygote() {
						giveUp(d, leave)
					}
				}
				spec := rouse.Spec{Runtime: "python3.11", Network: rouse.NetworkNone, Zygote: []string{"json"}, Artifact: rouse.Artifact{Code: "sha256:2"}}
				_, _ = d.Check(ctx, spec, nil) // how that ends is the deployment's affair
				synctest.Wait()
				left, known := inner.Live(), d.Cells().Ready
				if left != known || d.life.Err() != nil && left != 0 {
					t.Errorf("%d sandboxes are left, and %d known", left, known)
				}
			})
		})
	}
}

func TestAZygoteThatIsRefusedTakesNoOtherWithIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		d := New(inner, Options{Most: 2, Log: slog.New(slog.DiscardHandler)}) // not listed: nothing refills
		t.Cleanup(func() { _ = d.Close() })
		class, _ := d.ZygoteFor(t.Context(), python("json"))
		d.do(func(s *stock) { s.kind(class, time.Now()).making++ }) // by refill, while a deployment makes one too
		spec := rouse.Spec{
			Runtime: "python3.11", Contract: rouse.ContractLambda, Network: rouse.NetworkNone, Zygote: []string{"json"},
			Artifact: rouse.Artifact{Code: "sha256:2"},
		}
		if made, err := inner.Make(t.Context(), class); err != nil {
			t.Fatal(err)
		} else {
			d.do(func(s *stock) { d.keep(s.kinds[class], &spare{sandbox: made}) })
		}
		inner.OnMake = refuse
		d.add(class, 0)
		if _, err := d.Check(t.Context(), spec, nil); err != nil || d.Cells().Zygotes != 1 {
			t.Errorf("cells %+v, %v", d.Cells(), err)
		}
	})
}
