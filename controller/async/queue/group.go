package queue

import (
	"encoding/binary"
	"time"
)

// In a FIFO queue a group is either open, and its first message stands in table
// r, or it is locked, because some of its messages are leased, and none does.

// takeGroups leases messages of open groups, those with the oldest first
// message first, each group's in order and as many as fit.
func (t *Tx) takeGroups(q *Queue, d Definition, most int, until time.Time) []*Message {
	var taken []*Message
	for budget := most + takeBudget; len(taken) < most && budget > 0; budget-- {
		head, group := t.firstHead(q)
		if head == 0 {
			break
		}
		t.Delete(readyKey(q.number, head))
		locked := uint32(0)
		for _, seq := range t.members(q, group, most-len(taken)) {
			t.Delete(memberKey(q.number, group, seq))
			t.change(q).moved.Ready--
			if m := t.lease(q, d, seq, until); m != nil {
				taken = append(taken, m)
				locked++
			}
		}
		if locked > 0 {
			t.Put(lockKey(q.number, group), binary.BigEndian.AppendUint32(nil, locked))
		} else {
			t.open(q, group)
		}
	}
	return taken
}

func (t *Tx) firstHead(q *Queue) (seq uint64, group string) {
	from := queueKey('r', q.number)
	for k, v := range t.Scan(from, after(from)) {
		return lastSeq(k), string(v)
	}
	return 0, ""
}

// members are the first messages of a group that are ready.
func (t *Tx) members(q *Queue, group string, most int) []uint64 {
	from := memberKey(q.number, group, 0)
	var seqs []uint64
	for k := range t.Scan(from, after(from[:len(from)-8])) {
		if seqs = append(seqs, lastSeq(k)); len(seqs) == most {
			break
		}
	}
	return seqs
}

// join adds a message to its group, and has the group stand in r by its first.
func (t *Tx) join(q *Queue, group string, seq uint64) {
	locked := t.Get(lockKey(q.number, group)) != nil
	before := t.members(q, group, 1)
	t.Put(memberKey(q.number, group, seq), []byte{})
	switch {
	case locked || len(before) > 0 && before[0] < seq:
		return
	case len(before) > 0:
		t.Delete(readyKey(q.number, before[0]))
	}
	t.show(q, seq, group)
}

// part takes a ready message out of its group.
func (t *Tx) part(q *Queue, group string, seq uint64) {
	t.Delete(memberKey(q.number, group, seq))
	head := readyKey(q.number, seq)
	if t.Get(head) != nil {
		t.Delete(head)
		t.open(q, group)
	}
}

// open has a group that is not locked stand in r, if it has a message.
func (t *Tx) open(q *Queue, group string) {
	if first := t.members(q, group, 1); len(first) > 0 {
		t.show(q, first[0], group)
	}
}

// unlock counts one leased message of a group less.
func (t *Tx) unlock(q *Queue, group string) {
	k := lockKey(q.number, group)
	b := t.Get(k)
	if len(b) != 4 {
		return
	}
	n := binary.BigEndian.Uint32(b)
	if n > 1 {
		t.Put(k, binary.BigEndian.AppendUint32(nil, n-1))
		return
	}
	t.Delete(k)
	t.open(q, group)
}
