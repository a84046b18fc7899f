package async

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async/queue"
)

// inline is the largest answer that is kept beside its job and not in a file.
const inline = 64 << 10

// conclude records what an attempt came to. It blocks until that is on disk, or
// until the engine has no more patience: then the attempt is made again.
func (e *Engine) conclude(d *dispatcher, r *run, out *Outcome, err error) {
	cancelled := errors.Is(context.Cause(r.ctx), errCancelled) && (err != nil || out.Failure != nil)
	if r.ctx.Err() != nil && !cancelled && err != nil {
		return // aborted: the next process takes the job back
	}
	before := r.job.JobStatus
	for {
		now := e.qs.Clock().Now()
		if cancelled {
			r.job.JobStatus = end(before, now, rouse.JobCancelled, rouse.JobWasCancelled)
		} else {
			p := e.cfg.Policy(&r.job.Request).of(&r.job.Request)
			r.job.JobStatus = p.after(now, since(r.job), before, out, err)
		}
		saved := e.record(d.q, r, out)
		if saved == nil {
			break
		}
		e.cfg.Log.Error("recording the end of an attempt", "job", r.job.ID, "function", d.fn, "error", saved)
		timer := e.qs.Clock().Timer(again)
		select {
		case <-timer.C:
		case <-e.running.Done():
			timer.Stop()
			return
		}
	}
	if err != nil && rouse.CodeOf(err) == rouse.Internal && !cancelled {
		e.cfg.Log.Error("running a job", "job", r.job.ID, "function", d.fn, "error", err)
	}
	if r.job.State.Done() {
		e.ended(r.job)
		return
	}
	e.cfg.Observer.JobRetried(d.fn)
	e.cfg.Log.LogAttrs(context.Background(), slog.LevelInfo, "job will be retried", slog.String("job", r.job.ID),
		slog.String("function", string(d.fn)), slog.Int("attempts", r.job.Attempts), slog.Time("next", r.job.Next), slog.String("error", r.job.Error.Message))
}

// record writes the new status of a job after an attempt.
func (e *Engine) record(q *queue.Queue, r *run, out *Outcome) error {
	// A job that was aborted is recorded none the less, if there is anything to record.
	ctx := context.WithoutCancel(r.ctx)
	j := r.job
	if !j.State.Done() {
		return e.qs.Update(ctx, func(t *queue.Tx) error {
			if !leased(t, r.seq) {
				return nil
			}
			putStatus(t, r.seq, j.JobStatus)
			t.Postpone(q, r.seq, j.Next)
			return nil
		})
	}
	answer, err := e.keepAnswer(j, out)
	if err != nil {
		return err
	}
	return e.qs.Update(ctx, func(t *queue.Tx) error {
		if leased(t, r.seq) {
			e.finishTx(t, q, j, answer)
		}
		return nil
	})
}

// leased says whether a job that was begun is still ours to conclude: its
// function may have been deleted meanwhile, and it ended by that.
func leased(t *queue.Tx, seq uint64) bool { return t.Get(seqKey('s', seq)) != nil }

// keepAnswer fills in the job's result and returns what is to be kept beside it.
func (e *Engine) keepAnswer(j *Job, out *Outcome) ([]byte, error) {
	j.Result = nil
	if j.State == rouse.JobCancelled || out.Payload == nil && out.Status == 0 {
		return nil, nil
	}
	j.Result = &Result{Size: len(out.Payload), Status: out.Status, Header: out.Header, Version: out.Version}
	switch {
	case rouse.Bytes(len(out.Payload)) > e.cfg.MaxResult:
		j.Result.Omitted = fmt.Sprintf("the answer is over the limit of %s", e.cfg.MaxResult)
		return nil, nil
	case len(out.Payload) > inline:
		j.Result.File = true
		return nil, e.files.put(j.ID, out.Payload)
	}
	return out.Payload, nil
}

// finishTx takes an ended job out of its queue and keeps it for a while.
func (e *Engine) finishTx(t *queue.Tx, q *queue.Queue, j *Job, answer []byte) {
	seq, _ := queue.Seq(j.ID)
	keep := e.cfg.KeepResults
	if j.State.Dead() {
		keep = e.cfg.KeepDead
	}
	j.KeptUntil = t.Now().Add(keep)
	t.Remove(q, seq, true)
	putStatus(t, seq, j.JobStatus)
	t.Put(endedKey(q, seq), []byte{stateByte(j.State)})
	putEnded(t, seq, j)
	if len(answer) > 0 {
		t.Put(seqKey('P', seq), answer)
	}
	if e.ender != nil {
		for _, target := range e.ender.Wants(j) {
			putNotice(t, q, promise{seq, target}, notice{})
		}
	}
}

func stateByte(s State) byte { return s[0] }

// ended tells everybody in this process of an end that is on disk.
func (e *Engine) ended(j *Job) {
	fn := j.Request.Ref.Name
	e.kept.add(sizeOf(j))
	e.cfg.Observer.JobEnded(fn, j.Condition)
	level := slog.LevelDebug
	attrs := []slog.Attr{
		slog.String("job", j.ID), slog.String("function", string(fn)), slog.String("state", string(j.State)),
		slog.String("condition", string(j.Condition)), slog.Int("attempts", j.Attempts), slog.Duration("age", j.Ended.Sub(since(j))),
	}
	if j.State.Dead() {
		level = slog.LevelWarn
		if j.Error != nil {
			attrs = append(attrs, slog.String("error", j.Error.Message))
		}
	}
	e.cfg.Log.LogAttrs(context.Background(), level, "job ended", attrs...)
	if seq, err := queue.Seq(j.ID); err == nil {
		e.watch.changed(seq)
	}
	if e.ender == nil || len(e.ender.Wants(j)) == 0 {
		return
	}
	select {
	case e.untold <- struct{}{}:
	default:
	}
}
