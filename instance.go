package rouse

import "time"

// State is where an instance is in its life.
type State string

// The states, in the order of a life. A crash or a timeout leads from Ready
// back to Starting, in the same sandbox.
const (
	Starting State = "starting"
	Ready    State = "ready"
	Frozen   State = "frozen"   // ready, with its processes stopped until the next request
	Draining State = "draining" // finishes what it has and takes nothing new
	Gone     State = "gone"
)

// Tier is what a start begins with: the less there is, the longer it takes.
type Tier string

// The tiers, the fastest first.
const (
	TierWarm   Tier = "warm"   // a process that waits: no start at all
	TierFrozen Tier = "frozen" // a process that was stopped: it is continued
	TierZygote Tier = "zygote" // a spare sandbox with an interpreter: the code is mounted, a fork runs it
	TierCell   Tier = "cell"   // a spare sandbox: its files are mounted, its process started
	TierCold   Tier = "cold"   // nothing: a sandbox is made first
)

// Cells are the sandboxes without a revision, at one moment.
type Cells struct {
	Most   int `json:"most"`   // as many are kept at the most; 0 is none
	Ready  int `json:"ready"`  // handed out without a wait
	Making int `json:"making"` // about to be ready
	// Zygotes are those of the ready that have an interpreter with modules loaded.
	Zygotes int    `json:"zygotes,omitempty"`
	Memory  Bytes  `json:"memory,omitempty"` // measured, of one that is ready, with what its engine runs for it
	Unused  string `json:"unused,omitempty"` // why none are kept
	// Kinds are the same counts for each kind: a network mode, or zygote.
	Kinds []CellKind `json:"kinds,omitempty"`
}

// CellKind counts spare sandboxes of one kind.
type CellKind struct {
	Kind   string `json:"kind"`
	Ready  int    `json:"ready"`
	Making int    `json:"making"`
	Memory Bytes  `json:"memory,omitempty"` // measured, of one that is ready
}

// Instance is a snapshot of a revision running in a sandbox, for listings.
type Instance struct {
	ID          InstanceID   `json:"id"`
	Function    FunctionName `json:"function"`
	Revision    RevisionID   `json:"revision"`
	State       State        `json:"state"`
	Provisioned bool         `json:"provisioned,omitempty"`
	Adopted     bool         `json:"adopted,omitempty"` // taken over from an earlier Rouse
	Tier        Tier         `json:"tier,omitempty"`    // what it was started from; empty when adopted or not yet known
	InFlight    int          `json:"in_flight"`
	Served      uint64       `json:"served"` // requests released so far
	Memory      Bytes        `json:"memory"` // its limit
	Created     time.Time    `json:"created"`
	IdleSince   time.Time    `json:"idle_since,omitzero"` // when the last byte left; zero while in use
	Driver      string       `json:"driver"`
}
