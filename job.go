package rouse

import (
	"encoding/json"
	"net/http"
	"time"
)

// JobState is where a job is in its life.
type JobState string

// The states. The last four are ends.
const (
	JobPending   JobState = "pending" // queued, delayed, or waiting for its next attempt
	JobRunning   JobState = "running"
	JobSucceeded JobState = "succeeded"
	JobFailed    JobState = "failed"
	JobCancelled JobState = "cancelled"
	JobExpired   JobState = "expired" // grew too old
)

// Done says whether the state is an end.
func (s JobState) Done() bool { return s != JobPending && s != JobRunning }

// Dead says whether a job in this state is a dead letter: it can be redriven.
func (s JobState) Dead() bool { return s == JobFailed || s == JobExpired }

// JobCondition is why a job ended; the first four are AWS's words.
type JobCondition string

// The conditions.
const (
	JobSuccess                 JobCondition = "Success"
	JobRetriesExhausted        JobCondition = "RetriesExhausted"
	JobEventAgeExceeded        JobCondition = "EventAgeExceeded"
	JobZeroReservedConcurrency JobCondition = "ZeroReservedConcurrency"
	JobWasCancelled            JobCondition = "Cancelled"
	JobFunctionDeleted         JobCondition = "FunctionDeleted"
	JobRejected                JobCondition = "Rejected"    // it can never be run, as its error says
	JobInterrupted             JobCondition = "Interrupted" // Rouse ended during each of too many attempts
)

// JobRequest is what a job is to do. Its JSON, without the payload, is what is kept.
type JobRequest struct {
	Ref     Ref    `json:"ref"`
	Payload []byte `json:"-"` // the event, or the body of an HTTP request
	// HTTP is set for a function of the http contract.
	HTTP *JobHTTP `json:"http,omitempty"`

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
	// Notify is a JobNotify; nil when the caller wants nobody told.
	Notify json.RawMessage `json:"notify,omitempty"`
	// Hops is how many jobs in a row were each handed in to tell of another's end.
	Hops int `json:"hops,omitempty"`
}

// JobHTTP is a request to a function of the http contract.
type JobHTTP struct {
	Method string      `json:"method"`
	Path   string      `json:"path"` // as the function sees it, escaped
	Query  string      `json:"query,omitempty"`
	Prefix string      `json:"prefix,omitempty"`
	Host   string      `json:"host,omitempty"`
	From   string      `json:"from,omitempty"` // address of the client
	Header http.Header `json:"header,omitempty"`
}

// Job is a request and what became of it.
type Job struct {
	ID      string
	Created time.Time
	Request JobRequest
	JobStatus
}

// JobStatus is what changes of a job. Its JSON is what is kept of it.
type JobStatus struct {
	State     JobState     `json:"state"`
	Condition JobCondition `json:"condition,omitempty"`
	Attempts  int          `json:"attempts"`             // how often the function was begun
	Failures  int          `json:"failures,omitempty"`   // of the function
	Refusals  int          `json:"refusals,omitempty"`   // by the platform, before the function could begin
	Cut       int          `json:"cut,omitempty"`        // attempts that ended with Rouse
	Next      time.Time    `json:"next,omitzero"`        // pending: not before
	Started   time.Time    `json:"started,omitzero"`     // the newest attempt
	Ended     time.Time    `json:"ended,omitzero"`       // the job
	Error     *JobFailure  `json:"error,omitempty"`      // the newest
	Result    *JobResult   `json:"result,omitempty"`     // of a job that ended and got an answer
	Redriven  time.Time    `json:"redriven,omitzero"`    // began anew then; its age counts from there
	KeptUntil time.Time    `json:"kept_until,omitzero"`  // when a job that has ended is forgotten
	TellError string       `json:"tell_error,omitempty"` // why nobody could be told of its end
}

// JobFilter selects jobs, a page at a time.
type JobFilter struct {
	Function FunctionName // empty is any
	State    JobState     // empty is any
	Most     int          // 0 is 100, at most 1000
	After    string       // where an earlier page ended
}

// JobFailure is why an attempt failed, in words for callers.
type JobFailure struct {
	Code    Code     `json:"code"`
	Message string   `json:"message"`
	Type    string   `json:"type,omitempty"`
	Trace   []string `json:"trace,omitempty"`
}

// JobResult is what a function answered; the answer itself is kept apart.
type JobResult struct {
	Size   int         `json:"size"`
	File   bool        `json:"file,omitempty"`   // it lies in a file
	Status int         `json:"status,omitempty"` // http contract
	Header http.Header `json:"header,omitempty"`
	// Version is what answered: $LATEST or a number.
	Version Qualifier `json:"version,omitempty"`
	// Omitted says why the answer was not kept.
	Omitted string `json:"omitted,omitempty"`
}
