package queue

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/rousehq/rouse/controller/store"
	"github.com/rousehq/rouse/controller/store/storetest"
)

// forgetful is a space whose early changes never reach the disk.
type forgetful struct{ store.Space }

var errLost = errors.New("lost")

func (f forgetful) Early(ctx context.Context, write func(store.Tx) error, settled func(error)) error {
	for range 2 { // as when another's change spoils the first attempt
		err := f.Update(ctx, func(tx store.Tx) error {
			if err := write(tx); err != nil {
				return err
			}
			return errLost
		})
		if !errors.Is(err, errLost) {
			settled(err)
			return err
		}
	}
	settled(errLost)
	return nil
}

// Crashed while a lease was on its way to the disk, a queue has its message
// still; the one who received it may delete it, as long as nobody has it anew.
func TestALeaseThatIsLostHarmsNobody(t *testing.T) {
	qs, err := Open(t.Context(), Options{Space: forgetful{storetest.NewSpace()}, Clock: NewClock(time.Now(), 1), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	q := create(t, qs, "q", Definition{})
	send(t, qs, q, -1, "one")
	first, again := receive(t, qs, q, 1, time.Minute, 0), receive(t, qs, q, 1, time.Minute, 0)
	if len(first) != 1 || len(again) != 1 || string(again[0].Body) != "one" {
		t.Fatalf("received %d, and %d after the loss", len(first), len(again))
	}
	if c := q.Counts(); c.Ready != 1 || c.Leased != 0 {
		t.Errorf("what was lost is counted: %+v", c)
	}
	if err := qs.DeleteMessage(t.Context(), q, first[0].Receipt); err != nil {
		t.Errorf("who has the message cannot delete it: %v", err)
	}
	if left := receive(t, qs, q, 1, time.Minute, 0); len(left) != 0 {
		t.Errorf("%d are left", len(left))
	}
}

// What a group's order rests on has to be on disk.
func TestAGroupsLeaseIsNotLost(t *testing.T) {
	qs, err := Open(t.Context(), Options{Space: forgetful{storetest.NewSpace()}, Clock: NewClock(time.Now(), 1), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	q := create(t, qs, "q.fifo", Definition{FIFO: true})
	for _, body := range []string{"one", "two"} {
		if err := qs.Send(t.Context(), q, -1, &Message{Body: []byte(body), Group: "g"}); err != nil {
			t.Fatal(err)
		}
	}
	if ms := receive(t, qs, q, 1, time.Minute, 0); len(ms) != 1 || string(ms[0].Body) != "one" {
		t.Fatalf("received %v", ms)
	}
	if ms := receive(t, qs, q, 1, time.Minute, 0); len(ms) != 0 {
		t.Errorf("received %s while its predecessor is out", ms[0].Body)
	}
}
