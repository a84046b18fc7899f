package async

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/rousehq/rouse"
)

// State is where a job is in its life.
type State string

// The states. The last four are ends.
const (
	Pending   State = "pending" // queued, delayed, or waiting for its next attempt
	Running   State = "running"
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Cancelled State = "cancelled"
	Expired   State = "expired" // grew too old
)

// Done says whether the state is an end.
func (s State) Done() bool { return s != Pending && s != Running }

// Dead says whether a job in this state is a dead letter: it can be redriven.
func (s State) Dead() bool { return s == Failed || s == Expired }

// Condition is why a job ended; the first four are AWS's words.
type Condition string

// The conditions.
const (
	Success                 Condition = "Success"
	RetriesExhausted        Condition = "RetriesExhausted"
	EventAgeExceeded        Condition = "EventAgeExceeded"
	ZeroReservedConcurrency Condition = "ZeroReservedConcurrency"
	WasCancelled            Condition = "Cancelled"
	FunctionDeleted         Condition = "FunctionDeleted"
	Rejected                Condition = "Rejected"    // it can never be run, as its error says
	Interrupted             Condition = "Interrupted" // Rouse ended during each of too many attempts
)

// Request is what a job is to do. Its JSON, without the payload, is what is kept.
type Request struct {
	Ref     rouse.Ref `json:"ref"`
	Payload []byte    `json:"-"` // the event, or the body of an HTTP request
	// HTTP is set for a function of the http contract.
	HTTP *HTTPRequest `json:"http,omitempty"`

	// Key makes asking twice harmless: the same key, function and payload within
	// a day is the same job.
	Key         string        `json:"key,omitempty"`
	Delay       time.Duration `json:"delay,omitempty"`
	MaxAge      time.Duration `json:"max_age,omitempty"`      // 0 is the function's
	MaxAttempts int           `json:"max_attempts,omitempty"` // 0 is the function's

	ARN           string          `json:"arn,omitempty"` // what was called, as the caller named it
	TraceID       string          `json:"trace_id,omitempty"`
	ClientContext json.RawMessage `json:"client_context,omitempty"`
	Identity      json.RawMessage `json:"identity,omitempty"`
	// Source says who asked: "http", "api", "lambda", "schedule", …
	Source string `json:"source,omitempty"`
	// Notify is whatever the Ender needs to know of this job.
	Notify json.RawMessage `json:"notify,omitempty"`
}

// HTTPRequest is a request to a function of the http contract.
type HTTPRequest struct {
	Method string      `json:"method"`
	Path   string      `json:"path"` // as the function sees it, escaped
	Query  string      `json:"query,omitempty"`
	Prefix string      `json:"prefix,omitempty"`
	Host   string      `json:"host,omitempty"`
	Header http.Header `json:"header,omitempty"`
}

// Job is a request and what became of it.
type Job struct {
	ID      string
	Created time.Time
	Request Request
	Status
}

// Status is what changes of a job. Its JSON is what table J has.
type Status struct {
	State     State     `json:"state"`
	Condition Condition `json:"condition,omitempty"`
	Attempts  int       `json:"attempts"`             // how often the function was begun
	Failures  int       `json:"failures,omitempty"`   // of the function
	Refusals  int       `json:"refusals,omitempty"`   // by the platform, before the function could begin
	Cut       int       `json:"cut,omitempty"`        // attempts that ended with Rouse
	Next      time.Time `json:"next,omitzero"`        // pending: not before
	Started   time.Time `json:"started,omitzero"`     // the newest attempt
	Ended     time.Time `json:"ended,omitzero"`       // the job
	Error     *Failure  `json:"error,omitempty"`      // the newest
	Result    *Result   `json:"result,omitempty"`     // of a job that ended and got an answer
	Redriven  time.Time `json:"redriven,omitzero"`    // began anew then; its age counts from there
	KeptUntil time.Time `json:"kept_until,omitzero"`  // when a job that has ended is forgotten
	TellError string    `json:"tell_error,omitempty"` // why nobody could be told of its end
}

// Failure is why an attempt failed, in words for callers.
type Failure struct {
	Code    rouse.Code `json:"code"`
	Message string     `json:"message"`
	Type    string     `json:"type,omitempty"`
	Trace   []string   `json:"trace,omitempty"`
}

// Result is what a function answered; Engine.Payload reads the answer itself.
type Result struct {
	Size   int         `json:"size"`
	File   bool        `json:"file,omitempty"`   // it lies in a file
	Status int         `json:"status,omitempty"` // http contract
	Header http.Header `json:"header,omitempty"`
	// Omitted says why the answer was not kept.
	Omitted string `json:"omitted,omitempty"`
}

// Attempt is one run of a job.
type Attempt struct {
	ID      string // the job's, which is the event's
	Number  int    // from 1
	Request *Request
}

// Outcome is how an attempt ended in which the function had its say.
type Outcome struct {
	Payload []byte
	Status  int // http contract
	Header  http.Header
	// Failure is set when the function failed; Payload may then describe how.
	Failure *Failure
}
