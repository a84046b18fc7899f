package adminapi

import (
	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// The JSON shapes of the API beyond the root package's own types.

// FunctionView is a function with its $LATEST revision and what runs of it.
type FunctionView struct {
	rouse.Function
	Revision  rouse.Revision `json:"revision"`
	Instances map[string]int `json:"instances"` // by state, over all revisions
	Waiting   int            `json:"waiting"`
	URL       string         `json:"url"`              // where to call it
	Paused    bool           `json:"paused,omitempty"` // none of its jobs begins until they are resumed
}

// Progress is one line of a deployment's answer as application/x-ndjson: a
// message while it goes on, and a result or an error as the last line.
type Progress struct {
	Message string          `json:"message,omitempty"`
	Result  *rouse.Deployed `json:"result,omitempty"`
	Error   *ErrorBody      `json:"error,omitempty"`
}

// ErrorBody is the inner object of every error.
type ErrorBody = gateway.ErrorBody

// Artifact is the answer to an upload.
type Artifact struct {
	Digest string      `json:"digest"`
	Size   rouse.Bytes `json:"size"`
	Files  int         `json:"files"`
}

// LogLine is one line that a function printed, in the order of arrival.
type LogLine struct {
	Time      string `json:"time"` // RFC 3339 with nanoseconds
	Stream    string `json:"stream"`
	Instance  string `json:"instance"`
	Revision  string `json:"revision"`
	RequestID string `json:"request_id,omitempty"`
	Text      string `json:"text"`
}

// Status is the platform at a glance.
type Status struct {
	Version      string         `json:"version"`
	Driver       string         `json:"driver"`
	DriverReason string         `json:"driver_reason,omitempty"` // why this driver, in words
	Functions    int            `json:"functions"`
	Instances    map[string]int `json:"instances"` // by state
	InFlight     int            `json:"in_flight"`
	Waiting      int            `json:"waiting"`
	MemoryBudget rouse.Bytes    `json:"memory_budget"`
	MemoryInUse  rouse.Bytes    `json:"memory_in_use"`   // sum of the instances' limits
	Cells        *rouse.Cells   `json:"cells,omitempty"` // spare sandboxes, where the driver keeps them
	Started      string         `json:"started"`
}

// NextStart says what the next request of a function is to begin with, so that
// it can be measured.
type NextStart struct {
	From  rouse.Tier `json:"from"`
	Force bool       `json:"force"` // even if it is busy: what runs is finished first
}

// NewKey asks for a key.
type NewKey struct {
	Name string `json:"name,omitempty"` // for people
}

// Publication asks for a version of $LATEST.
type Publication struct {
	Description string `json:"description"`
}
