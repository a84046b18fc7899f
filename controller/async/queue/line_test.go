package queue

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
	"github.com/rousehq/rouse/controller/store/storetest"
)

// counted counts how often somebody looks for messages.
type counted struct {
	store.Space
	views atomic.Int64
}

func (c *counted) View(ctx context.Context, read func(store.Reader) error) error {
	c.views.Add(1)
	return c.Space.View(ctx, read)
}

func openCounted(t *testing.T) (*Queues, *counted) {
	t.Helper()
	space := &counted{Space: storetest.NewSpace()}
	qs, err := Open(t.Context(), Options{Space: space, Clock: NewClock(time.Now(), 1), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return qs, space
}

// Of a thousand who wait, as many are woken as there are messages, and one when
// messages become due.
func TestAsManyAreWokenAsThereAreMessages(t *testing.T) {
	for _, fifo := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			const waiters = 1000
			qs, space := openCounted(t)
			q := create(t, qs, "q", Definition{FIFO: fifo})
			var polls sync.WaitGroup
			var got atomic.Int64
			for range waiters {
				polls.Go(func() {
					ms, err := qs.Receive(t.Context(), q, 10, 5*time.Second, time.Minute)
					if err != nil && rouse.CodeOf(err) != rouse.NotFound {
						t.Error(err)
					}
					got.Add(int64(len(ms)))
				})
			}
			synctest.Wait()
			step := func(what string, received, looks int64, do func()) {
				t.Helper()
				got.Store(0)
				space.views.Store(0)
				do()
				synctest.Wait()
				if n, v := got.Load(), space.views.Load(); n != received || v > looks {
					t.Errorf("%s: %d messages were received and %d looked for some, want %d and at most %d", what, n, v, received, looks)
				}
			}
			groups := 0
			some := func(n int) (ms []*Message) {
				for range n {
					m := &Message{Body: []byte("x")}
					if fifo {
						groups++
						m.Group = fmt.Sprint("group", groups)
					}
					ms = append(ms, m)
				}
				return ms
			}
			// Each message has the one looks who gets it, and perhaps once more for the alarm.
			step("one message", 1, 3, func() {
				if err := qs.Send(t.Context(), q, -1, some(1)...); err != nil {
					t.Error(err)
				}
			})
			step("three messages", 3, 9, func() {
				if err := qs.Send(t.Context(), q, -1, some(3)...); err != nil {
					t.Error(err)
				}
			})
			step("the ends of four leases", 4, 16, func() { <-time.After(5 * time.Second) })
			step("nothing", 0, 0, func() { <-time.After(time.Second) })
			if err := qs.Delete(t.Context(), q); err != nil {
				t.Error(err)
			}
			polls.Wait()
		})
	}
}

// Receivers come and go, whether it is their turn or not; no message waits for
// one that does not come.
func TestATurnThatIsNotTakenIsTheNextOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const messages = 2000
		qs, _ := openCounted(t)
		q := create(t, qs, "q", Definition{})
		var polls sync.WaitGroup
		var got atomic.Int64
		all, stop := context.WithCancel(t.Context())
		for range 40 {
			polls.Go(func() {
				for all.Err() == nil {
					ctx, leave := context.WithTimeout(all, time.Duration(rand.IntN(3000))*time.Microsecond)
					ms, err := qs.Receive(ctx, q, 1+rand.IntN(3), time.Hour, time.Minute)
					if err != nil && ctx.Err() == nil {
						t.Error(err)
					}
					leave()
					for _, m := range ms {
						if err := qs.DeleteMessage(t.Context(), q, m.Receipt); err != nil {
							t.Error(err)
						}
						got.Add(1)
					}
				}
			})
		}
		polls.Go(func() { // never leaves
			for all.Err() == nil {
				ms, err := qs.Receive(all, q, 1, time.Hour, time.Hour)
				if err != nil && all.Err() == nil {
					t.Error(err)
				}
				got.Add(int64(len(ms)))
			}
		})
		for i := range messages {
			delay := time.Duration(-1)
			if i%3 == 0 {
				delay = time.Duration(rand.IntN(20)) * time.Millisecond
			}
			send(t, qs, q, delay, fmt.Sprint(i))
			<-time.After(time.Duration(rand.IntN(200)) * time.Microsecond)
		}
		<-time.After(25 * time.Millisecond)
		synctest.Wait()
		if n := got.Load(); n != messages {
			t.Errorf("%d of %d messages were received, though somebody always waits: %+v", n, messages, q.Counts())
		}
		stop()
		polls.Wait()
	})
}

// What went to the dead letters instead of a receiver does not keep it from the
// messages behind.
func TestDeadLettersDoNotKeepAReceiverWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qs, _ := openCounted(t)
		create(t, qs, "dead", Definition{})
		q := create(t, qs, "q", Definition{MaxReceives: 1, DeadLetters: "dead"})
		var poison []string
		for range 2 * takeBudget {
			send(t, qs, q, -1, "poison")
		}
		for _, m := range receive(t, qs, q, 2*takeBudget, time.Minute, 0) {
			poison = append(poison, m.Receipt)
		}
		if err := qs.ReturnMessages(t.Context(), q, poison, 0); err != nil {
			t.Fatal(err)
		}
		send(t, qs, q, -1, "good")
		began := time.Now()
		if ms := receive(t, qs, q, 1, time.Minute, 20*time.Second); len(ms) != 1 || string(ms[0].Body) != "good" || time.Since(began) != 0 {
			t.Errorf("%d messages after %s", len(ms), time.Since(began))
		}
		if dead, err := qs.Queue("dead"); err != nil || dead.Counts().Ready != 2*takeBudget {
			t.Errorf("%+v, %v", dead.Counts(), err)
		}
	})
}
