// Package queue has functions called with the messages of queues: what AWS calls
// event source mappings. The queue is one of Rouse's own or one elsewhere that
// speaks SQS's protocol (package remote).
//
// Each mapping has a goroutine that lives as long as the mapping. While it is
// enabled, a poller gathers batches and has each handled on a goroutine of its
// own, as many at once as scale.go says. A message that was handled is deleted;
// one that was not is left to its lease, whose end makes it visible again: so a
// whole batch that failed returns by the queue's visibility timeout, and counts as
// received, as on AWS.
//
// Mappings are kept in the space of durable events, in a table of their own:
//
//	V uuid → JSON of rouse.Mapping
package queue

import (
	"context"
	"time"

	"github.com/rousehq/rouse"
)

// Message is a message of a queue, wherever it is.
type Message struct {
	ID, Receipt string
	Body        string
	Group       string            // of a FIFO queue
	System      map[string]string // SQS's own attributes
	Attributes  map[string]rouse.MessageAttribute
}

// Source is a queue to poll.
type Source interface {
	// Receive leases up to most messages for extra longer than the queue's
	// visibility timeout, and waits at most wait for the first.
	Receive(ctx context.Context, most int, extra, wait time.Duration) ([]Message, error)
	// Delete removes messages; those whose lease is over are passed over.
	Delete(ctx context.Context, receipts []string) error
	// Return ends leases at once.
	Return(ctx context.Context, receipts []string) error
	// Describe says what the queue is like now.
	Describe(ctx context.Context) (Description, error)
}

// Description is what a mapping needs to know of its queue.
type Description struct {
	ARN        string
	Region     string
	FIFO       bool
	Visibility time.Duration
}

// Invoker calls functions.
type Invoker interface {
	// Invoke runs one event to its end. ok is false when the function failed. An
	// error means that it had no say; Throttled, Unavailable and Timeout (no
	// instance became free) are worth another try.
	Invoke(ctx context.Context, ref rouse.Ref, payload []byte) (answer []byte, ok bool, err error)
	// Capacity is how many events of the function can run at once, and how long
	// each may take. 0 means that none may. It does not block.
	Capacity(fn rouse.FunctionName) (most int, longest time.Duration)
}
