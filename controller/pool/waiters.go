package pool

import (
	"time"

	"github.com/rousehq/rouse"
)

// waiter is a request in a revision's queue.
type waiter struct {
	// granted receives exactly one answer unless the waiter is cancelled first.
	// It has room for it, so that granting never blocks.
	granted chan grant
	since   time.Time
	size    rouse.Bytes
	// took says that it holds concurrency of its function or of the account: from
	// the moment that its own start may be made for it, until its lease's holder
	// has the answer out. Under the revision's mutex while it waits, the lease's
	// holder's then.
	took bool
	// warm marks a wait for readiness alone: it passes the queue's limits and
	// takes no reserved concurrency.
	warm bool
	// retries marks a call that runs an init again that failed.
	retries bool
	// nested marks a call whose caller holds memory while it waits.
	nested bool
	// frost is what the instance has to be thawed of that was lent to it; nil once
	// that is done.
	frost *frost

	prev, next *waiter
	queued     bool
}

// grant is the end of a wait: an instance, or the reason why there is none.
type grant struct {
	inst *instance
	err  error
}

// fifo is the queue of a revision's waiters, oldest first. Removal from the
// middle is O(1), since any waiter may give up at any time.
type fifo struct {
	first, last *waiter
	len         int
	bytes       rouse.Bytes
	nested      int
	retrying    int
	held        int // that need no more concurrency than they have
}

func (q *fifo) push(w *waiter) {
	w.prev = q.last
	if q.last != nil {
		q.last.next = w
	} else {
		q.first = w
	}
	q.last = w
	q.count(w)
}

// unshift puts back w, which was the first to be lent an instance.
func (q *fifo) unshift(w *waiter) {
	w.next = q.first
	if q.first != nil {
		q.first.prev = w
	} else {
		q.last = w
	}
	q.first = w
	q.count(w)
}

func (q *fifo) count(w *waiter) {
	w.queued = true
	q.len++
	q.bytes += w.size
	if w.nested {
		q.nested++
	}
	if w.retries {
		q.retrying++
	}
	if w.took || w.warm {
		q.held++
	}
}

// remove takes w out and says whether it was still queued.
func (q *fifo) remove(w *waiter) bool {
	if !w.queued {
		return false
	}
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		q.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		q.last = w.prev
	}
	w.prev, w.next, w.queued = nil, nil, false
	q.len--
	q.bytes -= w.size
	if w.nested {
		q.nested--
	}
	if w.retries {
		q.retrying--
	}
	if w.took || w.warm {
		q.held--
	}
	return true
}
