package async

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async/queue"
	"github.com/rousehq/rouse/controller/store"
)

// Job finds a job by its id, or returns a NotFound error: there never was one,
// or it ended too long ago.
func (e *Engine) Job(ctx context.Context, id string) (*Job, error) {
	seq, err := queue.Seq(id)
	if err != nil {
		return nil, noJob(id)
	}
	j, err := e.job(ctx, seq)
	if err == nil && j.ID != id || rouse.CodeOf(err) == rouse.NotFound {
		return nil, noJob(id)
	}
	return j, err
}

func noJob(id string) error {
	const most = 80
	if len(id) > most {
		id = id[:most] + "…"
	}
	return rouse.Errorf(rouse.NotFound, "no job %q; jobs that ended are kept for a while only", id)
}

func (e *Engine) job(ctx context.Context, seq uint64) (j *Job, err error) {
	err = e.qs.View(ctx, func(r store.Reader) error {
		j, err = readJob(r, seq)
		return err
	})
	return j, err
}

// Payload reads what the function answered to a job that has ended; nil when
// nothing was kept.
func (e *Engine) Payload(ctx context.Context, j *Job) (answer []byte, err error) {
	seq, err := queue.Seq(j.ID)
	switch {
	case err != nil || j.Result == nil || j.Result.Omitted != "":
		return nil, err
	case j.Result.File:
		return e.files.get(j.ID)
	}
	err = e.qs.View(ctx, func(r store.Reader) error {
		answer = append([]byte{}, r.Get(seqKey('P', seq))...)
		return nil
	})
	return answer, err
}

// Filter selects jobs of one function.
type Filter struct {
	Function rouse.FunctionName
	State    State // empty is any
	Most     int   // 0 is 100, at most 1000
}

// List finds jobs: first those that have not ended, the oldest first, then
// those that have, the newest first. They come without their payloads.
func (e *Engine) List(ctx context.Context, f Filter) (jobs []*Job, err error) {
	if f.Most <= 0 {
		f.Most = 100
	}
	f.Most = min(f.Most, 1000)
	q, err := e.qs.Queue(prefix + string(f.Function))
	if err != nil {
		return nil, nil // it never had a job
	}
	add := func(r store.Reader, seq uint64) {
		j, err := readJob(r, seq)
		if err == nil && len(jobs) < f.Most && (f.State == "" || j.State == f.State) {
			j.Request.Payload = nil
			jobs = append(jobs, j)
		}
	}
	err = e.qs.View(ctx, func(r store.Reader) error {
		jobs = nil
		if f.State == "" || !f.State.Done() {
			for _, seq := range q.Messages(r, f.Most) {
				add(r, seq)
			}
		}
		from := queuePrefix('E', q)
		for k, v := range r.Scan(from, prefixEnd(from)) {
			if len(jobs) == f.Most {
				break
			}
			if f.State == "" || v[0] == stateByte(f.State) {
				add(r, ^binary.BigEndian.Uint64(k[len(k)-8:]))
			}
		}
		return nil
	})
	return jobs, err
}

// Stats is what a function has of jobs.
type Stats struct {
	Function rouse.FunctionName `json:"function"`
	Pending  int                `json:"pending"`
	Running  int                `json:"running"`
	Oldest   time.Time          `json:"oldest,omitzero"` // when the oldest one that has not ended was accepted
	Paused   bool               `json:"paused,omitempty"`
}

// Stats are those of every function that has had jobs. It reads little.
func (e *Engine) Stats(ctx context.Context) ([]Stats, error) {
	var all []Stats
	for _, q := range e.qs.All(prefix) {
		s := e.stats(q)
		if s.Pending+s.Running > 0 {
			var err error
			if s.Oldest, _, err = e.qs.Oldest(ctx, q); err != nil {
				return nil, err
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// Queued is how many of a function's jobs have not ended. It does not block.
func (e *Engine) Queued(fn rouse.FunctionName) int {
	q, err := e.qs.Queue(prefix + string(fn))
	if err != nil {
		return 0
	}
	return q.Counts().All()
}

func (e *Engine) stats(q *queue.Queue) Stats {
	c := q.Counts()
	s := Stats{Function: functionOf(q), Pending: c.Ready + c.Waiting, Running: c.Leased}
	e.mu.Lock()
	d := e.dispatchers[s.Function]
	e.mu.Unlock()
	if d != nil {
		d.mu.Lock()
		s.Paused = d.paused
		d.mu.Unlock()
	}
	return s
}
