// Package logs keeps what functions print.
//
//	logs/
//	└── <function>/
//	    ├── 00000007.log   a Line as JSON in each line
//	    └── 00000008.log   the newest, being appended to
//
// A file that is full is followed by the next number, and the oldest is removed.
// A Collector reads one instance's streams and never makes the function wait for
// anything but one write to the page cache; when that fails, lines are counted
// as lost instead. A function without instances and readers costs nothing:
// no file is open, no goroutine runs, nothing is in memory.
package logs

import (
	"time"

	"github.com/rousehq/rouse"
)

// Line is one line that a function printed.
type Line struct {
	Time      time.Time        `json:"time"`   // when it was read, UTC
	Stream    string           `json:"stream"` // stdout, stderr, extension, platform, or rouse for its own remarks
	Instance  rouse.InstanceID `json:"instance"`
	Revision  rouse.RevisionID `json:"revision"`
	RequestID string           `json:"request_id,omitempty"`
	Text      string           `json:"text"` // without the line's end
}

// The streams of lines.
const (
	Stdout    = "stdout"
	Stderr    = "stderr"
	Extension = "extension" // what programs beside the function print
	Platform  = "platform"  // what the contract says of each event: START, REPORT, …
	Remarks   = "rouse"
)
