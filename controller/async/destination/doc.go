// Package destination tells of jobs' ends: by webhooks, and, as AWS Lambda does
// for asynchronous invocations, by destinations and dead letter queues. Each
// target is told at least once; package async keeps the promise to do so on disk
// and calls again after a failure.
package destination

import (
	"context"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async"
)

// The targets of a job's end.
const (
	targetWebhook     = "webhook"          // that the job's caller named
	targetFunction    = "function_webhook" // of the function's settings
	targetDestination = "destination"      // of the function's event-invoke configuration
	targetDeadLetter  = "dead_letter"      // the function's dead letter queue
)

// Functions knows the functions whose settings say who is told.
type Functions interface {
	// Function does not block; what does not exist is a NotFound error.
	Function(name rouse.FunctionName) (*rouse.Function, error)
}

// Jobs takes in what functions are to be told.
type Jobs interface {
	// Submit blocks until the job is on disk; one with a Key that was used before
	// is the earlier job.
	Submit(ctx context.Context, r rouse.JobRequest) (j *rouse.Job, created bool, err error)
}

// Queues takes in what queues are to be told.
type Queues interface {
	// Send blocks until the message is on disk. A queue that does not exist is a
	// NotFound error.
	Send(ctx context.Context, queue string, body []byte, attributes []Attribute) error
}

// Attribute is one of a message's attributes, with its type as SQS calls it.
type Attribute struct {
	Name, Type, Value string
}

// Config is what a teller works with. Every field is needed.
type Config struct {
	Functions Functions
	Jobs      Jobs
	Queues    Queues
	Webhooks  *Webhooks
	Place     rouse.Place
	Now       func() time.Time
}

// Teller tells of jobs' ends.
type Teller struct{ cfg Config }

var _ async.Ender = (*Teller)(nil)

// New makes a teller. It starts nothing.
func New(cfg Config) *Teller { return &Teller{cfg} }
