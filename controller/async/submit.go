package async

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async/queue"
	"github.com/rousehq/rouse/controller/store"
)

const (
	maxDelay = 366 * 24 * time.Hour
	// maxRequest bounds what comes beside the payload.
	maxRequest = 256 * rouse.KB
)

// Submit accepts a job and blocks until it is on disk. Whether the function
// exists is the caller's to check. With an idempotency key that was used within
// a day it returns the earlier job; created says which. Errors are Invalid,
// TooLarge, Conflict (the key was used with another payload), Unavailable (the
// engine is closing, or the disk is full).
func (e *Engine) Submit(ctx context.Context, r Request) (j *Job, created bool, err error) {
	return e.submit(ctx, r, nil)
}

// SubmitWith is Submit for who keeps something beside jobs in the same space:
// also writes it in the transaction that accepts the job, whose id it is told. It
// is called only for a job that is new, and perhaps several times; after an error
// of its own there is no job.
func (e *Engine) SubmitWith(ctx context.Context, r Request, also func(t store.Tx, id string) error) (*Job, error) {
	j, _, err := e.submit(ctx, r, also)
	return j, err
}

func (e *Engine) submit(ctx context.Context, r Request, also func(store.Tx, string) error) (j *Job, created bool, err error) {
	attributes, err := e.attributes(&r)
	if err != nil {
		return nil, false, err
	}
	q, err := e.queue(ctx, r.Ref.Name)
	if err != nil {
		return nil, false, err
	}
	d := e.dispatcher(q)
	if d == nil {
		return nil, false, errClosing
	}
	m := &queue.Message{Body: r.Payload, Attributes: attributes}
	n := &entry{r: r, q: q, m: m, prepared: queue.Prepare(m), also: also}
	if r.Delay == 0 {
		if n.lease, n.atOnce = d.promise(); n.atOnce {
			defer d.unpromise()
		}
	}
	if err := e.qs.Update(ctx, n.write); err != nil {
		return nil, false, err
	}
	if n.earlier != 0 {
		j, err := e.job(ctx, n.earlier)
		return j, false, err
	}
	e.cfg.Observer.JobAccepted(r.Ref.Name)
	e.cfg.Log.LogAttrs(ctx, slog.LevelDebug, "job accepted", slog.String("job", m.ID), slog.String("function", string(r.Ref.Name)))
	j = &Job{ID: m.ID, Created: m.Sent, Request: r, JobStatus: Status{State: rouse.JobPending}}
	if r.Delay > 0 {
		j.Next = j.Created.Add(r.Delay)
	}
	if n.atOnce {
		begun := *j
		begun.JobStatus = n.begun
		d.begin(&run{job: &begun, seq: m.Seq})
	}
	return j, true, nil
}

// entry is a job on its way into its queue.
type entry struct {
	r        Request
	q        *queue.Queue
	m        *queue.Message
	prepared queue.Prepared
	also     func(t store.Tx, id string) error // nil is nothing

	atOnce bool // its first attempt begins with it
	lease  time.Duration

	earlier uint64 // the job that its idempotency key stands for, instead of it; 0 is none
	begun   Status // of the first attempt
}

// write enters the job with all that is to be on disk with it.
func (n *entry) write(t *queue.Tx) (err error) {
	n.earlier = 0
	if n.r.Key != "" {
		if n.earlier, err = lookUp(t, n.q, &n.r); err != nil || n.earlier != 0 {
			return err
		}
	}
	if n.atOnce {
		t.EnterLeased(n.q, n.prepared, t.Now().Add(n.lease))
		n.begun = Status{State: rouse.JobRunning, Attempts: 1, Started: t.Now()}
		putStatus(t, n.m.Seq, n.begun)
	} else {
		t.Enter(n.q, n.prepared, t.Now().Add(n.r.Delay))
	}
	if n.r.Key != "" {
		remember(t, n.q, &n.r, n.m.ID)
	}
	if n.also != nil {
		return n.also(t, n.m.ID)
	}
	return nil
}

var errClosing = rouse.Errorf(rouse.Unavailable, "Rouse is shutting down")

// attributes are what is kept of a valid request beside its payload.
func (e *Engine) attributes(r *Request) ([]byte, error) {
	if err := e.validate(r); err != nil {
		return nil, err
	}
	b, err := json.Marshal(r)
	switch {
	case err != nil:
		return nil, rouse.Errorf(rouse.Invalid, "job: %w", err)
	case len(b) > int(maxRequest):
		return nil, rouse.Errorf(rouse.TooLarge, "job: what comes beside the payload is over the limit of %s", maxRequest)
	}
	return b, nil
}

func (e *Engine) validate(r *Request) error {
	switch {
	case rouse.Bytes(len(r.Payload)) > e.cfg.MaxPayload:
		return rouse.Errorf(rouse.TooLarge, "body: over the limit of %s for a job", e.cfg.MaxPayload)
	case len(r.Key) > maxKey:
		return rouse.Errorf(rouse.Invalid, "idempotency key: %d characters, at most %d are allowed", len(r.Key), maxKey)
	case r.Delay < 0 || r.Delay > maxDelay:
		return rouse.Errorf(rouse.Invalid, "delay %s: must be 0 to %s", rouse.Duration(r.Delay), rouse.Duration(maxDelay))
	case r.MaxAge < 0:
		return rouse.Errorf(rouse.Invalid, "max_age %s: must not be negative", rouse.Duration(r.MaxAge))
	case r.MaxAttempts < 0 || r.MaxAttempts > 1000:
		return rouse.Errorf(rouse.Invalid, "max_attempts %d: must be 1 to 1000", r.MaxAttempts)
	}
	return nil
}
