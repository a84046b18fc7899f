package async

import (
	"context"
	"sync"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async/queue"
)

// mostWatchers bounds how many wait for jobs at once.
const mostWatchers = 10_000

// watchers are those who wait for something to become of jobs.
type watchers struct {
	mu    sync.Mutex
	bySeq map[uint64]*watch // guarded by mu
	n     int               // guarded by mu
}

type watch struct {
	signal  chan struct{} // closed at the next change
	waiting int
}

// add returns a channel that is closed at the job's next change; leave must be
// called once. Too many at once are a Throttled error.
func (w *watchers) add(seq uint64) (signal <-chan struct{}, leave func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n >= mostWatchers {
		return nil, nil, rouse.Errorf(rouse.Throttled, "too many are waiting for jobs; poll instead")
	}
	x := w.bySeq[seq]
	if x == nil {
		x = &watch{signal: make(chan struct{})}
		w.bySeq[seq] = x
	}
	x.waiting++
	w.n++
	return x.signal, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.n--
		if x.waiting--; x.waiting == 0 && w.bySeq[seq] == x {
			delete(w.bySeq, seq)
		}
	}, nil
}

func (w *watchers) changed(seq uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if x := w.bySeq[seq]; x != nil {
		delete(w.bySeq, seq)
		close(x.signal)
	}
}

// Wait blocks until the job has ended, or until ctx has, and returns it as it
// is then: the end of ctx is no error. Errors are Job's, and Throttled.
func (e *Engine) Wait(ctx context.Context, id string) (*Job, error) {
	j, err := e.Job(ctx, id)
	for err == nil && !j.State.Done() {
		var open bool
		if j, open, err = e.Next(ctx, j); !open {
			break
		}
	}
	return j, err
}

// Next blocks until something has become of a job since it looked like last. It
// returns it as it is now, and open is false when ctx or the engine ended first.
func (e *Engine) Next(ctx context.Context, last *Job) (j *Job, open bool, err error) {
	seq, err := queue.Seq(last.ID)
	if err != nil {
		return nil, false, err
	}
	for {
		signal, leave, err := e.watch.add(seq)
		if err != nil {
			return nil, false, err
		}
		j, err := e.job(context.WithoutCancel(ctx), seq)
		if err != nil || j.State != last.State || j.Attempts != last.Attempts || !j.Next.Equal(last.Next) {
			leave()
			return j, err == nil, err
		}
		select {
		case <-signal:
			leave()
		case <-ctx.Done():
			leave()
			return j, false, nil
		case <-e.life.Done():
			leave()
			return j, false, nil
		}
	}
}
