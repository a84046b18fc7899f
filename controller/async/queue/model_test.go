package queue

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
	"github.com/rousehq/rouse/controller/store/storetest"
)

// model is what a queue is: a list of messages, and nothing clever.
type model struct {
	fifo     bool
	most     int // receives before a message is a dead letter
	messages []*modelMessage
	dead     []string
	dedup    map[string]time.Time // until when each id counts
}

type modelMessage struct {
	id, body, group string
	leased          bool
	at              time.Time // waits or is leased until then
	receives        int
	receipt         string
}

func (m *modelMessage) ready(now time.Time) bool { return !m.at.After(now) }

// receive is the rule of both kinds of queues: the oldest first; of a FIFO
// queue, group after group, and none that has a message with a receiver.
func (q *model) receive(now time.Time, most int, until time.Time) []*modelMessage {
	var taken []*modelMessage
	if !q.fifo {
		for _, m := range slices.Clone(q.messages) {
			if m.ready(now) && len(taken) < most {
				taken = q.lease(taken, m, until)
			}
		}
		return taken
	}
	locked := map[string]bool{}
	for _, m := range q.messages {
		locked[m.group] = locked[m.group] || m.leased && !m.ready(now)
	}
	for len(taken) < most {
		i := slices.IndexFunc(q.messages, func(m *modelMessage) bool { return !locked[m.group] && m.ready(now) })
		if i < 0 {
			break
		}
		group, room := q.messages[i].group, most-len(taken)
		before := len(taken)
		for _, m := range slices.Clone(q.messages) {
			if m.group == group && m.ready(now) && room > 0 {
				taken = q.lease(taken, m, until)
				room--
			}
		}
		locked[group] = len(taken) > before
	}
	return taken
}

func (q *model) lease(taken []*modelMessage, m *modelMessage, until time.Time) []*modelMessage {
	if m.receives == q.most {
		q.remove(m)
		q.dead = append(q.dead, m.id)
		return taken
	}
	m.receives++
	m.leased, m.at = true, until
	return append(taken, m)
}

func (q *model) remove(m *modelMessage) {
	q.messages = slices.DeleteFunc(q.messages, func(o *modelMessage) bool { return o == m })
}

func (q *model) counts(now time.Time) (c Counts) {
	for _, m := range q.messages {
		switch {
		case m.ready(now):
			c.Ready++
		case m.leased:
			c.Leased++
		default:
			c.Waiting++
		}
	}
	return c
}

// Whatever is done to a queue, it behaves as the model does, in memory of which
// its restarts know nothing.
func TestAQueueBehavesAsAListOfMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, storetest.NewSpace())
		t.Repeat(map[string]func(*rapid.T){
			"":           w.agree,
			"send":       w.send,
			"receive":    w.receive,
			"delete":     w.delete,
			"visibility": w.visibility,
			"time":       func(t *rapid.T) { w.clock.advance(w.clock.Now().Add(seconds(t, 400))) },
			"restart":    w.restart,
			"purge":      w.purge,
			"redrive":    w.redrive,
		})
	})
}

type world struct {
	space   store.Space
	clock   *Clock
	qs      *Queues
	q, dead *Queue
	model   model
	known   []lease // all that there ever were
	sent    int
}

// lease is one receipt of a message. One that was a dead letter and came back
// is another message, with the same id.
type lease struct {
	of      *modelMessage
	receipt string
}

func newWorld(t *rapid.T, space store.Space) *world {
	w := &world{space: space, model: model{
		fifo: rapid.Bool().Draw(t, "fifo"), most: rapid.IntRange(1, 4).Draw(t, "max receives"), dedup: map[string]time.Time{},
	}}
	w.open(t)
	ctx := t.Context()
	d := Definition{FIFO: w.model.fifo}
	_, err := w.qs.Create(ctx, "dead", d)
	check(t, err)
	d.MaxReceives, d.DeadLetters = w.model.most, "dead"
	if w.model.fifo {
		d.Delay = rouse.Duration(seconds(t, 5))
	}
	_, err = w.qs.Create(ctx, "q", d)
	check(t, err)
	w.find(t)
	return w
}

func (w *world) open(t *rapid.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if w.clock != nil {
		start = w.clock.Now().Add(-time.Hour) // the wall clock went back
	}
	w.clock = NewClock(start, 0)
	var err error
	w.qs, err = Open(t.Context(), Options{Space: w.space, Clock: w.clock, Log: slog.New(slog.DiscardHandler)})
	check(t, err)
}

func (w *world) find(t *rapid.T) {
	var err error
	w.q, err = w.qs.Queue("q")
	check(t, err)
	w.dead, err = w.qs.Queue("dead")
	check(t, err)
}

func (w *world) restart(t *rapid.T) {
	before := w.clock.Now()
	w.open(t)
	w.find(t)
	if w.clock.Now().Before(before) {
		t.Fatalf("time went back from %s to %s", before, w.clock.Now())
	}
}

func (w *world) send(t *rapid.T) {
	var ms []*Message
	var made []*modelMessage
	delay := -time.Second
	if !w.model.fifo {
		delay = seconds(t, 10)
	}
	now := w.clock.Now()
	at := now.Add(max(delay, w.q.Definition().Delay.D()))
	for range rapid.IntRange(1, 4).Draw(t, "messages") {
		w.sent++
		m := &modelMessage{body: fmt.Sprint("body ", w.sent), at: at}
		msg := &Message{Body: []byte(m.body)}
		if w.model.fifo {
			m.group = rapid.SampledFrom([]string{"a", "ab", "b"}).Draw(t, "group")
			msg.Group = m.group
			msg.Dedup = rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "dedup")
		}
		ms, made = append(ms, msg), append(made, m)
	}
	check(t, w.qs.Send(t.Context(), w.q, delay, ms...))
	for i, m := range made {
		if id := ms[i].Dedup; id != "" {
			if now.Before(w.model.dedup[id]) {
				continue
			}
			w.model.dedup[id] = now.Add(dedupWindow)
		}
		m.id = ms[i].ID
		w.model.messages = append(w.model.messages, m)
	}
}

func (w *world) receive(t *rapid.T) {
	most, visibility := rapid.IntRange(1, 5).Draw(t, "most"), seconds(t, 30)
	now := w.clock.Now()
	want := w.model.receive(now, most, now.Add(visibility))
	got, err := w.qs.Receive(t.Context(), w.q, most, visibility, 0)
	check(t, err)
	if len(got) != len(want) {
		t.Fatalf("received %d messages, want %d", len(got), len(want))
	}
	for i, m := range got {
		if m.ID != want[i].id || string(m.Body) != want[i].body || m.Receives != want[i].receives || m.Group != want[i].group {
			t.Fatalf("received %+v, want %+v", m, want[i])
		}
		want[i].receipt = m.Receipt
		w.known = append(w.known, lease{want[i], m.Receipt})
	}
}

// pick draws a receipt, perhaps an old one, and the message that it is of now.
func (w *world) pick(t *rapid.T) (receipt string, m *modelMessage, stale bool) {
	if len(w.known) == 0 {
		t.Skip("nothing was received")
	}
	r := rapid.SampledFrom(w.known).Draw(t, "receipt")
	if !slices.Contains(w.model.messages, r.of) {
		return r.receipt, nil, false
	}
	return r.receipt, r.of, r.of.receipt != r.receipt
}

func (w *world) delete(t *rapid.T) {
	receipt, m, stale := w.pick(t)
	err := w.qs.DeleteMessage(t.Context(), w.q, receipt)
	switch {
	case stale && rouse.CodeOf(err) != rouse.Conflict:
		t.Fatalf("deleting by an old receipt: %v", err)
	case !stale:
		check(t, err)
		if m == nil {
			return
		}
		w.model.remove(m)
	}
}

func (w *world) visibility(t *rapid.T) {
	receipt, m, stale := w.pick(t)
	visibility := seconds(t, 30)
	now := w.clock.Now()
	err := w.qs.ChangeVisibility(t.Context(), w.q, receipt, visibility)
	switch {
	case stale:
		if rouse.CodeOf(err) != rouse.Conflict {
			t.Fatalf("old receipt: %v", err)
		}
	case m == nil:
		if rouse.CodeOf(err) != rouse.NotFound {
			t.Fatalf("message is gone: %v", err)
		}
	case err == nil:
		// A lease that has run out can be prolonged until somebody receives the message.
		m.at = now.Add(visibility)
	case m.ready(now) && rouse.CodeOf(err) == rouse.NotFound:
	default:
		t.Fatal(err)
	}
}

func (w *world) purge(t *rapid.T) {
	n, err := w.qs.Purge(t.Context(), w.q)
	check(t, err)
	if n != len(w.model.messages) {
		t.Fatalf("purged %d messages of %d", n, len(w.model.messages))
	}
	w.model.messages = nil
}

func (w *world) redrive(t *rapid.T) {
	n := 0
	check(t, w.qs.Update(t.Context(), func(t *Tx) error { n, _ = t.move(w.dead, nil, nil, moveBatch); return nil }))
	if n != len(w.model.dead) {
		t.Fatalf("redrove %d dead letters of %d", n, len(w.model.dead))
	}
	for _, id := range w.model.dead {
		m := w.byID(t, id)
		m.id = id
		w.model.messages = append(w.model.messages, m)
	}
	w.model.dead = nil
}

// byID reads a message back by its id, wherever it lies now.
func (w *world) byID(t *rapid.T, id string) *modelMessage {
	found := &modelMessage{}
	check(t, w.space.View(t.Context(), func(r store.Reader) error {
		for _, v := range r.Scan([]byte{'m'}, []byte{'n'}) {
			if m, _, err := readRecord(v); err == nil && m.ID == id {
				found.body, found.group = string(m.Body), m.Group
			}
		}
		return nil
	}))
	return found
}

// agree compares what both say of themselves.
func (w *world) agree(t *rapid.T) {
	now := w.clock.Now()
	got, want := w.q.Counts(), w.model.counts(now)
	if got.All() != want.All() || got.Ready > want.Ready {
		t.Fatalf("counts %+v, want %+v", got, want)
	}
	if n := w.dead.Counts().All(); n != len(w.model.dead) {
		t.Fatalf("%d dead letters, want %d", n, len(w.model.dead))
	}
	next, err := w.qs.Next(t.Context(), w.q)
	check(t, err)
	if len(w.model.messages) == 0 && next != idle {
		t.Fatalf("an empty queue has something in %s", next)
	}
	_, err = w.qs.Sweep(t.Context())
	check(t, err)
}

func seconds(t *rapid.T, most int) time.Duration {
	return time.Duration(rapid.IntRange(0, most).Draw(t, "seconds")) * time.Second
}

func check(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
