package async

import (
	"context"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async/queue"
	"github.com/rousehq/rouse/controller/store"
)

// Cancel ends a job: one that is queued is never run, one that runs is stopped.
// It blocks until that has happened and returns the job; one that had ended
// before stays as it was. Errors are Job's, and ctx's.
func (e *Engine) Cancel(ctx context.Context, id string) (*Job, error) {
	j, err := e.Job(ctx, id)
	if err != nil {
		return nil, err
	}
	for !j.State.Done() {
		if err := e.cancel(ctx, j); err != nil {
			return nil, err
		}
		var open bool
		if j, open, err = e.Next(ctx, j); err != nil {
			return nil, err
		}
		if !open {
			return j, context.Cause(ctx)
		}
	}
	return j, nil
}

// cancel ends a queued job, or has an attempt stopped.
func (e *Engine) cancel(ctx context.Context, j *Job) error {
	q, err := e.qs.Queue(prefix + string(j.Request.Ref.Name))
	if err != nil {
		return err
	}
	seq, err := queue.Seq(j.ID)
	if err != nil {
		return err
	}
	var ended *Job
	if err := e.qs.Update(ctx, func(t *queue.Tx) error {
		ended = nil
		now, err := readJob(t, seq)
		if err != nil || now.State != rouse.JobPending {
			return err
		}
		now.JobStatus = end(now.JobStatus, t.Now(), rouse.JobCancelled, rouse.JobWasCancelled)
		e.finishTx(t, q, now, nil)
		ended = now
		return nil
	}); err != nil {
		return err
	}
	if ended != nil {
		e.ended(ended)
		return nil
	}
	if d := e.dispatcher(q); d != nil {
		d.cancel(seq)
		if now, err := e.job(ctx, seq); err != nil || now.State != rouse.JobRunning {
			d.unmark(seq)
		}
	}
	return nil
}

// Redrive has a dead letter run anew, with all its attempts and its whole age
// before it. It blocks until that is on disk. A job that is none is a Conflict
// error.
func (e *Engine) Redrive(ctx context.Context, id string) (*Job, error) {
	j, err := e.Job(ctx, id)
	if err != nil {
		return nil, err
	}
	q, err := e.queue(ctx, j.Request.Ref.Name)
	if err != nil {
		return nil, err
	}
	if e.dispatcher(q) == nil {
		return nil, errClosing
	}
	var size int64
	err = e.qs.Update(ctx, func(t *queue.Tx) error {
		seq, err := queue.Seq(id)
		if err != nil {
			return err
		}
		if j, err = readJob(t, seq); err != nil {
			return err
		}
		if !j.State.Dead() {
			return rouse.Errorf(rouse.Conflict, "job %s is %s: only those that failed or expired can be redriven", id, j.State)
		}
		size = sizeOf(j)
		e.forgetEnd(t, q, j, seq)
		j.JobStatus = Status{State: rouse.JobPending, Redriven: t.Now()}
		putStatus(t, seq, j.JobStatus)
		t.Return(q, seq)
		return nil
	})
	if err != nil {
		return nil, err
	}
	e.kept.add(-size)
	return j, e.files.remove(id)
}

// RedriveAll is Redrive for a function's dead letters, up to most of them. It
// says how many there were.
func (e *Engine) RedriveAll(ctx context.Context, fn rouse.FunctionName, most int) (n int, err error) {
	for _, state := range []State{rouse.JobFailed, rouse.JobExpired} {
		f := Filter{Function: fn, State: state}
		for more := true; more && n < most; more = f.After != "" {
			f.Most = min(most-n, 1000)
			var jobs []*Job
			if jobs, f.After, err = e.List(ctx, f); err != nil {
				return n, err
			}
			for _, j := range jobs {
				if _, err := e.Redrive(ctx, j.ID); rouse.CodeOf(err) == rouse.Conflict {
					continue // somebody else was quicker
				} else if err != nil {
					return n, err
				}
				n++
			}
		}
	}
	return n, nil
}

// forgetEnd removes what finishTx has written.
func (e *Engine) forgetEnd(t *queue.Tx, q *queue.Queue, j *Job, seq uint64) {
	t.Delete(endedKey(q, seq))
	t.Delete(seqKey('P', seq))
	for _, p := range promises(t, seq) {
		takeNotice(t, q, p)
	}
	t.Delete(timeKey('X', j.KeptUntil, bigEndian(seq)...))
}

// Pause has no attempt of a function begin until Resume; what runs goes on, and
// jobs are accepted. Both are idempotent and block until that is on disk.
func (e *Engine) Pause(ctx context.Context, fn rouse.FunctionName) error {
	return e.pause(ctx, fn, true)
}

// Resume ends a pause.
func (e *Engine) Resume(ctx context.Context, fn rouse.FunctionName) error {
	return e.pause(ctx, fn, false)
}

// Paused says whether a function's jobs wait for Resume.
func (e *Engine) Paused(fn rouse.FunctionName) bool {
	if _, err := e.qs.Queue(prefix + string(fn)); err != nil {
		return false // it has had no jobs, and whoever pauses makes a queue
	}
	e.mu.Lock()
	d := e.dispatchers[fn]
	e.mu.Unlock()
	if d == nil {
		return e.pausedOnDisk(fn)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.paused
}

func (e *Engine) pause(ctx context.Context, fn rouse.FunctionName, pause bool) error {
	q, err := e.queue(ctx, fn)
	if err != nil {
		return err
	}
	d := e.dispatcher(q)
	if d == nil {
		return errClosing
	}
	if err := e.qs.Update(ctx, func(t *queue.Tx) error {
		if k := pausedKey(fn); pause {
			t.Put(k, []byte{1})
		} else {
			t.Delete(k)
		}
		return nil
	}); err != nil {
		return err
	}
	d.mu.Lock()
	d.paused = pause
	d.mu.Unlock()
	d.rouse()
	return nil
}

func pausedKey(fn rouse.FunctionName) []byte { return append([]byte{'Z'}, fn...) }

func (e *Engine) pausedOnDisk(fn rouse.FunctionName) (paused bool) {
	e.qs.View(context.Background(), func(r store.Reader) error { //nolint:errcheck // then taking jobs fails too, and says so
		paused = r.Get(pausedKey(fn)) != nil
		return nil
	})
	return paused
}

// Drop ends every job of a function that has been deleted, and stops what runs.
// It blocks until that is on disk, and says how many had not ended.
func (e *Engine) Drop(ctx context.Context, fn rouse.FunctionName) (n int, err error) {
	const batch = 200
	q, err := e.qs.Queue(prefix + string(fn))
	if err != nil {
		return 0, nil
	}
	if d := e.dispatcher(q); d != nil {
		d.mu.Lock()
		for _, r := range d.runs {
			r.stop(errCancelled)
		}
		d.mu.Unlock()
	}
	for {
		var ended []*Job
		if err := e.qs.Update(ctx, func(t *queue.Tx) error {
			ended = nil
			for _, seq := range q.Messages(t, batch) {
				j, err := readJob(t, seq)
				if err != nil {
					t.Remove(q, seq, false)
					continue
				}
				j.JobStatus = end(j.JobStatus, t.Now(), rouse.JobCancelled, rouse.JobFunctionDeleted)
				e.finishTx(t, q, j, nil)
				ended = append(ended, j)
			}
			t.Delete(pausedKey(fn))
			return nil
		}); err != nil {
			return n, err
		}
		for _, j := range ended {
			e.ended(j)
		}
		if n += len(ended); len(ended) == 0 {
			return n, nil
		}
	}
}
