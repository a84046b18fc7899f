package rouse

import "time"

// Mapping has a function called with the messages of a queue: what AWS calls an
// event source mapping. Its JSON is what is kept of it.
type Mapping struct {
	ID     string `json:"id"` // a UUID
	Ref    Ref    `json:"ref"`
	Source string `json:"source"` // the queue's ARN, or the URL of a queue elsewhere
	// BatchSize is the most messages of a call, and Window how long a call waits
	// for that many after the first.
	BatchSize int      `json:"batch_size"`
	Window    Duration `json:"window,omitempty"`
	Enabled   bool     `json:"enabled"`
	// Filters are patterns; a message that none of them matches is deleted.
	Filters []string `json:"filters,omitempty"`
	// PartialFailures has the function's answer say which messages failed.
	PartialFailures bool `json:"partial_failures,omitempty"`
	// MaxConcurrency bounds the calls at once; 0 is no bound of its own.
	MaxConcurrency int               `json:"max_concurrency,omitempty"`
	Tags           map[string]string `json:"tags,omitempty"`
	Modified       time.Time         `json:"modified"`

	// State and Result are how it goes; they are not kept.
	State  MappingState `json:"-"`
	Result string       `json:"-"` // of the last call, in AWS's words
}

// MappingState is where a mapping is, in AWS's words.
type MappingState string

// The states.
const (
	MappingCreating  MappingState = "Creating"
	MappingEnabling  MappingState = "Enabling"
	MappingEnabled   MappingState = "Enabled"
	MappingDisabling MappingState = "Disabling"
	MappingDisabled  MappingState = "Disabled"
	MappingUpdating  MappingState = "Updating"
	MappingDeleting  MappingState = "Deleting"
)
