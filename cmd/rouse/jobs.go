package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async"
	"github.com/rousehq/rouse/controller/async/queue"
	"github.com/rousehq/rouse/controller/catalog"
	"github.com/rousehq/rouse/controller/pool"
	"github.com/rousehq/rouse/controller/store/bolt"
	"github.com/rousehq/rouse/gateway"
	"github.com/rousehq/rouse/gateway/adminapi"
	"github.com/rousehq/rouse/gateway/jobs"
	"github.com/rousehq/rouse/gateway/lambdaapi"
	"github.com/rousehq/rouse/gateway/proxy"
)

var (
	_ jobs.Submitter = (*async.Engine)(nil)
	_ jobs.Reader    = (*async.Engine)(nil)
	_ jobs.Changer   = (*async.Engine)(nil)
	_ jobs.Pauser    = (*async.Engine)(nil)
)

// jobEndpoints is the answers about jobs as the API wants them.
func jobEndpoints(later jobs.Config, a *jobs.API) adminapi.Jobs {
	return adminapi.Jobs{
		Submit: jobs.Direct(later), List: a.List, Get: a.Get, Result: a.Result, Cancel: a.Cancel, Redrive: a.Redrive,
		RedriveAll: a.RedriveAll, Pause: a.Pause, Resume: a.Resume, ShowSecret: a.ShowSecret,
	}
}

// openJobs opens the durable events and goes on with what an earlier run left.
func (p *platform) openJobs(ctx context.Context) error {
	events, err := bolt.OpenSpace(filepath.Join(p.config.Data, "events.db"), bolt.SpaceOptions{Committed: p.metrics.Committed})
	if err != nil {
		return err
	}
	p.events = events
	if err := p.openWebhooks(); err != nil {
		return err
	}
	p.jobs, err = async.Open(ctx, async.Config{
		Space: events, Dir: filepath.Join(p.config.Data, "results"), Clock: queue.NewClock(time.Now(), 1),
		Invoker: p.runner(),
		Ender:   p.teller, Policy: p.policy,
		Observer: p.metrics, KeepResults: p.config.KeepJobs.D(), KeepDead: p.config.KeepDead.D(), KeepSize: p.config.KeepSize,
		MaxPayload: p.config.jobPayload(), MaxResult: p.config.MaxResult, Log: p.log,
	})
	return err
}

// runner runs what nobody waits for on the pool's instances.
func (p *platform) runner() *invoker {
	return &invoker{
		catalog: p.catalog, pool: p.pool, proxy: proxy.New(p.config.Account), maxResult: p.config.MaxResult,
		most: p.config.MaxInstances, memory: p.config.MemoryBudget,
	}
}

// jobPayload is the most that a job may carry: an event beside what turns a
// request into one.
func (c *config) jobPayload() rouse.Bytes { return c.MaxEvent }

// invoker runs jobs on the pool's instances.
type invoker struct {
	catalog   *catalog.Catalog
	pool      *pool.Pool
	proxy     *proxy.Proxy
	maxResult rouse.Bytes
	most      int         // instances on this host
	memory    rouse.Bytes // that they may have together
}

var _ async.Invoker = (*invoker)(nil)

// mostJobs bounds the jobs of one function at once, whatever its settings say.
const mostJobs = 1000

// Capacity is what the pool would run of a function if it had the host to itself.
func (i *invoker) Capacity(name rouse.FunctionName) async.Capacity {
	fn, rev, err := i.catalog.Resolve(rouse.Ref{Name: name, Qualifier: rouse.Latest})
	if err != nil {
		return async.Capacity{Most: 1, Longest: time.Minute} // each attempt tells why
	}
	s := fn.Settings
	instances := min(i.most, int(i.memory/max(rev.Spec.Memory, 1)))
	if s.MaxInstances > 0 {
		instances = min(instances, s.MaxInstances)
	}
	if rev.Spec.Contract != rouse.ContractLambda {
		instances *= s.Concurrency
	}
	c := async.Capacity{Most: min(instances, mostJobs), Longest: s.Hold.D() + rev.Spec.Timeout.D()}
	if s.Reserved != nil {
		c.Most, c.Zero = min(c.Most, *s.Reserved), *s.Reserved == 0
	}
	return c
}

// Invoke runs one attempt. A start that fails is the function's failure, as on
// AWS; a wait for an instance that ends without one is the platform's.
func (i *invoker) Invoke(ctx context.Context, a async.Attempt) (async.Outcome, error) {
	fn, rev, err := i.catalog.Resolve(a.Request.Ref)
	if err != nil {
		return async.Outcome{}, err
	}
	lease, err := i.acquire(ctx, fn, rev, a)
	switch {
	case ctx.Err() != nil && err != nil:
		return async.Outcome{}, context.Cause(ctx)
	case rouse.CodeOf(err) == rouse.StartFailed:
		return failed(a.ID, rev, err), nil
	case err != nil:
		return async.Outcome{}, err
	}
	var out async.Outcome
	if a.Request.HTTP != nil {
		out, err = i.request(ctx, fn, rev, lease, a)
	} else {
		out, err = event(ctx, lease, a)
	}
	switch code := rouse.CodeOf(err); {
	case err == nil:
		out.Version = ran(rev)
		return out, nil
	case ctx.Err() != nil:
		return async.Outcome{}, context.Cause(ctx)
	case code == rouse.Timeout || code == rouse.FunctionError || code == rouse.StartFailed:
		return failed(a.ID, rev, err), nil
	}
	return async.Outcome{}, err
}

func (i *invoker) acquire(ctx context.Context, fn *rouse.Function, rev *rouse.Revision, a async.Attempt) (*rouse.Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, fn.Settings.Hold.D())
	defer cancel()
	lease, err := i.pool.Acquire(ctx, rev.ID, rouse.Bytes(len(a.Request.Payload)))
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, rouse.Errorf(rouse.Timeout, "no instance of %s became free within its hold of %s", a.Request.Ref, fn.Settings.Hold)
	}
	return lease, err
}

func event(ctx context.Context, lease *rouse.Lease, a async.Attempt) (async.Outcome, error) {
	r := a.Request
	result, err := gateway.InvokeUntil(ctx, lease, &rouse.Event{
		ID: a.ID, Payload: r.Payload, ARN: r.ARN, TraceID: r.TraceID, ClientContext: r.ClientContext, Identity: r.Identity,
	})
	if err != nil {
		return async.Outcome{}, err
	}
	out := async.Outcome{Payload: result.Payload}
	if f := result.Failure; f != nil {
		out.Failure = &rouse.JobFailure{Code: rouse.FunctionError, Message: f.Message, Type: f.Type, Trace: f.Trace}
	}
	return out, nil
}

// request sends the kept request to an http function. An answer of 500 and more
// is a failure, any other is the answer.
func (i *invoker) request(ctx context.Context, fn *rouse.Function, rev *rouse.Revision, lease *rouse.Lease, a async.Attempt) (async.Outcome, error) {
	limited, cancel := context.WithTimeout(ctx, rev.Spec.Timeout.D())
	defer cancel()
	kept := a.Request.HTTP
	target := kept.Path
	if kept.Query != "" {
		target += "?" + kept.Query
	}
	r, err := http.NewRequestWithContext(limited, kept.Method, target, bytes.NewReader(a.Request.Payload))
	if err != nil {
		lease.Release(nil)
		return async.Outcome{}, rouse.Errorf(rouse.Invalid, "request: %w", err)
	}
	r.Header, r.Host, r.RemoteAddr, r.RequestURI = kept.Header.Clone(), kept.Host, cmp.Or(kept.From, "127.0.0.1:0"), target
	r.Header.Set("X-Request-Id", a.ID)
	if len(a.Request.Payload) == 0 {
		r.Body = http.NoBody
	}
	w := &recorder{header: http.Header{}, most: int(i.maxResult)}
	err = i.proxy.Handle(&gateway.Call{
		Writer: w, Request: r, ID: a.ID, Began: time.Now(), Ref: a.Request.Ref, Function: fn, Revision: rev,
		Path: kept.Path, Prefix: kept.Prefix, Lease: lease,
	})
	switch {
	case limited.Err() != nil && ctx.Err() == nil && err != nil:
		err = rouse.Errorf(rouse.Timeout, "no whole answer within the function's timeout of %s", rev.Spec.Timeout)
	case errors.Is(err, gateway.ErrClientGone):
		err = rouse.Errorf(rouse.FunctionError, "the answer could not be read")
	}
	if err != nil {
		return async.Outcome{}, err
	}
	out := async.Outcome{Payload: w.body, Status: w.status, Header: w.header}
	if w.status >= http.StatusInternalServerError {
		out.Failure = &rouse.JobFailure{Code: rouse.FunctionError, Message: fmt.Sprintf("the function answered %d", w.status)}
	}
	return out, nil
}

// failed is an error of the function's making. What AWS would have answered is
// the answer.
func failed(id string, rev *rouse.Revision, err error) async.Outcome {
	out := async.Outcome{Version: ran(rev), Failure: &rouse.JobFailure{Code: rouse.Internal, Message: "internal error"}}
	var e *rouse.Error
	if !errors.As(err, &e) {
		return out
	}
	out.Failure = &rouse.JobFailure{Code: e.Code, Message: e.Message, Type: e.Type, Trace: e.Trace}
	if rev.Spec.Contract == rouse.ContractLambda {
		out.Payload = lambdaapi.FailureBody(id, e)
	}
	return out
}

// ran is the version of a revision, in AWS's words.
func ran(rev *rouse.Revision) rouse.Qualifier {
	if rev.Spec.Version == "" {
		return rouse.Latest
	}
	return rouse.Qualifier(rev.Spec.Version)
}

// recorder is a client that keeps the answer, up to one byte more than is allowed.
type recorder struct {
	header http.Header
	status int
	body   []byte
	most   int
}

var _ http.Flusher = (*recorder)(nil)

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
}

func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.body = append(w.body, b[:min(len(b), max(0, w.most+1-len(w.body)))]...)
	return len(b), nil
}

func (w *recorder) Flush() {}
