package async

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"iter"
	"math"
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
	return rouse.Errorf(rouse.NotFound, "no job %q; jobs that ended are kept for a while only", rouse.Clip(id))
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

const (
	// mostLooked bounds how many messages a view looks at, since views must be short.
	mostLooked = 20_000
	// mostViews bounds one List: where jobs are rare among other messages, a page
	// has fewer than were asked for.
	mostViews = 16
)

// List finds jobs, the newest first, without their payloads. There are more while
// next is not empty, even if this page is: give it as f.After. A page goes on
// where the one before it ended, whatever has happened to the jobs meanwhile. A
// cursor that no List returned is an Invalid error.
func (e *Engine) List(ctx context.Context, f Filter) (jobs []*Job, next string, err error) {
	if f.Most <= 0 {
		f.Most = 100
	}
	f.Most = min(f.Most, 1000)
	below, err := readCursor(f.After)
	if err != nil {
		return nil, "", err
	}
	queues := map[uint32]*queue.Queue{}
	for _, q := range e.qs.All(prefix + string(f.Function)) {
		if f.Function == "" || functionOf(q) == f.Function {
			queues[q.Definition().Number] = q
		}
	}
	for range mostViews {
		var page []*Job
		from := below
		if err := e.qs.View(ctx, func(r store.Reader) error {
			page, below = some(r, queues, f, f.Most-len(jobs), from)
			return nil
		}); err != nil {
			return nil, "", err
		}
		if jobs = append(jobs, page...); below == 0 {
			return jobs, "", nil
		}
		if len(jobs) == f.Most {
			break
		}
	}
	return jobs, cursor(below), nil
}

// some finds up to most jobs below a seq. rest is below which there may be more;
// 0 is nowhere.
func some(r store.Reader, queues map[uint32]*queue.Queue, f Filter, most int, below uint64) (jobs []*Job, rest uint64) {
	looked := 0
	for seq, number := range candidates(r, queues, f, below) {
		if looked++; len(jobs) == most || looked > mostLooked {
			return jobs, rest
		}
		rest = seq
		q := queues[number]
		if q == nil {
			continue
		}
		if f.State != "" && f.State.Done() {
			if ended := r.Get(endedKey(q, seq)); len(ended) == 0 || ended[0] != stateByte(f.State) {
				continue
			}
		}
		j, err := readJob(r, seq)
		if err != nil || f.State != "" && j.State != f.State {
			continue
		}
		j.Request.Payload = nil
		jobs = append(jobs, j)
	}
	return jobs, 0
}

// candidates are the seqs below one at which there may be such jobs, the newest
// first, with their queues' numbers: of one function those that have ended, where
// that is asked for, and else every message there is.
func candidates(r store.Reader, queues map[uint32]*queue.Queue, f Filter, below uint64) iter.Seq2[uint64, uint32] {
	if f.Function == "" || f.State == "" || !f.State.Done() {
		return queue.Newest(r, below)
	}
	return func(yield func(uint64, uint32) bool) {
		for number, q := range queues { // one, or none
			for k := range r.Scan(endedKey(q, below-1), prefixEnd(queuePrefix('E', q))) {
				if !yield(^binary.BigEndian.Uint64(k[len(k)-8:]), number) {
					return
				}
			}
		}
	}
}

// A cursor is the seq below which a listing goes on.
func cursor(below uint64) string { return base64.RawURLEncoding.EncodeToString(bigEndian(below)) }

func readCursor(text string) (below uint64, err error) {
	if text == "" {
		return math.MaxUint64, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != 8 || binary.BigEndian.Uint64(b) == 0 {
		return 0, rouse.Errorf(rouse.Invalid, "after: must be what an earlier page said comes next")
	}
	return binary.BigEndian.Uint64(b), nil
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
}

// Stats are those of every function that has had jobs. It reads little.
func (e *Engine) Stats(ctx context.Context) ([]Stats, error) {
	var all []Stats
	for _, q := range e.qs.All(prefix) {
		c := q.Counts()
		s := Stats{Function: functionOf(q), Pending: c.Ready + c.Waiting, Running: c.Leased}
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
