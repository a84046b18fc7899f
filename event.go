package rouse

import (
	"context"
	"encoding/json"
	"io"
	"time"
)

// Event is one invocation's input for the lambda contract.
type Event struct {
	ID      string // request id, a UUID
	Payload []byte // JSON
	ARN     string // what was called, as the caller named it
	// Deadline is when the function must have answered; zero means its timeout from now.
	Deadline      time.Time
	TraceID       string
	ClientContext json.RawMessage
	Identity      json.RawMessage // Cognito identity
	// Report, when set, is filled in before Invoke returns, whatever the end.
	Report *Report
	// Stream, when set, is called at most once, if the function answers in
	// streaming mode, with the type of what comes. The answer is written to what
	// it returns as it comes, and not after Invoke has returned. A Write that
	// fails only ends the writing.
	Stream func(contentType string) io.Writer
}

// Report is what was measured of one event.
type Report struct {
	// Log is the end of what was logged about the event, at most 4 KB, with the
	// platform's own lines.
	Log       []byte
	Duration  time.Duration // from the moment that the function had the event
	Billed    time.Duration // Duration in whole milliseconds, rounded up
	Init      time.Duration // of the init that the event waited for; 0 for a warm one
	MaxMemory Bytes         // the most that the instance has had; 0 where nothing measures it
}

// Result is how an invocation ended when the function had the last word.
type Result struct {
	Payload []byte
	// Failure is set when the handler raised an error; Payload is then the
	// runtime's own description of it.
	Failure *Failure
	// Streamed is true when the answer went to Event.Stream; Payload is then empty
	// unless there is a Failure.
	Streamed bool
}

// Failure is an error that a handler raised.
type Failure struct {
	Type    string   `json:"errorType"`
	Message string   `json:"errorMessage"`
	Trace   []string `json:"stackTrace,omitempty"`
}

// EventTarget is what the target of a lambda instance can do.
type EventTarget interface {
	Target
	// Invoke runs one event to its end and returns the function's answer. It
	// ends the process at the deadline. Errors are Timeout or FunctionError and
	// wrap ErrBroken when the process must be restarted. When ctx ends first
	// the event goes on in the process, which is therefore ended too.
	Invoke(ctx context.Context, ev *Event) (*Result, error)
}
