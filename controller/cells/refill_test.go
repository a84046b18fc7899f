package cells

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

func TestRefillingWaitsForWhatRequestsWaitFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		d := open(t, inner, 1)
		release := make(chan struct{})
		inner.OnMake = func(ctx context.Context, c driver.Class) error { <-release; return nil }
		make1(t, d, plain) // the spare
		done := make(chan struct{})
		go func() {
			defer close(done)
			make1(t, d, plain) // on demand, and slow
		}()
		pass(time.Minute)
		if c := d.Cells(); c.Making != 0 {
			t.Error("a spare was made beside a sandbox that a request waits for")
		}
		close(release)
		<-done
		pass(time.Second)
		if c := d.Cells(); c.Ready != 1 {
			t.Errorf("cells %+v, want 1 ready afterwards", c)
		}
	})
}

func TestRefillingWaitsForTheStartsFromSpares(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := open(t, &maker{}, 2)
		starts := make([]context.CancelFunc, 2)
		for i := range starts {
			ctx, started := context.WithCancel(t.Context())
			starts[i] = started
			if _, err := d.Make(ctx, plain); err != nil {
				t.Fatal(err)
			}
		}
		pass(100 * time.Millisecond)
		starts[0]()
		pass(100 * time.Millisecond)
		if c := d.Cells(); c.Ready != 0 {
			t.Error("a spare was made beside a start")
		}
		starts[1]()
		pass(breath)
		if c := d.Cells(); c.Ready != 2 {
			t.Errorf("cells %+v, want 2 ready when all have started", c)
		}

		ctx, started := context.WithCancel(t.Context()) // a start that takes long
		defer started()
		if _, err := d.Make(ctx, plain); err != nil {
			t.Fatal(err)
		}
		pass(settle)
		if c := d.Cells(); c.Ready != 2 {
			t.Errorf("cells %+v, want 2 ready beside a slow start", c)
		}
	})
}

func TestRefillingWaitsForSandboxesThatEndAndNotForEver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		d := open(t, inner, 2)
		release := make(chan struct{})
		inner.OnStop = func(context.Context, rouse.SandboxID) error { <-release; return nil }
		ctx, started := context.WithCancel(t.Context())
		var ending sync.WaitGroup
		for range 2 {
			s, err := d.Make(ctx, plain)
			if err != nil {
				t.Fatal(err)
			}
			ending.Go(func() {
				if err := s.Stop(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		started()
		pass(cleanup / 2)
		for want := range 3 { // one in a while
			if c := d.Cells(); c.Ready != want {
				t.Errorf("cells %+v, want %d while others end", c, want)
			}
			pass(cleanup)
		}
		taken := make1(t, d, plain)
		pass(cleanup / 2)
		if c := d.Cells(); c.Ready != 1 {
			t.Errorf("cells %+v, want 1 while others end", c)
		}
		close(release)
		ending.Wait()
		pass(time.Millisecond)
		if c := d.Cells(); c.Ready != 2 || taken.Gone() {
			t.Errorf("cells %+v, want 2 when all have ended", c)
		}
	})
}

// atWork says whether functions are.
type atWork bool

func (w atWork) AtWork(time.Time) bool { return bool(w) }

func TestRefillingLeavesTimeToFunctionsAtWork(t *testing.T) {
	for work, within := range map[atWork]time.Duration{false: 3 * time.Second, true: 3*time.Second + 2*brief(time.Second)} {
		bubble(t, func(t *testing.T) {
			inner := &maker{}
			inner.OnMake = slow(time.Second)
			d := New(inner, Options{Most: 3, Log: slog.New(slog.DiscardHandler)})
			d.Heed(work)
			if _, err := d.List(t.Context()); err != nil {
				t.Fatal(err)
			}
			pass(within - time.Millisecond)
			if c := d.Cells(); c.Ready != 2 {
				t.Errorf("at work %t: cells %+v just before %s, want 2 ready", work, c, within)
			}
			pass(2 * time.Millisecond)
			if c := d.Cells(); c.Ready != 3 {
				t.Errorf("at work %t: cells %+v after %s, want 3 ready", work, c, within)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A few functions in a row find cells; a demand that goes on gets those that
// functions at work can bear.
func TestWhatIsLeftToFunctionsAtWorkIsOwedForAWhileOnly(t *testing.T) {
	const took, makings = time.Second / 10, 1000
	s := newStock(1)
	began := time.Now()
	now, soon := began, 0
	for range makings {
		now = now.Add(took)
		s.rest(now, took)
		if s.restTill.Sub(now) == brief(took) {
			soon++
		}
		now = s.restTill
	}
	least := makings * max(left(took), took+brief(took))
	if all := now.Sub(began); all < least-credit || all > least+2*credit {
		t.Errorf("%d cells took %s, want %s at the least but for the %s that may be owed", makings, all, least, credit)
	}
	if owes := left(took) > took+brief(took); owes && (soon < int(credit/left(took)) || soon > makings/2) {
		t.Errorf("%d cells came soon after the one before", soon)
	}
}

func TestAStartDoesNotCutShortWhatIsLeftToFunctionsAtWork(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &maker{}
		const took = time.Second / 10
		inner.OnMake = slow(took)
		d := New(inner, Options{Most: 2, Log: slog.New(slog.DiscardHandler)})
		d.Heed(atWork(true))
		if _, err := d.List(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(took) // one is there, and now its time is left
		ctx, started := context.WithCancel(t.Context())
		if _, err := d.Make(ctx, plain); err != nil {
			t.Fatal(err)
		}
		started()
		pass(brief(took) - time.Millisecond)
		if n := inner.Made(); n != 1 {
			t.Errorf("%d cells were made, and the time after the first is not over", n)
		}
		pass(took + 2*time.Millisecond)
		if c := d.Cells(); c.Ready != 1 {
			t.Errorf("cells %+v after that time", c)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
}
