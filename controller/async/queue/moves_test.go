package queue

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store/storetest"
)

// A task that its process did not survive goes on with the next one, moves what
// was there when it began and nothing twice, and says so afterwards too.
func TestATaskThatMovesMessagesOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const messages, rate = 40, 10
		space, log := storetest.NewSpace(), slog.New(slog.DiscardHandler)
		open := func() (*Queues, *Moves) {
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
		qs, moves := open()
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

		qs, moves = open()
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
