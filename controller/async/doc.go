// Package async runs functions later: a job that was accepted is on disk, is run
// at least once, retried as Lambda does, and its end is kept for a while. Each
// function has a queue of its own (package queue), taken from by a dispatcher of
// its own, so that no function delays another.
//
// Beside the queues' tables the space has these. seq is where the job's request
// lies in table m, and the first part of its id:
//
//	J seq            → JSON of the job's status; missing until it is first run
//	P seq            → what the function answered, unless it is large and lies in a file
//	E q ^seq         → the jobs of a function that have ended, newest first; one byte, the state
//	O seq target     → JSON of a notice: target is still to be told of the job's end
//	T q time seq target → when that is due
//	X time seq       → when an ended job is forgotten; its size, a varint
//	I q key          → an idempotency key's job, and until when it counts
//	Y time q key     → when an idempotency key is forgotten
//	Z name           → the function is paused
//
// design.md tells a job's life and what is durable when.
package async

import (
	"context"
	"log/slog"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async/queue"
	"github.com/rousehq/rouse/controller/store"
)

// Invoker runs jobs.
type Invoker interface {
	// Invoke runs one attempt and blocks until it has ended. When ctx ends the
	// attempt is stopped. An error means that the function had no say: it is
	// throttled, missing, or the platform failed. What it did itself, errors
	// included, is an Outcome.
	Invoke(ctx context.Context, a Attempt) (Outcome, error)
	// Capacity says how much of fn can run now. It must not block.
	Capacity(fn rouse.FunctionName) Capacity
}

// Capacity bounds a function's attempts.
type Capacity struct {
	Most    int           // at once; less than 1 counts as 1
	Zero    bool          // its reserved concurrency is 0: nothing may run
	Longest time.Duration // an attempt takes, waiting included
}

// Ender is told of jobs that have ended.
type Ender interface {
	// Wants names those who are to be told of the job's end, each once. It must
	// not block.
	Wants(j *Job) []string
	// Ended tells one of them. It is called at least once, and again later when
	// it returns an error, unless that is Invalid: then it never can be told.
	Ended(ctx context.Context, e End) error
}

// End is what somebody is told.
type End struct {
	Job    *Job
	Target string // one of those that Wants named
	// Answer reads what the function answered; nil when nothing was kept.
	Answer func() ([]byte, error)
}

// Observer is told of what happens, to measure it. Its methods must not block.
type Observer interface {
	JobAccepted(fn rouse.FunctionName)
	// JobStarted tells how long a job waited after it could have been run.
	JobStarted(fn rouse.FunctionName, waited time.Duration)
	// JobEnded tells of an end, JobRetried of an attempt that is not the last.
	JobEnded(fn rouse.FunctionName, c Condition)
	JobRetried(fn rouse.FunctionName)
	// JobTold tells how an attempt went to tell target of an end; over when there
	// will be no other one.
	JobTold(fn rouse.FunctionName, target string, err error, over bool)
}

// Config is what an engine works with. Ender, Observer and Policy may be nil.
type Config struct {
	Space   store.Space
	Dir     string // for large results
	Clock   *queue.Clock
	Invoker Invoker
	// Ender makes the one who is told of ends, and may keep the engine for later.
	Ender func(*Engine) Ender
	// Policy says how a job is retried; nil is DefaultPolicy for all. It must not block.
	Policy   func(*Request) Policy
	Observer Observer
	// KeepResults is how long a job that has ended is kept; 0 is a day. Those
	// that did not succeed are kept for KeepDead; 0 is 14 days.
	KeepResults, KeepDead time.Duration
	// KeepSize bounds what jobs that have ended take, with what they were asked
	// and what they answered; 0 is 10 GB.
	KeepSize rouse.Bytes
	// MaxPayload and MaxResult bound a job; 0 is 6 MB and 64 MB.
	MaxPayload, MaxResult rouse.Bytes
	Log                   *slog.Logger
}
