package queue

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/rousehq/rouse"
)

const (
	maxName  = 256
	maxGroup = 128
	maxDelay = 366 * 24 * time.Hour
)

// The words that others share.
type (
	// Definition is how a queue behaves. Its JSON is what table Q has.
	Definition = rouse.QueueDefinition
	// Counts are how many messages a queue has.
	Counts = rouse.QueueCounts
	// Message is one message. Package async keeps JSON of its own in Attributes.
	Message = rouse.Message
)

func validate(d Definition) error {
	switch {
	case d.Delay < 0 || d.Delay.D() > maxDelay:
		return rouse.Errorf(rouse.Invalid, "delay %s: must be 0 to %s", d.Delay, rouse.Duration(maxDelay))
	case d.Visibility < 0 || d.Visibility.D() > maxDelay:
		return rouse.Errorf(rouse.Invalid, "visibility %s: must be 0 to %s", d.Visibility, rouse.Duration(maxDelay))
	case d.Retention < 0:
		return rouse.Errorf(rouse.Invalid, "retention %s: must not be negative", d.Retention)
	case d.MaxReceives < 0:
		return rouse.Errorf(rouse.Invalid, "max_receives %d: must not be negative", d.MaxReceives)
	case (d.MaxReceives > 0) != (d.DeadLetters != ""):
		return rouse.Errorf(rouse.Invalid, "max_receives and dead_letters: give both or neither")
	}
	return nil
}

// Queue is one queue. Make it with Queues.Create.
type Queue struct {
	name   string
	number number
	fifo   bool
	clock  *Clock

	gone atomic.Bool // nothing can be sent to it any more

	changing sync.Mutex // one change of the definition at a time; taken before mu

	mu     sync.Mutex
	def    Definition // guarded by mu
	counts Counts     // guarded by mu
	line   line       // guarded by mu
}

func newQueue(name string, d Definition, clock *Clock) *Queue {
	return &Queue{name: name, number: number(d.Number), fifo: d.FIFO, clock: clock, def: d}
}

// Name is the queue's name.
func (q *Queue) Name() string { return q.name }

// Definition is how the queue behaves now.
func (q *Queue) Definition() Definition { return q.definition() }

func (q *Queue) definition() Definition {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.def
}

// Counts are how many messages the queue has now.
func (q *Queue) Counts() Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.counts
}

func (q *Queue) apply(c change) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counts.Ready += c.moved.Ready
	q.counts.Waiting += c.moved.Waiting
	q.counts.Leased += c.moved.Leased
	q.wake(c.shown)
	q.ringAt(c.due)
}

// dismiss wakes all who wait, since the queue is gone.
func (q *Queue) dismiss() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wake(q.line.waiters.Len())
}
