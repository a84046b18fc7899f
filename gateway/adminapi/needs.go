package adminapi

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/rousehq/rouse"
)

// Reader finds functions and revisions. None of its methods blocks; what does
// not exist is a NotFound error.
type Reader interface {
	Functions() []rouse.Function
	Function(name rouse.FunctionName) (*rouse.Function, error)
	Revision(id rouse.RevisionID) (*rouse.Revision, error)
	Resolve(ref rouse.Ref) (*rouse.Function, *rouse.Revision, error)
}

// Writer changes functions. Its methods block until the change is durable.
type Writer interface {
	// Deploy tells report, from any goroutine, of its slow steps in words for people.
	Deploy(ctx context.Context, d rouse.Deployment, report func(string)) (rouse.Deployed, error)
	UpdateSettings(ctx context.Context, name rouse.FunctionName, change func(*rouse.Settings) error) (rouse.Function, error)
	Delete(ctx context.Context, name rouse.FunctionName) error
}

// Versioner publishes revisions and points aliases at them.
type Versioner interface {
	Publish(ctx context.Context, name rouse.FunctionName, description string) (rouse.Version, error)
	SetAlias(ctx context.Context, name rouse.FunctionName, q rouse.Qualifier, alias rouse.Alias) error
	DeleteAlias(ctx context.Context, name rouse.FunctionName, q rouse.Qualifier) error
}

// Catalog is what the API needs of the control plane's memory.
type Catalog interface {
	Reader
	Writer
	Versioner
}

// Pool is what the API needs of whoever runs the instances. Nothing but Arrange blocks.
type Pool interface {
	Instances() []rouse.Instance
	Waiting(fn rouse.FunctionName) int
	// StopInstance begins to drain one instance.
	StopInstance(id rouse.InstanceID) error
	Stats() Stats
	// Arrange blocks until the next request of a revision would begin with from,
	// for which it stops what is idle, and with force what has finished. A revision
	// that is busy is a Conflict without force; what cannot be is Invalid.
	Arrange(ctx context.Context, rev rouse.RevisionID, from rouse.Tier, force bool) error
}

// Stats are the platform's sums.
type Stats struct {
	InFlight     int
	Waiting      int
	MemoryBudget rouse.Bytes // 0 is no limit
	MemoryInUse  rouse.Bytes
	Cells        *rouse.Cells // nil where the driver has none
}

// Keys are the keys of callers.
type Keys interface {
	// All lists them without their secrets. It does not block.
	All() []rouse.Key
	// Create and Remove block until the change is durable.
	Create(ctx context.Context, name string) (rouse.Key, error)
	Remove(ctx context.Context, id string) error
}

// Uploads takes in code.
type Uploads interface {
	// AddZip reads the archive to its end and unpacks it. It is idempotent: the
	// digest names the content.
	AddZip(ctx context.Context, r io.Reader) (Artifact, error)
}

// Schedules runs functions at times. Those methods that change something block
// until it is durable.
type Schedules interface {
	// Put makes a schedule or replaces it; with create one that exists is a Conflict error.
	Put(ctx context.Context, s rouse.Schedule, create bool) (rouse.ScheduleStatus, error)
	SetDisabled(ctx context.Context, name string, disabled bool) (rouse.ScheduleStatus, error)
	Delete(ctx context.Context, name string) error
	ScheduleReader
}

// ScheduleReader finds schedules. None of its methods blocks; one that does not
// exist is a NotFound error.
type ScheduleReader interface {
	Get(name string) (rouse.ScheduleStatus, error)
	All() []rouse.ScheduleStatus
	// Upcoming is when the schedule is due next, at most n times.
	Upcoming(name string, n int) ([]time.Time, error)
}

// Logs reads what functions printed.
type Logs interface {
	// Read yields lines in the order of their arrival. With Follow it goes on
	// until ctx ends, which is not an error.
	Read(ctx context.Context, fn rouse.FunctionName, q LogQuery) iter.Seq2[LogLine, error]
}

// LogQuery selects lines. The zero value selects all that are kept.
type LogQuery struct {
	Tail      int // begin with at most the last so many; 0 is no limit, -1 none
	Since     time.Time
	RequestID string
	Follow    bool // go on with new lines
}
