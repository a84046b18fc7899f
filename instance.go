package rouse

import "time"

// State is where an instance is in its life.
type State string

// The states, in the order of a life. A crash or a timeout leads from Ready
// back to Starting, in the same sandbox.
const (
	Starting State = "starting"
	Ready    State = "ready"
	Draining State = "draining" // finishes what it has and takes nothing new
	Gone     State = "gone"
)

// Instance is a snapshot of a revision running in a sandbox, for listings.
type Instance struct {
	ID          InstanceID   `json:"id"`
	Function    FunctionName `json:"function"`
	Revision    RevisionID   `json:"revision"`
	State       State        `json:"state"`
	Provisioned bool         `json:"provisioned,omitempty"`
	Adopted     bool         `json:"adopted,omitempty"` // taken over from an earlier Rouse
	InFlight    int          `json:"in_flight"`
	Served      uint64       `json:"served"` // requests released so far
	Memory      Bytes        `json:"memory"` // its limit
	Created     time.Time    `json:"created"`
	IdleSince   time.Time    `json:"idle_since,omitzero"` // when the last byte left; zero while in use
	Driver      string       `json:"driver"`
}
