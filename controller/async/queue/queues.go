package queue

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
)

// Options are what queues work with. Every field is needed.
type Options struct {
	Space store.Space
	Clock *Clock
	Log   *slog.Logger
}

// Queues are all queues of a space. Their methods may be called at once from
// many goroutines. They start none, and need no closing.
type Queues struct {
	space    store.Space
	clock    *Clock
	sequence sequence

	naming sync.Mutex // one queue is made or deleted at a time; taken before mu

	mu     sync.RWMutex
	byName map[string]*Queue // guarded by mu

	floor int64 // what table c has; only the transaction that is being made uses it
}

// Open reads the queues of a space and counts their messages, which takes a
// fraction of a second for a million. The clock is set forward when it shows a
// time that has been before.
func Open(ctx context.Context, o Options) (*Queues, error) {
	qs := &Queues{space: o.Space, clock: o.Clock, byName: map[string]*Queue{}}
	err := o.Space.View(ctx, func(r store.Reader) error {
		if b := r.Get([]byte{'c'}); len(b) == 8 {
			qs.floor = int64(binary.BigEndian.Uint64(b))
		}
		for k, v := range r.Scan([]byte{'Q'}, []byte{'Q' + 1}) {
			var d Definition
			if err := json.Unmarshal(v, &d); err != nil {
				return fmt.Errorf("reading queue %q: %w", k[1:], err)
			}
			qs.byName[string(k[1:])] = newQueue(string(k[1:]), d, o.Clock)
		}
		for _, q := range qs.byName {
			q.counts = count(r, q)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if by := o.Clock.advance(unix(qs.floor)); by > 10*clockStep {
		o.Log.Warn("the clock went back while Rouse was down; queues go on from the time that they had reached", "by", by.Round(time.Second))
	}
	qs.sequence.last.Store(seqOf(o.Clock.Now()))
	return qs, nil
}

// clockStep is how far ahead of the clock its floor is written, so that it
// seldom is.
const clockStep = 200 * time.Millisecond

func count(r store.Reader, q *Queue) (c Counts) {
	table := byte('r')
	if q.fifo {
		table = 'g'
	}
	from := queueKey(table, q.number)
	for range r.Scan(from, after(from)) {
		c.Ready++
	}
	from = queueKey('d', q.number)
	for _, v := range r.Scan(from, after(from)) {
		if v[0] == leased {
			c.Leased++
		} else {
			c.Waiting++
		}
	}
	return c
}

// Update has change alter queues, and whatever else is in the space, in one
// durable transaction; see store.Space.Update for its rules. Whoever waits for
// messages is told after the commit.
func (qs *Queues) Update(ctx context.Context, change func(*Tx) error) error {
	w := writing{qs: qs, change: change}
	err := qs.space.Update(ctx, w.write)
	w.settled(err)
	return err
}

// early is Update for a change that may be lost; see store.Space.Early.
func (qs *Queues) early(ctx context.Context, change func(*Tx) error) error {
	w := writing{qs: qs, change: change}
	return qs.space.Early(ctx, w.write, w.settled)
}

// writing is a change of queues on its way to the disk.
type writing struct {
	qs     *Queues
	change func(*Tx) error
	last   *Tx // of the last run
}

func (w *writing) write(tx store.Tx) error {
	w.last = &Tx{Tx: tx, qs: w.qs, now: w.qs.clock.Now()}
	w.qs.tick(tx, w.last.now)
	return w.change(w.last)
}

func (w *writing) settled(err error) {
	if err != nil {
		return
	}
	for _, c := range w.last.changes {
		c.q.apply(c)
	}
}

// tick sees to it that no time is used that a restarted clock could show again.
func (qs *Queues) tick(tx store.Tx, now time.Time) {
	stored := tx.Get([]byte{'c'})
	if len(stored) == 8 && now.UnixNano() < int64(binary.BigEndian.Uint64(stored)) {
		return
	}
	tx.Put([]byte{'c'}, binary.BigEndian.AppendUint64(nil, uint64(now.Add(clockStep).UnixNano())))
}

// View reads the space; see store.Space.
func (qs *Queues) View(ctx context.Context, read func(store.Reader) error) error {
	return qs.space.View(ctx, read)
}

// Clock is the time that the queues live by.
func (qs *Queues) Clock() *Clock { return qs.clock }

// Queue finds a queue by its name, or returns a NotFound error. It does not block.
func (qs *Queues) Queue(name string) (*Queue, error) {
	qs.mu.RLock()
	defer qs.mu.RUnlock()
	q, ok := qs.byName[name]
	if !ok {
		return nil, rouse.Errorf(rouse.NotFound, "no queue %q", rouse.Clip(name))
	}
	return q, nil
}

// All lists the queues whose names have a prefix, by name. It does not block.
func (qs *Queues) All(prefix string) []*Queue {
	qs.mu.RLock()
	defer qs.mu.RUnlock()
	var found []*Queue
	for _, name := range slices.Sorted(maps.Keys(qs.byName)) {
		if len(name) >= len(prefix) && name[:len(prefix)] == prefix {
			found = append(found, qs.byName[name])
		}
	}
	return found
}

// Create makes a queue and blocks until it is on disk. A name that is taken is
// a Conflict error, with the queue that has it.
func (qs *Queues) Create(ctx context.Context, name string, d Definition) (*Queue, error) {
	if err := validate(d); err != nil {
		return nil, err
	}
	if name == "" || len(name) > maxName {
		return nil, rouse.Errorf(rouse.Invalid, "queue %q: a name has 1 to %d characters", rouse.Clip(name), maxName)
	}
	qs.naming.Lock()
	defer qs.naming.Unlock()
	if q, err := qs.Queue(name); err == nil {
		return q, rouse.Errorf(rouse.Conflict, "queue %q exists already", name)
	}
	if err := qs.Update(ctx, func(t *Tx) error {
		d.Number, d.Created = 1, t.now
		if b := t.Get([]byte{'n'}); len(b) == 4 {
			d.Number = binary.BigEndian.Uint32(b)
		}
		t.Put([]byte{'n'}, binary.BigEndian.AppendUint32(nil, d.Number+1))
		return t.define(key('Q', []byte(name)), d)
	}); err != nil {
		return nil, err
	}
	q := newQueue(name, d, qs.clock)
	qs.mu.Lock()
	qs.byName[name] = q
	qs.mu.Unlock()
	return q, nil
}

func (t *Tx) define(k []byte, d Definition) error {
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	t.Put(k, b)
	return nil
}

// Change has edit alter a queue's definition and blocks until that is on disk.
// Whether it is FIFO cannot change.
func (qs *Queues) Change(ctx context.Context, q *Queue, edit func(*Definition) error) error {
	q.changing.Lock()
	defer q.changing.Unlock()
	before := q.definition()
	d := before
	d.Tags = maps.Clone(d.Tags)
	if err := edit(&d); err != nil {
		return err
	}
	d.Number, d.FIFO, d.Created = before.Number, before.FIFO, before.Created
	d.Changed = qs.clock.Now()
	if err := validate(d); err != nil {
		return err
	}
	if err := qs.Update(ctx, func(t *Tx) error {
		k := key('Q', []byte(q.name))
		if t.Get(k) == nil {
			return rouse.Errorf(rouse.NotFound, "no queue %q", q.name)
		}
		return t.define(k, d)
	}); err != nil {
		return err
	}
	q.mu.Lock()
	q.def = d
	q.mu.Unlock()
	return nil
}

// Delete removes a queue with its messages. It blocks until all of it is gone
// from disk; the name is free at once.
func (qs *Queues) Delete(ctx context.Context, q *Queue) error {
	if err := qs.undefine(ctx, q); err != nil {
		return err
	}
	_, err := qs.Purge(ctx, q)
	q.dismiss()
	return err
}

func (qs *Queues) undefine(ctx context.Context, q *Queue) error {
	qs.naming.Lock()
	defer qs.naming.Unlock()
	if q.gone.Swap(true) {
		return rouse.Errorf(rouse.NotFound, "no queue %q", q.name)
	}
	if err := qs.Update(ctx, func(t *Tx) error {
		k := key('Q', []byte(q.name))
		if t.Get(k) == nil {
			return rouse.Errorf(rouse.NotFound, "no queue %q", q.name)
		}
		t.Delete(k)
		return nil
	}); err != nil {
		q.gone.Store(false)
		return err
	}
	qs.mu.Lock()
	delete(qs.byName, q.name)
	qs.mu.Unlock()
	return nil
}

// Purge removes every message of a queue, in several transactions, and blocks
// until they are gone. It says how many there were.
func (qs *Queues) Purge(ctx context.Context, q *Queue) (removed int, err error) {
	const batch = 1000
	limit := qs.sequence.next(qs.clock.Now()) // what is sent from here on stays
	for {
		n := 0
		err := qs.Update(ctx, func(t *Tx) error {
			seqs := t.messages(q, batch, limit)
			for _, seq := range seqs {
				t.Remove(q, seq, false)
			}
			n = len(seqs)
			return nil
		})
		removed += n
		if err != nil || n < batch {
			return removed, err
		}
	}
}

// messages are some of a queue's messages before a seq, wherever they are.
func (t *Tx) messages(q *Queue, most int, limit uint64) []uint64 {
	var seqs []uint64
	table := byte('r')
	if q.fifo {
		table = 'g'
	}
	for _, table := range []byte{table, 'd'} {
		from := queueKey(table, q.number)
		for k := range t.Scan(from, after(from)) {
			if len(seqs) == most {
				return seqs
			}
			if seq := lastSeq(k); seq < limit {
				seqs = append(seqs, seq)
			}
		}
	}
	return seqs
}
