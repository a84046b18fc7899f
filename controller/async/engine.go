package async

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async/queue"
	"github.com/rousehq/rouse/controller/store"
)

// prefix begins the names of the functions' queues, so that nobody else's are
// taken for them.
const prefix = "fn/"

// Engine runs jobs. Make one with Open.
type Engine struct {
	cfg     Config
	ender   Ender // nil when nobody wants to know
	qs      *queue.Queues
	files   files
	watch   watchers
	kept    kept
	untold  chan struct{} // has a token when somebody may have to be told of an end
	life    context.Context
	end     context.CancelFunc
	running context.Context // of attempts; ends after life, when Close has no more patience
	abort   context.CancelFunc
	work    sync.WaitGroup

	mu          sync.Mutex
	closing     bool                               // guarded by mu
	dispatchers map[rouse.FunctionName]*dispatcher // guarded by mu
}

// Open reads what is queued, takes back what an earlier process had begun, and
// goes on with it at once. It blocks on the store; Close ends the engine.
func Open(ctx context.Context, cfg Config) (*Engine, error) {
	setDefaults(&cfg)
	qs, err := queue.Open(ctx, queue.Options{Space: cfg.Space, Clock: cfg.Clock, Log: cfg.Log})
	if err != nil {
		return nil, fmt.Errorf("opening the queues: %w", err)
	}
	e := &Engine{
		cfg: cfg, qs: qs, files: files{cfg.Dir}, watch: watchers{bySeq: map[uint64]*watch{}},
		untold: make(chan struct{}, 1), dispatchers: map[rouse.FunctionName]*dispatcher{},
	}
	e.kept.most, e.kept.full = int64(cfg.KeepSize), make(chan struct{}, 1)
	e.life, e.end = context.WithCancel(context.Background())
	e.running, e.abort = context.WithCancel(context.Background())
	if cfg.Ender != nil {
		e.ender = cfg.Ender(e)
	}
	if err := e.takeBack(ctx); err != nil {
		return nil, err
	}
	if err := e.files.collect(func(id string) bool { j, err := e.Job(ctx, id); return err == nil && j.State.Done() }); err != nil {
		cfg.Log.Warn("removing results that no job has", "error", err)
	}
	if err := e.weigh(ctx); err != nil {
		return nil, err
	}
	for _, q := range qs.All(prefix) {
		if q.Counts().All() > 0 {
			e.dispatcher(q)
		}
	}
	e.work.Go(e.keep)
	if e.ender != nil {
		e.work.Go(e.tell)
	}
	return e, nil
}

func setDefaults(cfg *Config) {
	if cfg.KeepResults == 0 {
		cfg.KeepResults = 24 * time.Hour
	}
	if cfg.KeepDead == 0 {
		cfg.KeepDead = 14 * 24 * time.Hour
	}
	if cfg.KeepSize == 0 {
		cfg.KeepSize = 10 * rouse.GB
	}
	if cfg.MaxPayload == 0 {
		cfg.MaxPayload = 6 * rouse.MB
	}
	if cfg.MaxResult == 0 {
		cfg.MaxResult = 64 * rouse.MB
	}
	if cfg.Policy == nil {
		cfg.Policy = func(*Request) Policy { return DefaultPolicy() }
	}
	if cfg.Observer == nil {
		cfg.Observer = unobserved{}
	}
}

// Queues are all queues of the same space, for whoever builds on them. Names
// that begin with "fn/" are the functions'.
func (e *Engine) Queues() *queue.Queues { return e.qs }

// Close begins no attempt any more and lets those that run end until ctx does;
// then they are stopped, and begin anew with the next process. It blocks until
// nothing runs. The space stays open.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closing = true
	e.mu.Unlock()
	e.end()
	stop := context.AfterFunc(ctx, e.abort)
	e.work.Wait()
	stop()
	e.abort()
	return nil
}

// spawn runs f unless the engine is closing. Close waits for it.
func (e *Engine) spawn(f func()) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return false
	}
	e.work.Go(f)
	return true
}

// takeBack returns to their queues what an earlier process had leased: it ended,
// so nobody works on it.
func (e *Engine) takeBack(ctx context.Context) error {
	const batch = 500
	for _, q := range e.qs.All(prefix) {
		for q.Counts().Leased > 0 {
			if err := e.qs.Update(ctx, func(t *queue.Tx) error {
				for _, seq := range t.Leased(q, batch) {
					e.cutShort(t, q, seq)
				}
				return nil
			}); err != nil {
				return fmt.Errorf("taking back jobs: %w", err)
			}
		}
	}
	return nil
}

// cutShort is the end of an attempt that ended with its process.
func (e *Engine) cutShort(t *queue.Tx, q *queue.Queue, seq uint64) {
	j, err := readJob(t, seq)
	if err != nil {
		t.Remove(q, seq, false)
		return
	}
	if j.Cut++; j.Cut > maxCuts {
		j.Error = &Failure{Code: rouse.Internal, Message: fmt.Sprintf("Rouse ended during %d attempts of this job", j.Cut)}
		j.JobStatus = end(j.JobStatus, t.Now(), rouse.JobFailed, rouse.JobInterrupted)
		e.finishTx(t, q, j, nil)
		return
	}
	j.State = rouse.JobPending
	putStatus(t, seq, j.JobStatus)
	t.Postpone(q, seq, t.Now())
}

// readJob reads a job, without its answer. A job that does not exist is a
// NotFound error.
func readJob(r store.Reader, seq uint64) (*Job, error) {
	m, err := queue.Read(r, seq)
	if err != nil {
		return nil, err
	}
	return jobOf(r, m)
}

func jobOf(r store.Reader, m *queue.Message) (*Job, error) {
	j := &Job{ID: m.ID, Created: m.Sent, JobStatus: Status{State: rouse.JobPending}}
	if err := json.Unmarshal(m.Attributes, &j.Request); err != nil || j.Request.Ref.Name == "" {
		return nil, rouse.Errorf(rouse.NotFound, "no job %q", m.ID)
	}
	j.Request.Payload = m.Body
	if b := r.Get(seqKey('J', m.Seq)); b != nil {
		if err := json.Unmarshal(b, &j.JobStatus); err != nil {
			return nil, fmt.Errorf("reading the status of job %s: %w", m.ID, err)
		}
	} else if j.Request.Delay > 0 {
		j.Next = j.Created.Add(j.Request.Delay)
	}
	return j, nil
}

func putStatus(t *queue.Tx, seq uint64, s Status) {
	b, err := json.Marshal(s)
	if err != nil {
		panic("async: a status that cannot be encoded: " + err.Error())
	}
	t.Put(seqKey('J', seq), b)
}

func functionOf(q *queue.Queue) rouse.FunctionName {
	return rouse.FunctionName(strings.TrimPrefix(q.Name(), prefix))
}

// queue finds or makes a function's queue.
func (e *Engine) queue(ctx context.Context, fn rouse.FunctionName) (*queue.Queue, error) {
	q, err := e.qs.Queue(prefix + string(fn))
	if err == nil {
		return q, nil
	}
	q, err = e.qs.Create(ctx, prefix+string(fn), queue.Definition{})
	var coded *rouse.Error
	if q != nil && errors.As(err, &coded) && coded.Code == rouse.Conflict {
		return q, nil // somebody else made it just now
	}
	return q, err
}

type unobserved struct{}

func (unobserved) JobAccepted(rouse.FunctionName)               {}
func (unobserved) JobStarted(rouse.FunctionName, time.Duration) {}
func (unobserved) JobEnded(rouse.FunctionName, Condition)       {}
func (unobserved) JobRetried(rouse.FunctionName)                {}

func (unobserved) JobTold(rouse.FunctionName, string, error, bool) {}
