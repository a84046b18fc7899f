package async

import (
	"context"
	"encoding/binary"
	"sync/atomic"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async/queue"
	"github.com/rousehq/rouse/controller/store"
)

// aJob is what a job takes beside what it was asked and what it answered.
const aJob = 512

// kept is how much the jobs take that have ended, and what bounds it.
type kept struct {
	most  int64
	bytes atomic.Int64
	full  chan struct{} // has a token when there may be too much
}

// sizeOf is what a job that has ended takes on disk, nearly.
func sizeOf(j *Job) int64 {
	n := aJob + int64(len(j.Request.Payload))
	if j.Result != nil && j.Result.Omitted == "" {
		n += int64(j.Result.Size)
	}
	return n
}

// add notes jobs that have ended or, below 0, that are forgotten.
func (k *kept) add(bytes int64) {
	if k.bytes.Add(bytes) <= k.most || bytes < 0 {
		return
	}
	select {
	case k.full <- struct{}{}:
	default:
	}
}

// over says by how much there is too much, with room for what ends meanwhile.
func (k *kept) over() int64 {
	now := k.bytes.Load()
	if now <= k.most {
		return 0
	}
	return now - k.most + k.most/10
}

// putEnded notes when an ended job is forgotten, and what it takes until then.
func putEnded(t *queue.Tx, seq uint64, j *Job) {
	t.Put(timeKey('X', j.KeptUntil, bigEndian(seq)...), binary.AppendUvarint(nil, uint64(sizeOf(j))))
}

// endedSize reads what putEnded wrote; nothing is from a version before it.
func endedSize(value []byte) int64 {
	n, _ := binary.Uvarint(value)
	return int64(n)
}

// weigh counts what the jobs take that have ended.
func (e *Engine) weigh(ctx context.Context) error {
	return e.qs.View(ctx, func(r store.Reader) error {
		var sum int64
		for _, v := range r.Scan([]byte{'X'}, []byte{'X' + 1}) {
			sum += endedSize(v)
		}
		e.kept.bytes.Store(sum)
		return nil
	})
}

// trim forgets jobs before their time while they take more than they may: those
// that would be forgotten first. Those of whose end somebody is still to be told
// stay.
func (e *Engine) trim(ctx context.Context) error {
	const batch = 500
	excess := e.kept.over()
	if excess == 0 {
		return nil
	}
	var forgotten int
	var after []byte
	for excess > 0 {
		var gone []string
		var freed int64
		var next []byte
		err := e.qs.Update(ctx, func(t *queue.Tx) error {
			gone, freed, next = nil, 0, nil
			for _, k := range ended(t, after, batch) {
				if next = k; freed >= excess {
					break
				}
				seq := binary.BigEndian.Uint64(k[9:])
				if len(promises(t, seq)) > 0 {
					continue
				}
				freed += endedSize(t.Get(k))
				t.Delete(k)
				id, _ := e.forget(t, k)
				gone = append(gone, id)
			}
			return nil
		})
		if err != nil {
			return err
		}
		e.kept.add(-freed)
		e.removeFiles(gone)
		forgotten += len(gone)
		excess -= freed
		if after = next; next == nil {
			break
		}
	}
	if forgotten > 0 {
		e.cfg.Log.Warn("forgot ended jobs before their time, since there were too many to keep", "jobs", forgotten, "limit", rouse.Bytes(e.kept.most))
	}
	return nil
}

// ended are the keys of up to most ended jobs after a key, those to be forgotten
// first first.
func ended(r store.Reader, after []byte, most int) (keys [][]byte) {
	from := []byte{'X'}
	if after != nil {
		from = append(after[:len(after):len(after)], 0)
	}
	for k := range r.Scan(from, []byte{'X' + 1}) {
		if keys = append(keys, append([]byte{}, k...)); len(keys) == most {
			break
		}
	}
	return keys
}

// removeFiles removes the answers of jobs that are forgotten; "" has none.
func (e *Engine) removeFiles(ids []string) {
	for _, id := range ids {
		if id == "" {
			continue
		}
		if err := e.files.remove(id); err != nil {
			e.cfg.Log.Warn("removing a job's result", "job", id, "error", err)
		}
	}
}
