package logsapi

import (
	"context"
	"iter"
	"time"

	"github.com/rousehq/rouse"
)

// Catalog finds functions and revisions. None of its methods blocks; what does
// not exist is a NotFound error, and what they return must not be changed.
type Catalog interface {
	Functions() []rouse.Function
	Function(name rouse.FunctionName) (*rouse.Function, error)
	Revision(id rouse.RevisionID) (*rouse.Revision, error)
}

// Line is one line that a function printed, or that was said of its events.
type Line struct {
	Time     time.Time
	Revision rouse.RevisionID
	Instance rouse.InstanceID
	Text     string
}

// Logs reads what functions printed.
type Logs interface {
	// Lines yields what is kept since a moment, in the order of arrival; lines of one
	// nanosecond are all of them there or none. It blocks on the disk. An error is
	// yielded once, last.
	Lines(ctx context.Context, fn rouse.FunctionName, since time.Time) iter.Seq2[Line, error]
}
