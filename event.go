package rouse

import (
	"context"
	"encoding/json"
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
}

// Result is how an invocation ended when the function had the last word.
type Result struct {
	Payload []byte
	// Failure is set when the handler raised an error; Payload is then the
	// runtime's own description of it.
	Failure *Failure
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
