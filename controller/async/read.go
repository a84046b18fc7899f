package async

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"iter"
	"strings"
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

// mostLooked bounds how many jobs one List looks at, since a view must be short.
const mostLooked = 20_000

// List finds jobs: by function, and of each first those that have not ended, the
// oldest first, then those that have, the newest first. They come without their
// payloads. There are more while next is not empty, even if this page is: give
// it as f.After. A cursor that no List returned is an Invalid error.
func (e *Engine) List(ctx context.Context, f Filter) (jobs []*Job, next string, err error) {
	if f.Most <= 0 {
		f.Most = 100
	}
	f.Most = min(f.Most, 1000)
	name, key, err := readCursor(f.After)
	if err != nil {
		return nil, "", err
	}
	from := prefix + string(f.Function)
	err = e.qs.View(ctx, func(r store.Reader) error {
		jobs, next = nil, ""
		looked := 0
		for _, q := range e.qs.All(from) {
			if f.Function != "" && q.Name() != from || q.Name() < name {
				continue
			}
			after := key
			if q.Name() != name {
				after = nil
			}
			for k, seq := range places(r, q, f.State, after) {
				if looked++; len(jobs) == f.Most || looked > mostLooked {
					return nil // next is the last one that was looked at
				}
				next = cursor(q.Name(), k)
				j, err := readJob(r, seq)
				if err != nil || f.State != "" && j.State != f.State {
					continue
				}
				j.Request.Payload = nil
				jobs = append(jobs, j)
			}
		}
		next = ""
		return nil
	})
	return jobs, next, err
}

// places are the keys under which a function's jobs stand, with their seqs: those
// that have not ended, and then those that have. It goes on after a key.
func places(r store.Reader, q *queue.Queue, state State, after []byte) iter.Seq2[[]byte, uint64] {
	return func(yield func([]byte, uint64) bool) {
		if state == "" || !state.Done() {
			for k, seq := range q.Places(r, after) {
				if !yield(k, seq) {
					return
				}
			}
		}
		if state != "" && !state.Done() {
			return
		}
		from := queuePrefix('E', q)
		to := prefixEnd(from)
		if bytes.HasPrefix(after, from) {
			from = append(bytes.Clone(after), 0)
		}
		for k, v := range r.Scan(from, to) {
			if state != "" && v[0] != stateByte(state) {
				continue
			}
			if !yield(k, ^binary.BigEndian.Uint64(k[len(k)-8:])) {
				return
			}
		}
	}
}

// A cursor is a queue's name and the key of a job's place in it.
func cursor(name string, key []byte) string {
	return base64.RawURLEncoding.EncodeToString(append(append([]byte(name), 0), key...))
}

func readCursor(text string) (name string, key []byte, err error) {
	if text == "" {
		return "", nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	before, key, ok := bytes.Cut(b, []byte{0})
	if err != nil || !ok || !strings.HasPrefix(string(before), prefix) {
		return "", nil, rouse.Errorf(rouse.Invalid, "after: must be what an earlier page said comes next")
	}
	return string(before), key, nil
}

// Untold is how many promises to tell of jobs' ends are still to be kept.
func (e *Engine) Untold(ctx context.Context) (n int, err error) {
	err = e.qs.View(ctx, func(r store.Reader) error {
		n = 0
		for range r.Scan([]byte{'O'}, []byte{'O' + 1}) {
			n++
		}
		return nil
	})
	return n, err
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
