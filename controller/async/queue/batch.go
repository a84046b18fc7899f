package queue

import (
	"context"
	"slices"
	"time"
)

// DeleteMessages removes messages by their receipts in one transaction, and
// blocks until that is on disk. Each receipt has an error of its own, as
// DeleteMessage has; err is the transaction's.
func (qs *Queues) DeleteMessages(ctx context.Context, q *Queue, receipts []string) (errs []error, err error) {
	err = qs.Update(ctx, func(t *Tx) error {
		errs = make([]error, len(receipts))
		for i, text := range receipts {
			var m *Message
			if m, _, errs[i] = t.receipt(q, text); m != nil {
				t.Remove(q, m.Seq, false)
			}
		}
		return nil
	})
	return errs, err
}

// ReturnMessages ends leases in one transaction: each message is ready again
// after a while, those of one group in their order. It blocks until that is on
// disk. A message that is not leased any more is passed over.
func (qs *Queues) ReturnMessages(ctx context.Context, q *Queue, receipts []string, after time.Duration) error {
	return qs.Update(ctx, func(t *Tx) error {
		// The oldest last, so that a group that becomes open shows its first.
		for _, text := range slices.Backward(receipts) {
			m, s, err := t.receipt(q, text)
			if err != nil || m == nil || s.where != leased {
				continue
			}
			t.extend(q, m, s, after)
		}
		return nil
	})
}

// extend has a lease end after visibility from now.
func (t *Tx) extend(q *Queue, m *Message, s state, visibility time.Duration) {
	if visibility == 0 {
		t.Postpone(q, m.Seq, t.now)
		return
	}
	t.unplace(q, m.Seq, s)
	t.place(q, m.Seq, s, leased, t.now.Add(visibility))
}

// Redeliver finds leased messages again by their receipts and has their leases
// end after visibility from now. ok is false when one of them is not leased any
// more; then nothing changes.
func (qs *Queues) Redeliver(ctx context.Context, q *Queue, receipts []string, visibility time.Duration) (ms []*Message, ok bool, err error) {
	err = qs.Update(ctx, func(t *Tx) error {
		ms, ok = nil, false
		states := make([]state, len(receipts))
		for i, text := range receipts {
			m, s, err := t.receipt(q, text)
			if err != nil || m == nil || s.where != leased {
				ms = nil
				return nil
			}
			m.Receipt, states[i] = text, s
			ms = append(ms, m)
		}
		for i, m := range ms {
			t.extend(q, m, states[i], max(visibility, time.Millisecond))
		}
		ok = true
		return nil
	})
	return ms, ok, err
}
