package queue

import (
	"context"
	"encoding/binary"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
)

// dedupWindow is how long a deduplication id counts, as on SQS.
const dedupWindow = 5 * time.Minute

// Prepared is a message that is ready to be entered: all that can be done
// outside of a transaction has been done.
type Prepared struct {
	m      *Message
	record []byte
	moved  bool // from another queue: it keeps its ID and time
}

// Prepare encodes a message. It must be entered at most once at a time.
func Prepare(m *Message) Prepared { return Prepared{m: m, record: newRecord(m, nil)} }

// prepareMoved encodes a message that comes from another queue.
func prepareMoved(m *Message) Prepared {
	id := uuid.MustParse(m.ID) // as readRecord wrote it
	return Prepared{m: m, record: newRecord(m, id[:]), moved: true}
}

// Send adds messages and blocks until they are on disk: all or none. Each
// becomes ready after the queue's delay, or after delay when that is not
// negative. It fills in ID, Seq and Sent; a FIFO message whose deduplication id
// was sent within five minutes gets those of the earlier one.
func (qs *Queues) Send(ctx context.Context, q *Queue, delay time.Duration, ms ...*Message) error {
	prepared := make([]Prepared, len(ms))
	for i, m := range ms {
		if err := q.check(m, delay); err != nil {
			return err
		}
		prepared[i] = Prepare(m)
	}
	d := q.definition()
	if delay < 0 {
		delay = d.Delay.D()
	}
	return qs.Update(ctx, func(t *Tx) error {
		if q.gone.Load() {
			return rouse.Errorf(rouse.NotFound, "no queue %q", q.name)
		}
		for _, p := range prepared {
			if p.m.Dedup != "" && t.duplicate(q, p.m, dedupOf(d, p.m)) {
				continue
			}
			t.Enter(q, p, t.now.Add(delay))
			if p.m.Dedup != "" {
				t.remember(q, p.m, dedupOf(d, p.m))
			}
		}
		return nil
	})
}

func (q *Queue) check(m *Message, delay time.Duration) error {
	switch {
	case q.fifo && m.Group == "":
		return rouse.Errorf(rouse.Invalid, "group: a message of a FIFO queue needs one")
	case !q.fifo && (m.Group != "" || m.Dedup != ""):
		return rouse.Errorf(rouse.Invalid, "group: only FIFO queues have groups and deduplication ids")
	case len(m.Group) > maxGroup || strings.ContainsRune(m.Group, 0):
		return rouse.Errorf(rouse.Invalid, "group %q: must be 1 to %d characters, without NUL", rouse.Clip(m.Group), maxGroup)
	case len(m.Dedup) > maxGroup:
		return rouse.Errorf(rouse.Invalid, "deduplication id %q: must be 1 to %d characters", rouse.Clip(m.Dedup), maxGroup)
	case q.fifo && delay >= 0:
		return rouse.Errorf(rouse.Invalid, "delay: messages of a FIFO queue all wait as long as the queue says")
	case delay > maxDelay:
		return rouse.Errorf(rouse.Invalid, "delay %s: must be at most %s", rouse.Duration(delay), rouse.Duration(maxDelay))
	}
	return nil
}

// dedupOf is the deduplication id within the scope in which it counts.
func dedupOf(d Definition, m *Message) string {
	if d.DedupByGroup {
		return m.Group + "\x00" + m.Dedup
	}
	return m.Dedup
}

// duplicate fills in what the earlier message was, if there was one.
func (t *Tx) duplicate(q *Queue, m *Message, id string) bool {
	b := t.Get(dedupKey(q.number, id))
	if len(b) != 24 || t.now.UnixNano() >= int64(binary.BigEndian.Uint64(b)) {
		return false
	}
	m.ID, m.Seq = uuid.UUID(b[8:24]).String(), seqIn(b[8:])
	m.Sent = unix(int64(binary.BigEndian.Uint64(b))).Add(-dedupWindow)
	return true
}

// remember has a deduplication id count from now on: until when, and the id of
// the message.
func (t *Tx) remember(q *Queue, m *Message, id string) {
	until := t.now.Add(dedupWindow).UnixNano()
	t.Put(dedupKey(q.number, id), append(binary.BigEndian.AppendUint64(nil, uint64(until)), m.Place[:]...))
	t.Put(expiryKey(until, q.number, id), []byte{})
}

// Sweep drops what is past its time: messages by their queues' retention, and
// deduplication ids. It does a bounded amount of work and says whether there is
// more. Call it now and then.
func (qs *Queues) Sweep(ctx context.Context) (more bool, err error) {
	const batch = 500
	for _, q := range qs.All("") {
		d := q.definition()
		if d.Retention <= 0 {
			continue
		}
		limit := seqOf(qs.clock.Now().Add(-d.Retention.D()))
		if oldest := qs.oldest(ctx, q); oldest == 0 || oldest >= limit {
			continue
		}
		if err := qs.Update(ctx, func(t *Tx) error {
			seqs := t.messages(q, batch, limit)
			for _, seq := range seqs {
				t.Remove(q, seq, false)
			}
			more = more || len(seqs) == batch
			return nil
		}); err != nil {
			return false, err
		}
	}
	err = qs.Update(ctx, func(t *Tx) error {
		var due [][]byte
		for k := range t.Scan([]byte{'x'}, expiryKey(t.now.UnixNano(), 0, "")) {
			if due = append(due, append([]byte{}, k...)); len(due) == batch {
				more = true
				break
			}
		}
		for _, k := range due {
			t.Delete(k)
			dk := append([]byte{'u'}, k[9:]...)
			// Its window may have begun anew.
			if b := t.Get(dk); len(b) == 24 && int64(binary.BigEndian.Uint64(b)) <= t.now.UnixNano() {
				t.Delete(dk)
			}
		}
		return nil
	})
	return more, err
}
