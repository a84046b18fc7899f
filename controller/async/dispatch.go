package async

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async/queue"
)

const (
	// mostTaken bounds a transaction.
	mostTaken = 64
	// leaseMargin is how much longer a lease lasts than the longest attempt. A
	// lease that ends while its attempt runs here is renewed.
	leaseMargin = 5 * time.Minute
	// mostGate bounds how long a function's queue rests after refusals. Jobs
	// that were refused wait longer by their own ladder.
	mostGate = 10 * time.Second
	// again is when a store that failed is asked again.
	again = time.Second
)

// dispatcher takes one function's jobs from its queue and runs as many at once
// as the function can.
type dispatcher struct {
	e    *Engine
	q    *queue.Queue
	fn   rouse.FunctionName
	wake chan struct{} // has a token when an attempt has ended or the pause has

	mu       sync.Mutex
	runs     map[uint64]*run // guarded by mu; by seq
	doomed   map[uint64]bool // guarded by mu; on disk as running, not yet in runs, and cancelled
	paused   bool            // guarded by mu
	promised int             // guarded by mu; places for jobs that are being accepted, or taken
	refusals int             // guarded by mu; in a row
	gate     time.Time       // guarded by mu; nothing is taken before
}

// run is one attempt that goes on.
type run struct {
	job    *Job
	seq    uint64
	stop   context.CancelCauseFunc
	ctx    context.Context
	waited time.Duration
}

var errCancelled = errors.New("the job was cancelled")

// dispatcher finds or starts a queue's dispatcher. It returns nil when the
// engine is closing.
func (e *Engine) dispatcher(q *queue.Queue) *dispatcher {
	e.mu.Lock()
	defer e.mu.Unlock()
	fn := functionOf(q)
	if d := e.dispatchers[fn]; d != nil && d.q == q {
		return d
	}
	if e.closing {
		return nil
	}
	d := &dispatcher{e: e, q: q, fn: fn, wake: make(chan struct{}, 1), runs: map[uint64]*run{}, doomed: map[uint64]bool{}}
	d.paused = e.pausedOnDisk(fn)
	e.dispatchers[fn] = d
	e.work.Go(d.loop)
	return d
}

// loop dispatches until the engine's life ends or the queue is gone.
func (d *dispatcher) loop() {
	ctx := d.e.life
	for ctx.Err() == nil {
		w := d.q.Wait()
		wait, err := d.dispatch(ctx)
		if err != nil && ctx.Err() == nil {
			d.e.cfg.Log.Error("taking jobs", "function", d.fn, "error", err)
			wait = again
		}
		if _, err := d.e.qs.Queue(d.q.Name()); err != nil {
			w.Leave()
			return
		}
		timer := d.e.qs.Clock().Timer(wait)
		select {
		case <-w.Turn():
		case <-d.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		w.Leave()
	}
}

// never is long enough to wait when something else will wake the dispatcher.
const never = time.Hour

// dispatch begins what can begin now, and says when to look again unless
// something changes.
func (d *dispatcher) dispatch(ctx context.Context) (wait time.Duration, err error) {
	for {
		capacity := d.e.cfg.Invoker.Capacity(d.fn)
		free, wait := d.room(capacity)
		if free == 0 {
			return wait, nil
		}
		next, err := d.e.qs.Next(ctx, d.q)
		if err != nil || next > 0 {
			return next, err
		}
		free = d.reserve(capacity)
		if free == 0 {
			continue // a job that is being accepted was quicker
		}
		runs, ended, err := d.take(ctx, free, capacity)
		if err != nil {
			d.release(free)
			return 0, err
		}
		for _, j := range ended {
			d.e.ended(j)
		}
		for _, r := range runs {
			d.begin(r)
		}
		d.release(free)
		if len(runs)+len(ended) == 0 {
			return d.e.qs.Next(ctx, d.q) // renewed leases only
		}
	}
}

// room is how many jobs may be taken now; when none, how long that lasts.
func (d *dispatcher) room(c Capacity) (free int, wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.roomNow(c)
}

// reserve promises all places that are free to jobs that are about to be taken, so
// that none which is accepted meanwhile is begun in one of them.
func (d *dispatcher) reserve(c Capacity) (free int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	free, _ = d.roomNow(c)
	d.promised += free
	return free
}

// release gives back what reserve has promised.
func (d *dispatcher) release(places int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.promised -= places
}

// roomNow is room for who holds mu.
func (d *dispatcher) roomNow(c Capacity) (free int, wait time.Duration) {
	if d.paused {
		return 0, never
	}
	if wait := d.gate.Sub(d.e.qs.Clock().Now()); wait > 0 {
		return 0, wait
	}
	most := max(c.Most, 1)
	if d.refusals > 0 {
		most = 1 // to see whether it goes on
	}
	return min(max(most-len(d.runs)-d.promised, 0), mostTaken), never
}

// promise keeps a place for a job that is being accepted, so that it is begun
// without a second commit, unless there are older ones to be run before it. The
// place is taken up with begin or given back with unpromise.
func (d *dispatcher) promise() (lease time.Duration, ok bool) {
	c := d.e.cfg.Invoker.Capacity(d.fn)
	if c.Zero || d.q.Counts().Ready > 0 {
		return 0, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if free, _ := d.roomNow(c); free == 0 {
		return 0, false
	}
	d.promised++
	return c.Longest + leaseMargin, true
}

func (d *dispatcher) unpromise() {
	d.mu.Lock()
	d.promised--
	d.mu.Unlock()
	d.rouse()
}

// take leases jobs. Those that must not run any more have ended instead.
func (d *dispatcher) take(ctx context.Context, most int, c Capacity) (runs []*run, ended []*Job, err error) {
	err = d.e.qs.Update(ctx, func(t *queue.Tx) error {
		runs, ended = nil, nil
		now := t.Now()
		for _, m := range t.Take(d.q, most, now.Add(c.Longest+leaseMargin)) {
			if d.find(m.Seq) != nil {
				continue // it runs here longer than its lease, which is renewed by this
			}
			j, err := jobOf(t, m)
			if err != nil {
				return err
			}
			maxAge := d.e.cfg.Policy(&j.Request).of(&j.Request).MaxAge
			switch {
			case c.Zero:
				j.JobStatus = end(j.JobStatus, now, rouse.JobFailed, rouse.JobZeroReservedConcurrency)
			case maxAge > 0 && !now.Before(since(j).Add(maxAge)):
				j.JobStatus = end(j.JobStatus, now, rouse.JobExpired, rouse.JobEventAgeExceeded)
			}
			if j.State.Done() {
				d.e.finishTx(t, d.q, j, nil)
				ended = append(ended, j)
				continue
			}
			waited := now.Sub(later(since(j), j.Next))
			j.Attempts++
			j.State, j.Started, j.Next = rouse.JobRunning, now, time.Time{}
			putStatus(t, m.Seq, j.JobStatus)
			runs = append(runs, &run{job: j, seq: m.Seq, waited: waited})
		}
		return nil
	})
	return runs, ended, err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// begin runs an attempt on a goroutine of its own.
func (d *dispatcher) begin(r *run) {
	r.ctx, r.stop = context.WithCancelCause(d.e.running)
	d.mu.Lock()
	d.runs[r.seq] = r
	if d.doomed[r.seq] {
		r.stop(errCancelled)
	}
	d.mu.Unlock()
	if !d.e.spawn(func() { d.run(r) }) {
		d.drop(r) // the next process takes it back
		return
	}
	d.e.watch.changed(r.seq)
}

func (d *dispatcher) run(r *run) {
	defer d.drop(r)
	e := d.e
	e.cfg.Observer.JobStarted(d.fn, r.waited)
	e.cfg.Log.LogAttrs(r.ctx, slog.LevelDebug, "job started", slog.String("job", r.job.ID), slog.String("function", string(d.fn)), slog.Int("attempt", r.job.Attempts))
	out, err := e.cfg.Invoker.Invoke(r.ctx, Attempt{ID: r.job.ID, Number: r.job.Attempts, Request: &r.job.Request})
	d.note(&r.job.Request, err)
	e.conclude(d, r, &out, err)
}

// note has the queue rest after refusals.
func (d *dispatcher) note(r *Request, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch rouse.CodeOf(err) {
	case rouse.Throttled, rouse.Unavailable, rouse.Timeout:
		if err != nil {
			d.refusals++
			d.gate = d.e.qs.Clock().Now().Add(double(d.e.cfg.Policy(r).RefuseFirst, d.refusals-1, mostGate))
			return
		}
	}
	d.refusals = 0
}

func (d *dispatcher) find(seq uint64) *run {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.runs[seq]
}

// cancel stops an attempt that is on disk as running. It may be about to begin;
// or it has just ended, and then unmark takes the mark away.
func (d *dispatcher) cancel(seq uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.runs[seq]; r != nil {
		r.stop(errCancelled)
		return
	}
	d.doomed[seq] = true
}

func (d *dispatcher) unmark(seq uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.doomed, seq)
}

// drop forgets an attempt and has its place taken.
func (d *dispatcher) drop(r *run) {
	r.stop(nil)
	d.mu.Lock()
	delete(d.runs, r.seq)
	delete(d.doomed, r.seq)
	d.mu.Unlock()
	d.rouse()
	d.e.watch.changed(r.seq)
}

func (d *dispatcher) rouse() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}
