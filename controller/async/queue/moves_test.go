package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
	"github.com/rousehq/rouse/controller/store/storetest"
)

// mortal is a space that a process can be killed over: then nothing is written
// any more.
type mortal struct {
	store.Space
	killed atomic.Bool
}

func (m *mortal) Update(ctx context.Context, write func(store.Tx) error) error {
	if m.killed.Load() {
		return errors.New("killed")
	}
	return m.Space.Update(ctx, write)
}

// openMoves opens the queues of a space with their tasks, as a process does.
func openMoves(t *testing.T, space store.Space) (*Queues, *Moves) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	qs, err := Open(t.Context(), Options{Space: space, Clock: NewClock(time.Now(), 1), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	m, err := OpenMoves(t.Context(), qs, log)
	if err != nil {
		t.Fatal(err)
	}
	return qs, m
}

// A task that its process did not survive goes on with the next one, moves what
// was there when it began and nothing twice, and says so afterwards too.
func TestATaskThatMovesMessagesOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const messages, rate = 40, 10
		space := storetest.NewSpace()
		qs, moves := openMoves(t, space)
		from, to := create(t, qs, "dead", Definition{}), create(t, qs, "work", Definition{})
		for i := range messages {
			send(t, qs, from, -1, fmt.Sprint(i))
		}
		task, err := moves.Start(t.Context(), "dead", "work", rate)
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Second)
		moves.Close()
		if n := to.Counts().Ready; n == 0 || n == messages {
			t.Fatalf("%d messages were moved before the restart", n)
		}

		qs, moves = openMoves(t, space)
		defer moves.Close()
		from, _ = qs.Queue("dead")
		send(t, qs, from, -1, "late")
		<-time.After(messages * time.Second / rate)
		synctest.Wait()
		list := moves.List("dead")
		if len(list) != 1 || list[0].Handle != task.Handle || list[0].State != rouse.MoveCompleted || list[0].Moved != messages || list[0].Total != messages {
			t.Errorf("the task is %+v", list)
		}
		to, _ = qs.Queue("work")
		for i, m := range receive(t, qs, to, 2*messages, time.Minute, 0) {
			if string(m.Body) != fmt.Sprint(i) {
				t.Errorf("message %d is %q", i, m.Body)
			}
		}
		if left := from.Counts().Ready; left != 1 || to.Counts().All() != messages {
			t.Errorf("%d messages are left, %d were moved", left, to.Counts().All())
		}
		if _, err := moves.Cancel(t.Context(), task.Handle); rouse.CodeOf(err) != rouse.NotFound {
			t.Errorf("cancelling one that has ended: %v", err)
		}
	})
}

// What a killed process had moved counts, so that the task leaves alone what has
// come to the queue since.
func TestATaskThatWasKilledGoesOnCounting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const messages, rate = 40, 10
		space := &mortal{Space: storetest.NewSpace()}
		qs, moves := openMoves(t, space)
		from, to := create(t, qs, "dead", Definition{}), create(t, qs, "work", Definition{})
		for i := range messages {
			send(t, qs, from, -1, fmt.Sprint(i))
		}
		if _, err := moves.Start(t.Context(), "dead", "work", rate); err != nil {
			t.Fatal(err)
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		space.killed.Store(true)
		moves.Close()
		moved := to.Counts().Ready
		if moved == 0 || moved == messages {
			t.Fatalf("%d messages were moved before the kill", moved)
		}

		qs, moves = openMoves(t, space.Space)
		defer moves.Close()
		if list := moves.List("dead"); len(list) != 1 || list[0].Moved != moved {
			t.Errorf("%d messages were moved, and the task is %+v", moved, list)
		}
		from, _ = qs.Queue("dead")
		for i := range messages {
			send(t, qs, from, -1, fmt.Sprint("late ", i))
		}
		<-time.After(2 * messages * time.Second / rate)
		synctest.Wait()
		if list := moves.List("dead"); list[0].State != rouse.MoveCompleted || list[0].Moved != messages {
			t.Errorf("the task is %+v", list)
		}
		if left := from.Counts().Ready; left != messages {
			t.Errorf("%d messages are left, %d came late", left, messages)
		}
	})
}

// A redrive leaves the messages whose queue is gone where they are, however many
// they are, and moves what lies behind them.
func TestARedriveGoesOnBehindMessagesWithoutASource(t *testing.T) {
	for _, fifo := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			const lost, found = 2*moveBatch + 1, moveBatch + 1
			qs, moves := openMoves(t, storetest.NewSpace())
			defer moves.Close()
			dead := create(t, qs, "dead", Definition{FIFO: fifo})
			die := func(name string, n int) *Queue {
				q := create(t, qs, name, Definition{FIFO: fifo, DeadLetters: "dead", MaxReceives: 1})
				for i := range n {
					m := &Message{Body: []byte(name)}
					if fifo {
						m.Group, m.Dedup = name, fmt.Sprint(name, i)
					}
					if err := qs.Send(t.Context(), q, -1, m); err != nil {
						t.Fatal(err)
					}
				}
				for dead.Counts().All() < n || q.Counts().All() > 0 {
					receive(t, qs, q, n, 0, 0)
				}
				return q
			}
			gone := die("a", lost)
			back := die("b", found)
			if err := qs.Delete(t.Context(), gone); err != nil {
				t.Fatal(err)
			}
			if _, err := moves.Start(t.Context(), "dead", "", 0); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if list := moves.List("dead"); list[0].State != rouse.MoveCompleted || list[0].Moved != found {
				t.Errorf("the task is %+v", list[0])
			}
			if n, left := back.Counts().Ready, dead.Counts().Ready; n != found || left != lost {
				t.Errorf("%d of %d messages came back, and %d of %d stay", n, found, left, lost)
			}
		})
	}
}
