package queue

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
)

// Receive leases up to most messages for as long as visibility says, or the
// queue when that is negative. When there is none it waits for one, at most
// wait. No message is no error.
func (qs *Queues) Receive(ctx context.Context, q *Queue, most int, visibility, wait time.Duration) ([]*Message, error) {
	if visibility < 0 {
		visibility = q.definition().Visibility.D()
	}
	taken, _, err := qs.take(ctx, q, most, visibility)
	if err != nil || len(taken) > 0 || wait <= 0 {
		return taken, err
	}
	timeout := qs.clock.Timer(wait)
	defer timeout.Stop()
	w := q.Wait()
	defer w.Leave()
	for last := false; ; w.Again() {
		taken, next, err := qs.take(ctx, q, most, visibility)
		if err != nil || len(taken) > 0 || last {
			return taken, err
		}
		w.Until(qs.clock.Now().Add(next))
		select {
		case <-w.Turn():
		case <-timeout.C:
			last = true
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if _, err := qs.Queue(q.name); err != nil {
			return nil, err
		}
	}
}

// take takes what there is, without a transaction when there is nothing. When it
// takes nothing, next is when there may be something.
func (qs *Queues) take(ctx context.Context, q *Queue, most int, visibility time.Duration) (taken []*Message, next time.Duration, err error) {
	for {
		next, err = qs.Next(ctx, q)
		if err != nil || next > 0 {
			return nil, next, err
		}
		if taken, err = qs.lease(ctx, q, most, visibility); err != nil || len(taken) > 0 {
			return taken, 0, err
		}
	}
}

// lease leases what is ready. A standard queue's lease is given out before it is
// on disk: if it gets lost, by a crash in that moment, the message is received
// again, as it may be in any case. A group's order would not survive that.
func (qs *Queues) lease(ctx context.Context, q *Queue, most int, visibility time.Duration) ([]*Message, error) {
	taken := make(chan []*Message, 1)
	take := func(t *Tx) error {
		select {
		case <-taken: // of an earlier run, unless somebody has it already
		default:
		}
		taken <- t.Take(q, most, t.now.Add(visibility))
		return nil
	}
	update := qs.early
	if q.definition().FIFO {
		update = qs.Update
	}
	if err := update(ctx, take); err != nil {
		return nil, err
	}
	return <-taken, nil
}

// idle is how long nothing is looked for when nothing is due.
const idle = time.Hour

// Next is how long it takes until something can be taken: 0 when it can be now,
// an hour at the most.
func (qs *Queues) Next(ctx context.Context, q *Queue) (next time.Duration, err error) {
	next = idle
	err = qs.space.View(ctx, func(r store.Reader) error {
		from := queueKey('r', q.number)
		for range r.Scan(from, after(from)) {
			next = 0
			return nil
		}
		from = queueKey('d', q.number)
		for k := range r.Scan(from, after(from)) {
			next = max(0, min(idle, unix(dueTime(k)).Sub(qs.clock.Now())))
			return nil
		}
		return nil
	})
	return next, err
}

// receipt names one lease of a message.
func receipt(place uuid.UUID, receives uint32) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(place[:], receives))
}

func readReceipt(text string) (seq uint64, receives uint32, err error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != 20 {
		return 0, 0, rouse.Errorf(rouse.Invalid, "receipt %q: not one of this queue", rouse.Clip(text))
	}
	return seqIn(b), binary.BigEndian.Uint32(b[16:]), nil
}

// receipt finds the message of a receipt, which is nil without an error when
// the message is gone.
func (t *Tx) receipt(q *Queue, text string) (m *Message, s state, err error) {
	seq, receives, err := readReceipt(text)
	if err != nil {
		return nil, s, err
	}
	m, s, ok := t.message(seq)
	switch {
	case !ok:
		return nil, s, nil
	case receipt(m.Place, receives) != text || t.queueOf(seq) != q.number:
		return nil, s, rouse.Errorf(rouse.Invalid, "receipt %q: not one of this queue", rouse.Clip(text))
	case s.receives > receives: // fewer are those of a lease that was lost, whose holder has the message all the same
		return nil, s, rouse.Errorf(rouse.Conflict, "the message has been received again since; only the newest receipt counts")
	}
	return m, s, nil
}

func (t *Tx) queueOf(seq uint64) number {
	_, q, err := readRecord(t.Get(seqKey('m', seq)))
	if err != nil {
		return 0
	}
	return q
}

// DeleteMessage removes a message by the receipt of its newest lease, and blocks until
// that is on disk. It is idempotent. Errors are Invalid (no receipt of this
// queue) and Conflict (the lease ended and the message was received again).
func (qs *Queues) DeleteMessage(ctx context.Context, q *Queue, receipt string) error {
	return qs.Update(ctx, func(t *Tx) error {
		m, _, err := t.receipt(q, receipt)
		if err != nil || m == nil {
			return err
		}
		t.Remove(q, m.Seq, false)
		return nil
	})
}

// maxLease is how long a lease lasts at the most, however often it is prolonged;
// then somebody else has a turn.
const maxLease = 12 * time.Hour

// ChangeVisibility has a lease end after visibility from now; at once when that
// is 0. Errors are those of DeleteMessage, NotFound when the message is not leased
// any more, and TooLarge when the lease would last longer than leases may.
func (qs *Queues) ChangeVisibility(ctx context.Context, q *Queue, receipt string, visibility time.Duration) error {
	if visibility < 0 || visibility > maxDelay {
		return rouse.Errorf(rouse.Invalid, "visibility %s: must be 0 to %s", rouse.Duration(visibility), rouse.Duration(maxDelay))
	}
	return qs.Update(ctx, func(t *Tx) error {
		m, s, err := t.receipt(q, receipt)
		if err != nil {
			return err
		}
		if m == nil || s.where != leased {
			return rouse.Errorf(rouse.NotFound, "the message is not leased any more")
		}
		if held := t.now.Sub(unix(s.last)).Truncate(time.Second); s.last > 0 && held+visibility > maxLease {
			return rouse.Errorf(rouse.TooLarge, "the message was received %s ago, and leases last %s at the most", held, maxLease)
		}
		t.extend(q, m, s, visibility)
		return nil
	})
}

// Oldest is since when the oldest message waits to be received or removed; ok
// is false when there is none.
func (qs *Queues) Oldest(ctx context.Context, q *Queue) (since time.Time, ok bool, err error) {
	err = qs.space.View(ctx, func(r store.Reader) error {
		if seq := oldest(r, q); seq != 0 {
			m, _, err := readRecord(r.Get(seqKey('m', seq)))
			since, ok = m.Sent, true
			return err
		}
		return nil
	})
	return since, ok, err
}

func (qs *Queues) oldest(ctx context.Context, q *Queue) (seq uint64) {
	if err := qs.space.View(ctx, func(r store.Reader) error { seq = oldest(r, q); return nil }); err != nil {
		return 0
	}
	return seq
}

// oldest looks at the first ready message and at some of those that are leased
// or waiting.
func oldest(r store.Reader, q *Queue) (seq uint64) {
	const some = 1000
	from := queueKey('r', q.number)
	for k := range r.Scan(from, after(from)) {
		seq = lastSeq(k)
		break
	}
	looked := 0
	from = queueKey('d', q.number)
	for k := range r.Scan(from, after(from)) {
		if s := lastSeq(k); seq == 0 || s < seq {
			seq = s
		}
		if looked++; looked == some {
			break
		}
	}
	return seq
}
