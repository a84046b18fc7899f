package async

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async/queue"
)

// keepEvery is how often what is past its time is removed.
const keepEvery = 10 * time.Second

// keep removes what is past its time, until the engine's life ends.
func (e *Engine) keep() {
	for {
		more, err := e.sweep(e.life)
		if err == nil {
			var moreMessages bool
			moreMessages, err = e.qs.Sweep(e.life)
			more = more || moreMessages
		}
		if err == nil {
			err = e.trim(e.life)
		}
		if err == nil {
			err = e.compact(e.life)
		}
		if err != nil && e.life.Err() == nil {
			e.cfg.Log.Warn("removing old jobs", "error", err)
			more = false
		}
		wait := keepEvery
		if more {
			wait = keepEvery / 100
		}
		full := e.kept.full
		if e.kept.over() > 0 {
			full = nil // what is left cannot go yet
		}
		timer := e.qs.Clock().Timer(wait)
		select {
		case <-timer.C:
		case <-full:
			timer.Stop()
		case <-e.life.Done():
			timer.Stop()
			return
		}
	}
}

// sweep forgets jobs that ended long ago, and old idempotency keys.
func (e *Engine) sweep(ctx context.Context) (more bool, err error) {
	const batch = 500
	var gone []string
	var freed int64
	err = e.qs.Update(ctx, func(t *queue.Tx) error {
		more, gone, freed = false, nil, 0
		due := func(table byte) (keys [][]byte) {
			for k := range t.Scan([]byte{table}, timeKey(table, t.Now().Add(1))) {
				if keys = append(keys, append([]byte{}, k...)); len(keys) == batch {
					more = true
					break
				}
			}
			return keys
		}
		for _, k := range due('X') {
			size := endedSize(t.Get(k))
			t.Delete(k)
			if id, ok := e.forget(t, k); ok {
				gone = append(gone, id)
				freed += size
			}
		}
		for _, k := range due('Y') {
			t.Delete(k)
			key := append([]byte{'I'}, k[9:]...)
			if b := t.Get(key); len(b) == 40 && int64(binary.BigEndian.Uint64(b)) <= t.Now().UnixNano() {
				t.Delete(key)
			}
		}
		return nil
	})
	if err == nil {
		e.kept.add(-freed)
		e.removeFiles(gone)
	}
	return more, err
}

// forget removes a job that has ended; ok is false when somebody is still to be
// told of it, and it stays. file is its id when its answer lies in a file.
func (e *Engine) forget(t *queue.Tx, due []byte) (file string, ok bool) {
	seq := binary.BigEndian.Uint64(due[9:])
	j, err := readJob(t, seq)
	if err != nil || !j.State.Done() {
		return "", true
	}
	if len(promises(t, seq)) > 0 {
		j.KeptUntil = t.Now().Add(time.Hour)
		putStatus(t, seq, j.JobStatus)
		putEnded(t, seq, j)
		return "", false
	}
	if q, err := e.qs.Queue(prefix + string(j.Request.Ref.Name)); err == nil {
		t.Delete(endedKey(q, seq))
	}
	t.Delete(seqKey('J', seq))
	t.Delete(seqKey('P', seq))
	t.Forget(seq)
	if j.Result != nil && j.Result.File {
		return j.ID, true
	}
	return "", true
}

// compacter is a space whose file can be made smaller.
type compacter interface {
	Size() (file, free int64)
	Compact(ctx context.Context) error
}

// worthCompacting is the least that a file measures to be compacted.
const worthCompacting = 64 << 20

// compact makes the file smaller when most of it is empty.
func (e *Engine) compact(ctx context.Context) error {
	c, ok := e.cfg.Space.(compacter)
	if !ok {
		return nil
	}
	file, free := c.Size()
	if file < worthCompacting || free < file/4*3 {
		return nil
	}
	began := time.Now()
	if err := c.Compact(ctx); err != nil {
		return err
	}
	after, _ := c.Size()
	e.cfg.Log.Info("compacted the events' file", "from", rouse.Bytes(file), "to", rouse.Bytes(after), "took", time.Since(began).Round(time.Millisecond))
	return nil
}
