package queue

import (
	"encoding/binary"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
)

// Tx changes queues within one transaction of the space. It is valid until the
// function that was given it returns.
type Tx struct {
	store.Tx
	qs      *Queues
	now     time.Time
	changes []change
}

// change is what a transaction does to one queue's counts.
type change struct {
	q     *Queue
	moved Counts
	shown int       // how many times something came that can be received
	due   time.Time // when the first message is due that was made to wait, or was leased; zero for none
}

// Now is the same throughout the transaction.
func (t *Tx) Now() time.Time { return t.now }

func (t *Tx) change(q *Queue) *change {
	i := slices.IndexFunc(t.changes, func(c change) bool { return c.q == q })
	if i < 0 {
		i = len(t.changes)
		t.changes = append(t.changes, change{q: q})
	}
	return &t.changes[i]
}

// Enter adds a message that Prepare made. It becomes ready at at, or at once
// when that is not in the future, and gets its ID, Seq and Sent.
func (t *Tx) Enter(q *Queue, p Prepared, at time.Time) *Message {
	m := t.add(q, p)
	if at.After(t.now) {
		t.place(q, m.Seq, state{}, waiting, at)
		return m
	}
	t.enqueue(q, m.Group, m.Seq)
	return m
}

// add writes a message's record.
func (t *Tx) add(q *Queue, p Prepared) *Message {
	m := p.m
	m.Seq = t.qs.sequence.next(t.now)
	if !p.moved {
		m.Sent = t.now
	}
	setSeq(p.record, m.Seq)
	binary.BigEndian.PutUint64(p.record[16:], uint64(m.Sent.UnixNano()))
	binary.BigEndian.PutUint32(p.record[24:], uint32(q.number))
	m.Place = [16]byte(p.record[:16])
	if !p.moved {
		m.ID = uuid.UUID(m.Place).String()
	}
	t.Put(seqKey('m', m.Seq), p.record)
	return m
}

// EnterLeased adds a message to a standard queue and leases it at once: what
// Enter and Take do, when nothing else is ready.
func (t *Tx) EnterLeased(q *Queue, p Prepared, until time.Time) *Message {
	m := t.add(q, p)
	t.place(q, m.Seq, state{receives: 1, first: t.now.UnixNano()}, leased, until)
	return m
}

// Take leases up to most messages until a time, the oldest first. It first
// makes ready what has waited, or was leased, long enough. Messages that were
// received too often go to the queue's dead letters instead; those past their
// retention are dropped.
func (t *Tx) Take(q *Queue, most int, until time.Time) []*Message {
	t.promote(q, max(most, promoteBatch))
	d := q.definition()
	if d.FIFO {
		return t.takeGroups(q, d, most, until)
	}
	var taken []*Message
	for budget := most + takeBudget; len(taken) < most && budget > 0; {
		seqs := t.heads(q, most-len(taken))
		budget -= len(seqs)
		for _, seq := range seqs {
			t.Delete(readyKey(q.number, seq))
			t.change(q).moved.Ready--
			if m := t.lease(q, d, seq, until); m != nil {
				taken = append(taken, m)
			}
		}
		if len(seqs) == 0 {
			break
		}
	}
	return taken
}

// takeBudget bounds how many messages one transaction drops or moves to the
// dead letters while it looks for some to take.
const takeBudget = 256

// heads are the seqs of the first keys in a queue's table r.
func (t *Tx) heads(q *Queue, most int) []uint64 {
	seqs := make([]uint64, 0, most)
	from := queueKey('r', q.number)
	for k := range t.Scan(from, after(from)) {
		if seqs = append(seqs, lastSeq(k)); len(seqs) == most {
			break
		}
	}
	return seqs
}

// lease gives a message, which is in no table but m and s, to a receiver. It
// returns nil when the message went elsewhere instead.
func (t *Tx) lease(q *Queue, d Definition, seq uint64, until time.Time) *Message {
	m, s, ok := t.message(seq)
	if !ok {
		return nil // cannot be: m goes last
	}
	switch {
	case d.Retention > 0 && t.now.Sub(m.Sent) >= d.Retention.D():
		t.forget(seq)
		return nil
	case d.MaxReceives > 0 && s.receives >= uint32(d.MaxReceives) && t.bury(d, q, m):
		return nil
	}
	s.receives++
	s.last = t.now.UnixNano()
	if s.first == 0 {
		s.first = s.last
	}
	t.place(q, seq, s, leased, until)
	m.Receives, m.First = int(s.receives), unix(s.first)
	m.Receipt = receipt(m.Place, s.receives)
	return m
}

// place writes where a message is from now on: waiting or leased.
func (t *Tx) place(q *Queue, seq uint64, s state, where byte, at time.Time) {
	s.where, s.at = where, at.UnixNano()
	t.Put(dueKey(q.number, s.at, seq), []byte{where})
	t.Put(seqKey('s', seq), s.encode())
	c := t.change(q)
	if where == leased {
		c.moved.Leased++
	} else {
		c.moved.Waiting++
	}
	if c.due.IsZero() || at.Before(c.due) {
		c.due = at
	}
}

// unplace takes back what place wrote.
func (t *Tx) unplace(q *Queue, seq uint64, s state) {
	t.Delete(dueKey(q.number, s.at, seq))
	c := t.change(q)
	if s.where == leased {
		c.moved.Leased--
	} else {
		c.moved.Waiting--
	}
}

// enqueue makes a message ready.
func (t *Tx) enqueue(q *Queue, group string, seq uint64) {
	t.change(q).moved.Ready++
	if q.fifo {
		t.join(q, group, seq)
		return
	}
	t.show(q, seq, "")
}

// show puts a message, or the first one of a group, where receivers find it.
func (t *Tx) show(q *Queue, seq uint64, group string) {
	t.Put(readyKey(q.number, seq), []byte(group))
	t.change(q).shown++
}

// message reads a message with its state. It is the caller's own copy.
func (t *Tx) message(seq uint64) (*Message, state, bool) {
	b := t.Get(seqKey('m', seq))
	if b == nil {
		return nil, state{}, false
	}
	m, _, err := readRecord(slices.Clone(b))
	if err != nil {
		return nil, state{}, false
	}
	s := readState(t.Get(seqKey('s', seq)))
	m.Receives, m.First = int(s.receives), unix(s.first)
	return m, s, true
}

// Remove takes a message out of a queue wherever it is, and says whether it was
// there. With keep its record stays: see Forget.
func (t *Tx) Remove(q *Queue, seq uint64, keep bool) bool {
	b := t.Get(seqKey('m', seq))
	if b == nil {
		return false
	}
	m, of, err := readRecord(b)
	if err != nil || of != q.number {
		return false
	}
	group, s := m.Group, readState(t.Get(seqKey('s', seq)))
	switch {
	case s.where != ready:
		t.unplace(q, seq, s)
		if q.fifo && s.where == leased {
			t.unlock(q, group)
		}
	case q.fifo:
		if t.Get(memberKey(q.number, group, seq)) == nil {
			return false
		}
		t.part(q, group, seq)
		t.change(q).moved.Ready--
	default:
		k := readyKey(q.number, seq)
		if t.Get(k) == nil {
			return false
		}
		t.Delete(k)
		t.change(q).moved.Ready--
	}
	if keep {
		t.Delete(seqKey('s', seq))
	} else {
		t.forget(seq)
	}
	return true
}

// Return makes a message ready again that Remove took out of a standard queue
// and kept.
func (t *Tx) Return(q *Queue, seq uint64) { t.enqueue(q, "", seq) }

// Leased are some of a queue's leased messages. An earlier process may have
// leased them.
func (t *Tx) Leased(q *Queue, most int) []uint64 {
	var seqs []uint64
	from := queueKey('d', q.number)
	for k, v := range t.Scan(from, after(from)) {
		if v[0] != leased {
			continue
		}
		if seqs = append(seqs, lastSeq(k)); len(seqs) == most {
			break
		}
	}
	return seqs
}

// Messages are some of a queue's messages, wherever they are: those that are
// ready first, each kind the oldest first.
func (q *Queue) Messages(r store.Reader, most int) []uint64 {
	return (&Tx{Tx: readOnly{r}}).messages(q, most, math.MaxUint64)
}

// Newest yields the messages of all queues, the newest first, with the numbers of
// their queues. It begins below a seq.
func Newest(r store.Reader, below uint64) iter.Seq2[uint64, uint32] {
	return func(yield func(seq uint64, queue uint32) bool) {
		for k, v := range r.ScanBack([]byte{'m'}, seqKey('m', below)) {
			if len(v) >= recordHead && !yield(lastSeq(k), uint32(queueIn(v))) {
				return
			}
		}
	}
}

// readOnly lets what only reads in a transaction read in a view.
type readOnly struct{ store.Reader }

func (readOnly) Put(_, _ []byte) { panic("queue: a write in a view") }
func (readOnly) Delete(_ []byte) { panic("queue: a write in a view") }

// Read decodes the message at seq. It is the caller's own copy; a message that
// does not exist is a NotFound error.
func Read(r store.Reader, seq uint64) (*Message, error) {
	m, _, ok := (&Tx{Tx: readOnly{r}}).message(seq)
	if !ok {
		return nil, rouse.Errorf(rouse.NotFound, "no such message")
	}
	return m, nil
}

// Forget removes the record of a message that is in no queue any more.
func (t *Tx) Forget(seq uint64) { t.forget(seq) }

func (t *Tx) forget(seq uint64) {
	t.Delete(seqKey('m', seq))
	t.Delete(seqKey('s', seq))
}

// Postpone ends a lease: the message waits until at, or is ready at once when
// that is not in the future. It does nothing when the message is not leased.
func (t *Tx) Postpone(q *Queue, seq uint64, at time.Time) {
	m, s, ok := t.message(seq)
	if !ok || s.where != leased {
		return
	}
	t.unplace(q, seq, s)
	if q.fifo {
		defer t.unlock(q, m.Group)
	}
	if at.After(t.now) {
		t.place(q, seq, s, waiting, at)
		return
	}
	s.where, s.at = ready, 0
	t.Put(seqKey('s', seq), s.encode())
	t.enqueue(q, m.Group, seq)
}

// promoteBatch is how many messages become ready per transaction at least.
const promoteBatch = 128

// promote makes ready what has waited, or was leased, long enough.
func (t *Tx) promote(q *Queue, most int) {
	from := queueKey('d', q.number)
	to := dueKey(q.number, t.now.UnixNano()+1, 0)
	var seqs []uint64
	for k := range t.Scan(from, to) {
		if seqs = append(seqs, lastSeq(k)); len(seqs) == most {
			break
		}
	}
	for _, seq := range seqs {
		t.due(q, seq)
	}
}

// due makes one message ready that is waiting or leased.
func (t *Tx) due(q *Queue, seq uint64) {
	s := readState(t.Get(seqKey('s', seq)))
	b := t.Get(seqKey('m', seq))
	m, _, err := readRecord(b)
	if b == nil || err != nil {
		t.Delete(dueKey(q.number, s.at, seq))
		return
	}
	was := s.where
	t.unplace(q, seq, s)
	s.where, s.at = ready, 0
	t.Put(seqKey('s', seq), s.encode())
	t.enqueue(q, m.Group, seq)
	if q.fifo && was == leased {
		t.unlock(q, m.Group)
	}
}
