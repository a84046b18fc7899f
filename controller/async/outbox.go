package async

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"sync"
	"time"

	"github.com/rousehq/rouse/controller/async/queue"
	"github.com/rousehq/rouse/controller/store"
)

const (
	// mostTold is how many are told at once.
	mostTold = 8
	// tellFirst and tellMost are the waits after somebody could not be told,
	// doubling; tellFor is when that is given up.
	tellFirst = time.Second
	tellMost  = 5 * time.Minute
	tellFor   = 6 * time.Hour
)

// notice is a promise to tell somebody of a job's end. It is written with the
// end and removed when it was kept.
type notice struct {
	Tries int       `json:"tries,omitempty"`
	Next  time.Time `json:"next,omitzero"`
}

func (n notice) encode() []byte {
	b, err := json.Marshal(n)
	if err != nil {
		panic("async: a notice that cannot be encoded: " + err.Error())
	}
	return b
}

// tell keeps the promises until the engine's life ends.
func (e *Engine) tell() {
	for {
		wait := e.tellDue(e.life)
		timer := e.qs.Clock().Timer(wait)
		select {
		case <-timer.C:
		case <-e.untold:
		case <-e.life.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// tellDue tells of what is due, and says when something is due next.
func (e *Engine) tellDue(ctx context.Context) (wait time.Duration) {
	for ctx.Err() == nil {
		due, next, err := e.due(ctx)
		if err != nil {
			e.cfg.Log.Error("looking for whom to tell of ended jobs", "error", err)
			return again
		}
		if len(due) == 0 {
			return next
		}
		var group sync.WaitGroup
		for seq, n := range due {
			group.Go(func() { e.tellOne(ctx, seq, n) })
		}
		group.Wait()
	}
	return never
}

// due finds promises that can be kept now.
func (e *Engine) due(ctx context.Context) (due map[uint64]notice, next time.Duration, err error) {
	due, next = map[uint64]notice{}, never
	now := e.qs.Clock().Now()
	err = e.qs.View(ctx, func(r store.Reader) error {
		for k, v := range r.Scan([]byte{'O'}, []byte{'O' + 1}) {
			var n notice
			if err := json.Unmarshal(v, &n); err != nil {
				return err
			}
			if wait := n.Next.Sub(now); wait > 0 {
				next = min(next, wait)
				continue
			}
			due[binary.BigEndian.Uint64(k[1:])] = n
			if len(due) == mostTold {
				break
			}
		}
		return nil
	})
	return due, next, err
}

// tellOne tells of one job's end, and records whether that went well.
func (e *Engine) tellOne(ctx context.Context, seq uint64, n notice) {
	j, err := e.job(ctx, seq)
	if err == nil {
		err = e.cfg.Ender.Ended(ctx, j)
	}
	if ctx.Err() != nil {
		return // the next process tells
	}
	now := e.qs.Clock().Now()
	failed := err
	err = e.qs.Update(ctx, func(t *queue.Tx) error {
		k := seqKey('O', seq)
		if t.Get(k) == nil {
			return nil
		}
		if failed == nil || j == nil || now.Sub(j.Ended) >= tellFor {
			t.Delete(k)
		} else {
			t.Put(k, notice{Tries: n.Tries + 1, Next: now.Add(double(tellFirst, n.Tries, tellMost))}.encode())
		}
		if failed != nil && j != nil {
			current, err := readJob(t, seq)
			if err != nil {
				return nil // forgotten
			}
			current.TellError = failureOf(failed).Message
			putStatus(t, seq, current.JobStatus)
		}
		return nil
	})
	if failed != nil {
		e.cfg.Log.Warn("telling of a job's end", "job", seq, "tries", n.Tries+1, "error", failed)
	}
	if err != nil && ctx.Err() == nil {
		e.cfg.Log.Error("recording who was told", "error", err)
	}
}
