package sqsapi

import (
	"context"
	"time"

	"github.com/rousehq/rouse"
)

// Reader finds queues. It does not block; what does not exist is a NotFound error.
type Reader interface {
	Queue(name string) (rouse.Queue, error)
	// Queues lists those whose names have a prefix, by name.
	Queues(prefix string) []rouse.Queue
}

// Writer changes queues. Its methods block until the change is on disk.
type Writer interface {
	// CreateQueue makes a queue that must not exist yet, else it is a Conflict.
	CreateQueue(ctx context.Context, name string, d rouse.QueueDefinition) error
	// ChangeQueue returns an error of edit as it is, and then nothing changes.
	ChangeQueue(ctx context.Context, name string, edit func(*rouse.QueueDefinition) error) error
	// DeleteQueue removes a queue with its messages, PurgeQueue only those.
	DeleteQueue(ctx context.Context, name string) error
	PurgeQueue(ctx context.Context, name string) error
}

// Messages is what goes through queues. Its methods block until what they do is on disk.
type Messages interface {
	// Send adds messages, all or none, that can be received after delay, or the
	// queue's when that is negative. It fills in ID and Seq.
	Send(ctx context.Context, name string, delay time.Duration, ms ...*rouse.Message) error
	// Receive leases up to most messages and waits at most wait for the first.
	// A negative visibility is the queue's.
	Receive(ctx context.Context, name string, most int, visibility, wait time.Duration) ([]*rouse.Message, error)
	// Delete removes messages by their receipts. Each has an error of its own:
	// Invalid for no receipt of this queue, Conflict for one that is outdated.
	Delete(ctx context.Context, name string, receipts []string) ([]error, error)
}

// Leases is what can be done with messages that were received.
type Leases interface {
	// Extend has a lease end after visibility from now. Errors are those of
	// Messages.Delete, NotFound when the message is not leased any more, and TooLarge
	// when the lease would last longer than 12 hours since the message was received.
	Extend(ctx context.Context, name, receipt string, visibility time.Duration) error
	// Return ends leases at once.
	Return(ctx context.Context, name string, receipts []string) error
	// Redeliver finds leased messages again and has their leases last for
	// visibility from now. ok is false when one of them is not leased any more.
	Redeliver(ctx context.Context, name string, receipts []string, visibility time.Duration) (ms []*rouse.Message, ok bool, err error)
}

// Moves are tasks that move the messages of a queue.
type Moves interface {
	// StartMove begins a task and returns it. One that runs already is a Conflict.
	StartMove(ctx context.Context, from, to string, rate int) (rouse.MessageMove, error)
	// CancelMove stops a task that runs; another one is a NotFound error.
	CancelMove(ctx context.Context, handle string) (rouse.MessageMove, error)
	// ListMoves are the latest tasks of a queue, the newest first.
	ListMoves(from string) []rouse.MessageMove
}
