package driver

import (
	"context"
	"strings"
	"time"

	"github.com/rousehq/rouse"
)

// CellMaker is a driver that can make sandboxes before it is known what will
// run in them. A cell is made like any other sandbox, of a class that says so.
type CellMaker interface {
	// CellFor is the class of the cell that can become a sandbox of class c. ok
	// is false when only one made for it will do. It blocks on I/O for what it was
	// never asked before.
	CellFor(ctx context.Context, c Class) (cell Class, ok bool)
	// ZygoteFor is the class of the zygote that can become a sandbox of class c.
	// ok is false when c wants none or none will do. It blocks as CellFor does.
	// Making one whose modules will not do is an Invalid error.
	ZygoteFor(ctx context.Context, c Class) (zygote Class, ok bool)
	// NoCells says in words why this driver makes no cells here, or "".
	NoCells() string
}

// Cell is the class of an empty sandbox whose functions have no capabilities.
func Cell(n rouse.Network) Class { return Class{Network: n} }

// Empty is the class of an empty sandbox that can become one of class c.
func (c Class) Empty() Class { return Class{Network: c.Network, Caps: c.Caps} }

// Kind is the word for spare sandboxes of the class.
func (c Class) Kind() string {
	switch {
	case c.IsZygote():
		return "zygote"
	case c.Caps == rouse.CapsDefault:
		return string(c.Network) + "+caps"
	}
	return string(c.Network)
}

// IsCell says whether sandboxes of the class are made empty.
func (c Class) IsCell() bool { return c == c.Empty() }

// Zygote is an interpreter with modules loaded; the zero value is none.
type Zygote struct {
	Runtime  string
	Contract rouse.Contract
	Modules  string // with commas between them
}

// ZygoteOf is the zygote that a spec asks for. One that is still to be learned
// is none yet.
func ZygoteOf(spec rouse.Spec) Zygote {
	if len(spec.Zygote) == 0 || spec.LearnsZygote() {
		return Zygote{}
	}
	return Zygote{Runtime: spec.Runtime, Contract: spec.Contract, Modules: strings.Join(spec.Zygote, ",")}
}

// List is the modules, one by one.
func (z Zygote) List() []string { return strings.Split(z.Modules, ",") }

// IsZygote says whether sandboxes of the class are made with an interpreter in
// them and no code.
func (c Class) IsZygote() bool { return c.Zygote != (Zygote{}) && c.Code == "" }

// Stock is a driver that keeps spare sandboxes ahead of need.
type Stock interface {
	// Fund has the memory of the spares come from b. It is called before List.
	Fund(b Budget)
	// Heed has the making of spares leave time to w. It is called before List.
	Heed(w Workload)
	// MakeFor is Make on behalf of one revision, which gets no more than its share
	// of the spares while others want some. It uses nothing better than from; ""
	// is the best there is. ctx ends with the whole start, which no refilling
	// disturbs until then.
	MakeFor(ctx context.Context, c Class, holder rouse.RevisionID, from rouse.Tier) (Sandbox, error)
	// Await blocks until a start of class c from that tier would find what it
	// begins with, and no spare is being made. It is an Invalid error when there
	// can be no such start, with the reason.
	Await(ctx context.Context, c Class, from rouse.Tier) error
	// Shed has spares go that are worth n bytes; 0 is what takes back the wish.
	// It does not wait for it.
	Shed(n rouse.Bytes)
}

// Budget is where the memory of spare sandboxes comes from. Its methods do not block.
type Budget interface {
	// Take asks for n bytes. It is false while others need them.
	Take(n rouse.Bytes) bool
	// Give returns n bytes that were taken.
	Give(n rouse.Bytes)
}

// Workload is what functions do. Its method does not block.
type Workload interface {
	// AtWork says whether any function has had a request since then.
	AtWork(since time.Time) bool
}

// Reclaimer is a listed sandbox that an earlier Rouse made ahead and never used.
type Reclaimer interface {
	// Reclaim waits until its agent has come back, and returns what it is a
	// spare of. An error means that the sandbox can only be stopped.
	Reclaim(ctx context.Context) (Class, error)
}

// Collector is a driver that keeps files for revisions, beside their code.
type Collector interface {
	// Collect removes what none of specs needs and nothing runs from, and returns
	// how many things that were. It blocks on the disk.
	Collect(ctx context.Context, specs []rouse.Spec) (removed int, err error)
}

// Placed is a sandbox that can tell, once it was assigned, how that went.
type Placed interface {
	// Placed is the tier that the start began with, and how long laying the
	// files over a cell's took. It does not block.
	Placed() (tier rouse.Tier, mount time.Duration)
}

// Weighed is a sandbox that can tell what it costs while nothing runs in it.
type Weighed interface {
	// Weight is the memory of the sandbox's own processes and of what an engine
	// runs for it. It reads files and does not wait.
	Weight() rouse.Bytes
}
