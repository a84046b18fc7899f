package cells

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

func TestASpareThatCannotBeRemovedIsRemovedOnceItCan(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		var away atomic.Bool
		inner.OnStop = func(context.Context, rouse.SandboxID) error {
			if away.Load() {
				return rouse.Errorf(rouse.Unavailable, "the engine does not answer")
			}
			return nil
		}
		d := open(t, inner, 2)
		away.Store(true)
		inner.giveUp("they are all to go")
		d.Shed(0)
		pass(time.Minute)
		if c := d.Cells(); c.Ready != 0 || inner.Live() != 2 {
			t.Fatalf("cells %+v, %d alive, want none to be had and 2 alive", c, inner.Live())
		}
		away.Store(false)
		pass(slowest)
		if inner.Live() != 0 {
			t.Errorf("%d that nobody can have are left", inner.Live())
		}
	})
}
