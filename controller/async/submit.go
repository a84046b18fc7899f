package async

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async/queue"
	"github.com/rousehq/rouse/controller/store"
)

const (
	keepKeys = 24 * time.Hour
	maxKey   = 256
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
	if err := e.validate(&r); err != nil {
		return nil, false, err
	}
	attributes, err := json.Marshal(r)
	if err != nil {
		return nil, false, rouse.Errorf(rouse.Invalid, "job: %w", err)
	}
	if len(attributes) > int(maxRequest) {
		return nil, false, rouse.Errorf(rouse.TooLarge, "job: what comes beside the payload is over the limit of %s", maxRequest)
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
	p := queue.Prepare(m)
	var earlier uint64
	lease, atOnce := time.Duration(0), false
	if r.Delay == 0 {
		if lease, atOnce = d.promise(); atOnce {
			defer d.unpromise()
		}
	}
	first := Status{State: rouse.JobRunning, Attempts: 1}
	err = e.qs.Update(ctx, func(t *queue.Tx) error {
		earlier = 0
		if r.Key != "" {
			var err error
			if earlier, err = lookUp(t, q, &r); err != nil || earlier != 0 {
				return err
			}
		}
		if atOnce {
			t.EnterLeased(q, p, t.Now().Add(lease))
			first.Started = t.Now()
			putStatus(t, m.Seq, first)
		} else {
			t.Enter(q, p, t.Now().Add(r.Delay))
		}
		if r.Key != "" {
			remember(t, q, &r, m.ID)
		}
		if also != nil {
			return also(t, m.ID)
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	if earlier != 0 {
		j, err := e.job(ctx, earlier)
		return j, false, err
	}
	e.cfg.Observer.JobAccepted(r.Ref.Name)
	e.cfg.Log.LogAttrs(ctx, slog.LevelDebug, "job accepted", slog.String("job", m.ID), slog.String("function", string(r.Ref.Name)))
	j = &Job{ID: m.ID, Created: m.Sent, Request: r, JobStatus: Status{State: rouse.JobPending}}
	if r.Delay > 0 {
		j.Next = j.Created.Add(r.Delay)
	}
	if atOnce {
		begun := *j
		begun.JobStatus = first
		d.begin(&run{job: &begun, seq: m.Seq})
	}
	return j, true, nil
}

var errClosing = rouse.Errorf(rouse.Unavailable, "Rouse is shutting down")

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

// An idempotency key's record is until when it counts (8 bytes), the job's id
// (16) and a hash of what was asked (16).
func digest(r *Request) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%d\x00", r.Ref, len(r.Payload))
	h.Write(r.Payload)
	if r.HTTP != nil {
		fmt.Fprintf(h, "\x00%s %s?%s", r.HTTP.Method, r.HTTP.Path, r.HTTP.Query)
	}
	return h.Sum(nil)[:16]
}

// lookUp finds the job that an idempotency key stands for; 0 is none.
func lookUp(t *queue.Tx, q *queue.Queue, r *Request) (seq uint64, err error) {
	b := t.Get(idempotencyKey(q, r.Key))
	if len(b) != 40 || t.Now().UnixNano() >= int64(binary.BigEndian.Uint64(b)) {
		return 0, nil
	}
	if string(b[24:]) != string(digest(r)) {
		return 0, rouse.Errorf(rouse.Conflict, "idempotency key: it was used for another request within a day")
	}
	seq, err = queue.Seq(uuid.UUID(b[8:24]).String())
	if err != nil || t.Get(seqKey('m', seq)) == nil {
		return 0, nil // that job is forgotten already
	}
	return seq, nil
}

func remember(t *queue.Tx, q *queue.Queue, r *Request, id string) {
	until := t.Now().Add(keepKeys)
	parsed := uuid.MustParse(id)
	k := idempotencyKey(q, r.Key)
	t.Put(k, append(append(bigEndian(uint64(until.UnixNano())), parsed[:]...), digest(r)...))
	t.Put(timeKey('Y', until, k[1:]...), []byte{})
}
