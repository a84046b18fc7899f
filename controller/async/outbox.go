package async

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async/queue"
	"github.com/rousehq/rouse/controller/store"
)

const (
	// mostTold is how many promises of one function are being kept at once, so
	// that a receiver that is slow delays only its own, and mostToldAll of all.
	mostTold    = 8
	mostToldAll = 256
	// tellFirst and tellMost are the waits after somebody could not be told,
	// doubling; tellFor is when that is given up.
	tellFirst = time.Second
	tellMost  = 5 * time.Minute
	tellFor   = 6 * time.Hour
)

// notice is a promise to tell somebody of a job's end. It is written with the
// end and removed when it was kept or given up.
type notice struct {
	Tries int       `json:"tries,omitempty"`
	Next  time.Time `json:"next,omitzero"`
}

// promise names one: whom to tell of which job.
type promise struct {
	seq    uint64
	target string
}

func (p promise) key() []byte { return append(seqKey('O', p.seq), p.target...) }

// dueKey sorts a queue's promises by when they are due.
func (p promise) dueKey(q *queue.Queue, next time.Time) []byte {
	k := queuePrefix('T', q)
	if next.IsZero() {
		next = time.Unix(0, 0)
	}
	k = binary.BigEndian.AppendUint64(k, uint64(next.UnixNano()))
	return append(binary.BigEndian.AppendUint64(k, p.seq), p.target...)
}

// readDue takes a key of table T apart.
func readDue(k []byte) (next time.Time, p promise) {
	const head = 1 + 4
	next = time.Unix(0, int64(binary.BigEndian.Uint64(k[head:])))
	return next, promise{binary.BigEndian.Uint64(k[head+8:]), string(k[head+16:])}
}

func putNotice(t *queue.Tx, q *queue.Queue, p promise, n notice) {
	b, err := json.Marshal(n)
	if err != nil {
		panic("async: a notice that cannot be encoded: " + err.Error())
	}
	t.Put(p.key(), b)
	t.Put(p.dueKey(q, n.Next), []byte{})
}

// takeNotice removes a promise, and says what it was.
func takeNotice(t *queue.Tx, q *queue.Queue, p promise) (n notice, ok bool) {
	b := t.Get(p.key())
	if b == nil {
		return n, false
	}
	if err := json.Unmarshal(b, &n); err != nil {
		n = notice{}
	}
	t.Delete(p.key())
	t.Delete(p.dueKey(q, n.Next))
	return n, true
}

// promises are those that a job's end has left.
func promises(r store.Reader, seq uint64) (all []promise) {
	from := seqKey('O', seq)
	for k := range r.Scan(from, prefixEnd(from)) {
		all = append(all, promise{seq, string(k[len(from):])})
	}
	return all
}

// teller keeps promises. Only its own loop uses it.
type teller struct {
	e    *Engine
	busy map[promise]*queue.Queue // being kept
	of   map[*queue.Queue]int     // how many of each queue's
	done chan promise
}

// tell keeps the promises until the engine's life ends.
func (e *Engine) tell() {
	t := &teller{e: e, busy: map[promise]*queue.Queue{}, of: map[*queue.Queue]int{}, done: make(chan promise)}
	for {
		wait := t.begin()
		timer := e.qs.Clock().Timer(wait)
		select {
		case <-timer.C:
		case <-e.untold:
		case p := <-t.done:
			t.of[t.busy[p]]--
			delete(t.busy, p)
		case <-e.life.Done():
			timer.Stop()
			for range t.busy {
				<-t.done
			}
			return
		}
		timer.Stop()
	}
}

// begin keeps what is due and says when something is due next, unless that is
// when a place becomes free.
func (t *teller) begin() (wait time.Duration) {
	e, wait := t.e, never
	type found struct {
		p promise
		q *queue.Queue
	}
	var due []found
	now := e.qs.Clock().Now()
	err := e.qs.View(e.life, func(r store.Reader) error {
		due, wait = nil, never
		for _, q := range e.qs.All(prefix) {
			room := min(mostTold-t.of[q], mostToldAll-len(t.busy)-len(due))
			if room <= 0 {
				continue
			}
			from := queuePrefix('T', q)
			for k := range r.Scan(from, prefixEnd(from)) {
				next, p := readDue(k)
				if later := next.Sub(now); later > 0 {
					wait = min(wait, later)
					break
				}
				if t.busy[p] != nil {
					continue
				}
				due = append(due, found{p, q})
				if room--; room == 0 {
					break
				}
			}
		}
		return nil
	})
	if err != nil {
		if e.life.Err() == nil {
			e.cfg.Log.Error("looking for whom to tell of ended jobs", "error", err)
		}
		return again
	}
	for _, f := range due {
		t.busy[f.p] = f.q
		t.of[f.q]++
		go func() { // the loop waits for it
			e.tellOne(e.life, f.q, f.p)
			t.done <- f.p
		}()
	}
	return wait
}

// tellOne tells somebody of one job's end, and records whether that went well.
func (e *Engine) tellOne(ctx context.Context, q *queue.Queue, p promise) {
	j, failed := e.job(ctx, p.seq)
	if failed == nil {
		failed = e.ender.Ended(ctx, End{Job: j, Target: p.target, Answer: func() ([]byte, error) { return e.Payload(ctx, j) }})
	}
	if ctx.Err() != nil {
		return // the next process tells
	}
	now := e.qs.Clock().Now()
	var tries int
	var over bool
	err := e.qs.Update(ctx, func(t *queue.Tx) error {
		n, ok := takeNotice(t, q, p)
		if tries, over = n.Tries+1, true; !ok {
			return nil
		}
		current, err := readJob(t, p.seq)
		if err != nil {
			return nil // forgotten
		}
		before := current.TellError
		if failed == nil {
			if strings.HasPrefix(before, p.target+": ") {
				current.TellError = ""
			}
		} else {
			current.TellError = p.target + ": " + failureOf(failed).Message
			if next := now.Add(tellAgain(failed, n.Tries)); rouse.CodeOf(failed) != rouse.Invalid && next.Sub(current.Ended) < tellFor {
				over = false
				putNotice(t, q, p, notice{Tries: tries, Next: next})
			}
		}
		if current.TellError != before {
			putStatus(t, p.seq, current.JobStatus)
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		e.cfg.Log.Error("recording who was told", "error", err)
	}
	if j == nil {
		return
	}
	fn := j.Request.Ref.Name
	e.cfg.Observer.JobTold(fn, p.target, failed, over)
	attrs := []slog.Attr{slog.String("job", j.ID), slog.String("function", string(fn)), slog.String("target", p.target), slog.Int("tries", tries)}
	if failed == nil {
		e.cfg.Log.LogAttrs(ctx, slog.LevelDebug, "told of a job's end", attrs...)
		return
	}
	e.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "telling of a job's end", append(attrs, slog.Bool("given_up", over), slog.Any("error", failed))...)
}

// tellAgain is how long to wait after somebody could not be told.
func tellAgain(err error, tries int) time.Duration {
	wait := double(tellFirst, tries, tellMost)
	var coded *rouse.Error
	if errors.As(err, &coded) && coded.RetryAfter > wait {
		wait = min(coded.RetryAfter, tellMost)
	}
	return wait
}
