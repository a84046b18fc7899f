package queue

import (
	"context"
	"slices"
)

// bury moves a message, which is in no table but m and s, to the queue of dead
// letters that d names. It says whether there is such a queue.
func (t *Tx) bury(d Definition, q *Queue, m *Message) bool {
	dead, err := t.qs.Queue(d.DeadLetters)
	if err != nil || dead.fifo != q.fifo {
		return false // its receivers are a better place than nowhere
	}
	copied := *m
	copied.Origin = q.name
	t.forget(m.Seq)
	t.Enter(dead, prepareMoved(&copied), t.now)
	return true
}

// Move takes up to most ready messages from one queue to another one, the
// oldest first; to nil is the queue that each of them came from when it became
// a dead letter, and those whose queue is gone stay. They keep their time of
// sending, and begin anew otherwise. It blocks until that is on disk, and says
// how many were moved.
func (qs *Queues) Move(ctx context.Context, from, to *Queue, most int) (moved int, err error) {
	err = qs.Update(ctx, func(t *Tx) error {
		moved = 0
		t.promote(from, promoteBatch)
		for _, seq := range t.ready(from, most) {
			m, _, ok := t.message(seq)
			if !ok {
				continue
			}
			target := to
			if target == nil {
				if target, _ = qs.Queue(m.Origin); target == nil {
					continue
				}
			}
			if target.fifo != from.fifo || target == from {
				continue
			}
			t.Remove(from, seq, false)
			m.Origin = ""
			t.Enter(target, prepareMoved(m), t.now)
			moved++
		}
		return nil
	})
	return moved, err
}

// ready are the first ready messages of a queue.
func (t *Tx) ready(q *Queue, most int) []uint64 {
	table := byte('r')
	if q.fifo {
		table = 'g'
	}
	from := queueKey(table, q.number)
	var seqs []uint64
	for k := range t.Scan(from, after(from)) {
		if seqs = append(seqs, lastSeq(k)); len(seqs) == most {
			break
		}
	}
	slices.Sort(seqs)
	return seqs
}
