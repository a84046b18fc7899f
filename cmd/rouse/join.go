package main

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/artifact"
	"github.com/rousehq/rouse/controller/catalog"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/imports"
	"github.com/rousehq/rouse/controller/logs"
	"github.com/rousehq/rouse/controller/pool"
	"github.com/rousehq/rouse/gateway/adminapi"
	"github.com/rousehq/rouse/gateway/lambdaapi"
	"github.com/rousehq/rouse/gateway/logsapi"
	"github.com/rousehq/rouse/gateway/metrics"
	"github.com/rousehq/rouse/runtime/bootstrap"
	"github.com/rousehq/rouse/runtime/link"
)

// The halls do not know one another; what follows gives each what it declares
// that it needs of another.

// checker refuses at deployment what the driver cannot run, and what would
// never fit into the memory budget.
type checker struct {
	driver driver.Driver
	pool   *pool.Pool
}

var _ catalog.Checker = checker{}

func (c checker) Refuse(spec rouse.Spec) error {
	var never *rouse.Error
	if errors.As(c.pool.Fits(spec), &never) {
		return rouse.Errorf(rouse.Invalid, "%s", never.Message)
	}
	if d, ok := c.driver.(driver.Refuser); ok {
		return d.Refuse(spec)
	}
	return nil
}

func (c checker) Check(ctx context.Context, spec rouse.Spec, report func(string)) (rouse.Spec, error) {
	if err := c.Refuse(spec); err != nil {
		return spec, err
	}
	return c.driver.Check(ctx, spec, report)
}

// agents is the links of runtime/link as drivers want them.
type agents struct{ host *link.Host }

var (
	_ driver.Agents  = agents{}
	_ driver.Relayer = agents{}
)

func (a agents) Relay(listen, reach string) error { return a.host.Relay(listen, reach) }

func (a agents) Expect(id rouse.SandboxID) (driver.Link, error) {
	l, err := a.host.Expect(id)
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (a agents) Left() ([]driver.Link, error) {
	left, err := a.host.Left()
	links := make([]driver.Link, len(left))
	for i, l := range left {
		links[i] = l
	}
	return links, err
}

// catalogPool is the pool as the catalog wants it.
type catalogPool struct {
	*pool.Pool
	imports *imports.Imports
}

var _ catalog.Pool = catalogPool{}

func (p catalogPool) Running(id rouse.RevisionID) bool {
	for _, i := range p.Instances() {
		if i.Revision == id && i.State != rouse.Draining {
			return true
		}
	}
	return false
}

// apiPool is the pool as the API wants it.
type apiPool struct {
	*pool.Pool
	cells func() *rouse.Cells
}

var _ adminapi.Pool = apiPool{}

func (p apiPool) Stats() adminapi.Stats {
	s := p.Pool.Stats()
	return adminapi.Stats{InFlight: s.InFlight, Waiting: s.Waiting, MemoryBudget: s.MemoryBudget, MemoryInUse: s.MemoryInUse, Cells: p.cells()}
}

// snapshot is the platform's state for a scrape.
func (p *platform) snapshot() metrics.Snapshot {
	s := p.pool.Stats()
	snap := metrics.Snapshot{
		Instances: p.pool.Instances(), Waiting: s.Waiting, QueueBytes: s.QueueBytes,
		MemoryBudget: s.MemoryBudget, MemoryInUse: s.MemoryInUse, Cells: p.cells(),
	}
	if p.jobs == nil { // it is being opened
		return snap
	}
	stats, err := p.jobs.Stats(p.life)
	if err != nil && p.life.Err() == nil {
		p.log.Error("counting jobs", "error", err)
	}
	for _, j := range stats {
		view := metrics.Jobs{Function: j.Function, Pending: j.Pending, Running: j.Running}
		if !j.Oldest.IsZero() {
			view.Oldest = max(0, time.Since(j.Oldest))
		}
		snap.Jobs = append(snap.Jobs, view)
	}
	snap.Queues = p.queueStats()
	return snap
}

// queueStats are the queues of clients, not those of functions' jobs.
func (p *platform) queueStats() (list []metrics.Queue) {
	all := p.jobs.Queues()
	for _, q := range all.All("") {
		if strings.Contains(q.Name(), "/") {
			continue
		}
		view := metrics.Queue{Name: q.Name(), Counts: q.Counts()}
		if since, ok, err := all.Oldest(p.life, q); err == nil && ok {
			view.Oldest = max(0, all.Clock().Now().Sub(since))
		}
		list = append(list, view)
	}
	return list
}

// uploads is the artifact store as the API wants it.
type uploads struct{ *artifact.Store }

var _ adminapi.Uploads = uploads{}

func (u uploads) AddZip(ctx context.Context, r io.Reader) (adminapi.Artifact, error) {
	info, err := u.Store.AddZip(ctx, r)
	return adminapi.Artifact{Digest: info.Digest, Size: info.Size, Files: info.Files}, err
}

var _ lambdaapi.Packages = (*artifact.Store)(nil)

// lambdaRuntimes are the runtimes of AWS's that run here.
func lambdaRuntimes() []string {
	return slices.DeleteFunc(bootstrap.Planner{}.Runtimes(), func(name string) bool { return name == "onnx" })
}

// functionLogs is the functions' logs as the API wants them.
type functionLogs struct{ *logs.Logs }

var (
	_ adminapi.Logs = functionLogs{}
	_ logsapi.Logs  = functionLogs{}
)

// Lines leaves out Rouse's own remarks, which CloudWatch would not have.
func (l functionLogs) Lines(ctx context.Context, fn rouse.FunctionName, since time.Time) iter.Seq2[logsapi.Line, error] {
	return func(yield func(logsapi.Line, error) bool) {
		for line, err := range l.Logs.Read(ctx, fn, logs.Query{Since: since}) {
			if line.Stream == logs.Remarks {
				continue
			}
			if !yield(logsapi.Line{Time: line.Time, Revision: line.Revision, Instance: line.Instance, Text: line.Text}, err) {
				return
			}
		}
	}
}

func (l functionLogs) Read(ctx context.Context, fn rouse.FunctionName, q adminapi.LogQuery) iter.Seq2[adminapi.LogLine, error] {
	return func(yield func(adminapi.LogLine, error) bool) {
		for line, err := range l.Logs.Read(ctx, fn, logs.Query(q)) {
			view := adminapi.LogLine{
				Time: line.Time.Format(time.RFC3339Nano), Stream: line.Stream, Instance: string(line.Instance),
				Revision: string(line.Revision), RequestID: line.RequestID, Text: line.Text,
			}
			if !yield(view, err) {
				return
			}
		}
	}
}
