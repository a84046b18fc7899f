package queue

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openTest(t *testing.T) *Queues {
	t.Helper()
	qs, err := Open(t.Context(), Options{Space: storetest.NewSpace(), Clock: NewClock(time.Now(), 1), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return qs
}

func create(t *testing.T, qs *Queues, name string, d Definition) *Queue {
	t.Helper()
	q, err := qs.Create(t.Context(), name, d)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func send(t *testing.T, qs *Queues, q *Queue, delay time.Duration, bodies ...string) []*Message {
	t.Helper()
	var ms []*Message
	for _, b := range bodies {
		ms = append(ms, &Message{Body: []byte(b), Attributes: []byte("attributes of " + b)})
	}
	if err := qs.Send(t.Context(), q, delay, ms...); err != nil {
		t.Fatal(err)
	}
	return ms
}

func receive(t *testing.T, qs *Queues, q *Queue, most int, visibility, wait time.Duration) []*Message {
	t.Helper()
	ms, err := qs.Receive(t.Context(), q, most, visibility, wait)
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

func TestALongPollEndsWithTheFirstMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qs := openTest(t)
		q := create(t, qs, "q", Definition{})
		for what, arrive := range map[string]func(){
			"sent":        func() { <-time.After(3 * time.Second); send(t, qs, q, -1, "x") },
			"delayed":     func() { send(t, qs, q, 3*time.Second, "x") },
			"lease ended": func() { send(t, qs, q, -1, "x"); receive(t, qs, q, 1, 3*time.Second, 0) },
		} {
			began := time.Now()
			if what == "sent" {
				go arrive()
			} else {
				arrive()
			}
			ms := receive(t, qs, q, 10, time.Minute, 20*time.Second)
			if took := time.Since(began); len(ms) != 1 || took != 3*time.Second {
				t.Errorf("%s: %d messages after %s, want 1 after 3s", what, len(ms), took)
			}
			if _, err := qs.Purge(t.Context(), q); err != nil {
				t.Error(err)
			}
		}
		began := time.Now()
		if ms := receive(t, qs, q, 1, 0, 20*time.Second); len(ms) != 0 || time.Since(began) != 20*time.Second {
			t.Errorf("%d messages after %s, want none after 20s", len(ms), time.Since(began))
		}
	})
}

func TestALongPollEndsWithItsContextAndWithItsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qs := openTest(t)
		q := create(t, qs, "q", Definition{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := qs.Receive(ctx, q, 1, 0, time.Minute); err == nil {
			t.Error("the poll outlived its context")
		}
		go func() {
			<-time.After(time.Second)
			if err := qs.Delete(t.Context(), q); err != nil {
				t.Error(err)
			}
		}()
		if _, err := qs.Receive(t.Context(), q, 1, 0, time.Minute); rouse.CodeOf(err) != rouse.NotFound {
			t.Errorf("a poll of a deleted queue: %v", err)
		}
		if err := qs.Send(t.Context(), q, -1, &Message{}); rouse.CodeOf(err) != rouse.NotFound {
			t.Errorf("sending to a deleted queue: %v", err)
		}
	})
}

// A receiver that goes on prolonging its lease loses it in the end.
func TestALeaseLastsTwelveHoursAtTheMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qs := openTest(t)
		q := create(t, qs, "q", Definition{})
		send(t, qs, q, -1, "x")
		m := receive(t, qs, q, 1, time.Hour, 0)[0]
		for h := range 11 {
			if err := qs.ChangeVisibility(t.Context(), q, m.Receipt, 90*time.Minute); err != nil {
				t.Fatalf("after %d hours: %v", h, err)
			}
			<-time.After(time.Hour)
		}
		if err := qs.ChangeVisibility(t.Context(), q, m.Receipt, time.Hour+time.Second); rouse.CodeOf(err) != rouse.TooLarge {
			t.Errorf("12 hours and a second in all: %v", err)
		}
		if err := qs.ChangeVisibility(t.Context(), q, m.Receipt, time.Hour); err != nil {
			t.Errorf("12 hours in all: %v", err)
		}
		<-time.After(time.Hour)
		again := receive(t, qs, q, 1, time.Hour, time.Second)
		if len(again) != 1 || again[0].Receives != 2 {
			t.Fatalf("then somebody else gets %v", again)
		}
		if err := qs.ChangeVisibility(t.Context(), q, again[0].Receipt, 12*time.Hour); err != nil {
			t.Errorf("another receipt has hours of its own: %v", err)
		}
	})
}

func TestMessagesAreDroppedAfterTheirRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qs := openTest(t)
		q := create(t, qs, "q", Definition{Retention: rouse.Duration(time.Minute)})
		send(t, qs, q, -1, "old")
		<-time.After(40 * time.Second)
		send(t, qs, q, -1, "young")
		<-time.After(30 * time.Second)
		if ms := receive(t, qs, q, 10, 0, 0); len(ms) != 1 || string(ms[0].Body) != "young" {
			t.Errorf("received %d messages, want the young one", len(ms))
		}
		<-time.After(time.Minute)
		if _, err := qs.Sweep(t.Context()); err != nil {
			t.Error(err)
		}
		if c := q.Counts(); c.All() != 0 {
			t.Errorf("after a sweep: %+v", c)
		}
	})
}

func TestAMessageComesAsItWasSent(t *testing.T) {
	qs := openTest(t)
	q := create(t, qs, "q", Definition{})
	sent := send(t, qs, q, -1, "a", "")
	got := receive(t, qs, q, 10, time.Minute, 0)
	if len(got) != 2 {
		t.Fatalf("%d messages", len(got))
	}
	for i, m := range got {
		if m.ID != sent[i].ID || !m.Sent.Equal(sent[i].Sent) || string(m.Body) != string(sent[i].Body) ||
			string(m.Attributes) != string(sent[i].Attributes) || m.First.IsZero() || m.Receives != 1 {
			t.Errorf("got %+v, want %+v", m, sent[i])
		}
		if seq, err := Seq(m.ID); err != nil || seq != m.Seq {
			t.Errorf("the id %s says %d, %v; it lies at %d", m.ID, seq, err, m.Seq)
		}
	}
	oldest, ok, err := qs.Oldest(t.Context(), q)
	if err != nil || !ok || !oldest.Equal(sent[0].Sent) {
		t.Errorf("oldest: %s, %v, %v", oldest, ok, err)
	}
}

func TestBadInputIsRefusedByName(t *testing.T) {
	qs := openTest(t)
	std, fifo := create(t, qs, "q", Definition{}), create(t, qs, "q.fifo", Definition{FIFO: true})
	for want, err := range map[string]error{
		"group: a message":      qs.Send(t.Context(), fifo, -1, &Message{}),
		"without NUL":           qs.Send(t.Context(), fifo, -1, &Message{Group: "a\x00b"}),
		"deduplication id":      qs.Send(t.Context(), fifo, -1, &Message{Group: "a", Dedup: strings.Repeat("d", 200)}),
		"all wait as long":      qs.Send(t.Context(), fifo, time.Second, &Message{Group: "a"}),
		"only FIFO":             qs.Send(t.Context(), std, -1, &Message{Group: "a"}),
		"delay 20000h":          qs.Send(t.Context(), std, 20000*time.Hour, &Message{}),
		"receipt \"x\"":         qs.DeleteMessage(t.Context(), std, "x"),
		"visibility":            qs.ChangeVisibility(t.Context(), std, "x", -1),
		"give both or neither":  qs.Change(t.Context(), std, func(d *Definition) error { d.MaxReceives = 3; return nil }),
		"retention -1s":         qs.Change(t.Context(), std, func(d *Definition) error { d.Retention = rouse.Duration(-time.Second); return nil }),
		"must not be negative":  qs.Change(t.Context(), std, func(d *Definition) error { d.MaxReceives = -3; return nil }),
		"delay -1s: must be 0 ": qs.Change(t.Context(), std, func(d *Definition) error { d.Delay = rouse.Duration(-time.Second); return nil }),
	} {
		if rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an invalid error with %q", err, want)
		}
	}
	if _, err := qs.Create(t.Context(), "q", Definition{}); rouse.CodeOf(err) != rouse.Conflict {
		t.Errorf("creating a queue that exists: %v", err)
	}
	if _, err := Seq("0198d4a2-0000-4000-8000-000000000000"); rouse.CodeOf(err) != rouse.NotFound {
		t.Errorf("an id of another version: %v", err)
	}
}

func TestADefinitionOutlivesARestart(t *testing.T) {
	qs := openTest(t)
	q := create(t, qs, "q", Definition{FIFO: true})
	if err := qs.Change(t.Context(), q, func(d *Definition) error {
		d.FIFO, d.Visibility, d.Tags = false, rouse.Duration(7*time.Second), map[string]string{"a": "b"}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), Options{Space: qs.space, Clock: qs.clock, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	q, err = again.Queue("q")
	if err != nil {
		t.Fatal(err)
	}
	if d := q.Definition(); !d.FIFO || d.Visibility != rouse.Duration(7*time.Second) || d.Tags["a"] != "b" || d.Created.IsZero() {
		t.Errorf("after a restart: %+v", d)
	}
}

func TestOfManyWhoMakeAQueueAllGetTheSameOne(t *testing.T) {
	qs := openTest(t)
	var group sync.WaitGroup
	got := make([]*Queue, 16)
	for i := range got {
		group.Go(func() {
			q, err := qs.Create(t.Context(), "q", Definition{})
			if err != nil && rouse.CodeOf(err) != rouse.Conflict {
				t.Error(err)
			}
			got[i] = q
		})
	}
	group.Wait()
	for _, q := range got {
		if q == nil || q != got[0] {
			t.Fatalf("they got %v", got)
		}
	}
}
