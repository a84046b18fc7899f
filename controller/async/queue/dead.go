package queue

import (
	"cmp"
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

// move takes up to most ready messages from one queue to another one, of the
// moveBatch that stand behind a key of its table, about the oldest first; to nil
// is the queue that each of them came from when it became a dead letter, and those
// whose queue is gone stay. They keep their time of sending, and begin anew
// otherwise. It says how many were moved, and behind which key to go on: nil when
// there are none.
func (t *Tx) move(from, to *Queue, behind []byte, most int) (moved int, next []byte) {
	t.promote(from, promoteBatch)
	found, next := t.movable(from, to, behind, most)
	for _, f := range found {
		t.Remove(from, f.m.Seq, false)
		f.m.Origin = ""
		t.Enter(f.to, prepareMoved(f.m), t.now)
	}
	return len(found), next
}

// movable is a message and the queue that it can be moved to.
type movable struct {
	m  *Message
	to *Queue
}

// movable are the messages that move takes, the oldest first.
func (t *Tx) movable(from, to *Queue, behind []byte, most int) (found []movable, next []byte) {
	table := byte('r')
	if from.fifo {
		table = 'g'
	}
	first := queueKey(table, from.number)
	start := first
	if behind != nil {
		start = append(slices.Clone(behind), 0)
	}
	looked := 0
	for k := range t.Scan(start, after(first)) {
		m, _, ok := t.message(lastSeq(k))
		target := to
		if ok && target == nil {
			target, _ = t.qs.Queue(m.Origin)
		}
		if ok && target != nil && target != from && target.fifo == from.fifo {
			found = append(found, movable{m, target})
		}
		if looked++; looked == moveBatch || len(found) == most {
			next = slices.Clone(k)
			break
		}
	}
	slices.SortFunc(found, func(a, b movable) int { return cmp.Compare(a.m.Seq, b.m.Seq) })
	return found, next
}
