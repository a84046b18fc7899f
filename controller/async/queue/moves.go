package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
)

// Moves runs tasks that move the messages of a queue, one for each queue. A
// task is on disk before it begins, with each step and when it has ended; one that
// its process did not survive goes on with the next.
type Moves struct {
	qs   *Queues
	log  *slog.Logger
	life context.Context
	end  context.CancelFunc
	work sync.WaitGroup

	mu    sync.Mutex
	tasks []*task // guarded by mu; the oldest first
}

type task struct {
	rouse.MessageMove
	cancel context.CancelFunc
}

const (
	// keptMoves are remembered of each queue.
	keptMoves = 10
	// moveBatch is how many messages one transaction looks at.
	moveBatch = 100
)

// OpenMoves goes on with the tasks that an earlier process left. Close ends it.
func OpenMoves(ctx context.Context, qs *Queues, log *slog.Logger) (*Moves, error) {
	m := &Moves{qs: qs, log: log}
	err := qs.View(ctx, func(r store.Reader) error {
		for _, v := range r.Scan([]byte{'v'}, []byte{'v' + 1}) {
			t := &task{}
			if err := json.Unmarshal(v, &t.MessageMove); err != nil {
				return err
			}
			m.tasks = append(m.tasks, t)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(m.tasks, func(a, b *task) int { return a.Started.Compare(b.Started) })
	m.life, m.end = context.WithCancel(context.Background())
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tasks {
		if t.State == rouse.MoveRunning || t.State == rouse.MoveCancelling {
			m.begin(t)
		}
	}
	return m, nil
}

// Close stops the tasks that run, which go on with the next process, and waits for that.
func (m *Moves) Close() {
	m.end()
	m.work.Wait()
}

// Start begins a task and blocks until that is on disk. One that runs already is
// a Conflict.
func (m *Moves) Start(ctx context.Context, from, to string, rate int) (rouse.MessageMove, error) {
	q, err := m.qs.Queue(from)
	if err != nil {
		return rouse.MessageMove{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.ContainsFunc(m.tasks, func(t *task) bool { return t.From == from && t.cancel != nil }) {
		return rouse.MessageMove{}, rouse.Errorf(rouse.Conflict, "a task moves the messages of %q already", from)
	}
	t := &task{MessageMove: rouse.MessageMove{
		Handle: uuid.NewString(), State: rouse.MoveRunning, From: from, To: to, Rate: rate,
		Total: q.Counts().All(), Started: m.qs.Clock().Now(),
	}}
	if err := m.keep(ctx, t.MessageMove, m.forget(from)); err != nil {
		return rouse.MessageMove{}, err
	}
	m.tasks = append(m.tasks, t)
	m.begin(t)
	return t.MessageMove, nil
}

// forget takes the oldest tasks of a queue out, so that one more is not too many.
// The caller holds mu.
func (m *Moves) forget(from string) (handles []string) {
	var of []*task
	for _, t := range m.tasks {
		if t.From == from && t.cancel == nil {
			of = append(of, t)
		}
	}
	for len(of) >= keptMoves {
		handles = append(handles, of[0].Handle)
		m.tasks = slices.DeleteFunc(m.tasks, func(t *task) bool { return t == of[0] })
		of = of[1:]
	}
	return handles
}

// Cancel stops a task, and blocks until that is on disk. One that does not run
// is a NotFound error.
func (m *Moves) Cancel(ctx context.Context, handle string) (rouse.MessageMove, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.tasks, func(t *task) bool { return t.Handle == handle && t.cancel != nil })
	if i < 0 {
		return rouse.MessageMove{}, rouse.Errorf(rouse.NotFound, "no such task runs")
	}
	t := m.tasks[i]
	t.State = rouse.MoveCancelling
	t.cancel()
	return t.MessageMove, m.note(ctx, t.MessageMove)
}

// List are the latest tasks of a queue, the newest first.
func (m *Moves) List(from string) []rouse.MessageMove {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []rouse.MessageMove
	for _, t := range slices.Backward(m.tasks) {
		if t.From == from {
			list = append(list, t.MessageMove)
		}
	}
	return list
}

func moveKey(handle string) []byte { return append([]byte{'v'}, handle...) }

// keep writes a new task, and removes those that make room for it.
func (m *Moves) keep(ctx context.Context, one rouse.MessageMove, forget []string) error {
	return m.qs.Update(ctx, func(t *Tx) error {
		for _, handle := range forget {
			t.Delete(moveKey(handle))
		}
		return t.putMove(one)
	})
}

// note writes how a task stands. How far it has come is its steps' to write.
func (m *Moves) note(ctx context.Context, one rouse.MessageMove) error {
	return m.qs.Update(ctx, func(t *Tx) error {
		return t.editMove(one.Handle, func(on *rouse.MessageMove) { on.State, on.Failure = one.State, one.Failure })
	})
}

func (t *Tx) putMove(one rouse.MessageMove) error {
	b, err := json.Marshal(one)
	if err != nil {
		return err
	}
	t.Put(moveKey(one.Handle), b)
	return nil
}

// editMove changes what is on disk of a task.
func (t *Tx) editMove(handle string, edit func(*rouse.MessageMove)) error {
	var on rouse.MessageMove
	if err := json.Unmarshal(t.Get(moveKey(handle)), &on); err != nil {
		return fmt.Errorf("reading the task %s, which moves messages: %w", handle, err)
	}
	edit(&on)
	return t.putMove(on)
}

// begin runs a task. The caller holds mu.
func (m *Moves) begin(t *task) {
	ctx, cancel := context.WithCancel(m.life)
	t.cancel = cancel
	if t.State == rouse.MoveCancelling {
		cancel()
	}
	m.work.Go(func() {
		defer cancel()
		err := m.run(ctx, t)
		m.ended(t, err)
	})
}

func (m *Moves) run(ctx context.Context, t *task) error {
	from, err := m.qs.Queue(t.From)
	if err != nil {
		return err
	}
	var to *Queue
	if t.To != "" {
		if to, err = m.qs.Queue(t.To); err != nil {
			return err
		}
	}
	var behind []byte // the messages up to here were looked at
	for passed := 0; ; {
		// What comes to the queue meanwhile is not the task's, else one whose
		// messages fail again would never end.
		m.mu.Lock()
		most := min(moveBatch, t.Total-t.Moved)
		m.mu.Unlock()
		if most <= 0 {
			return nil
		}
		if t.Rate > 0 {
			most = min(most, max(1, t.Rate/10))
		}
		began := m.qs.Clock().Now()
		n, next, err := m.step(ctx, t, from, to, behind, most)
		if err != nil {
			return err
		}
		passed, behind = passed+n, next
		if next == nil { // something may have become ready since
			if passed == 0 {
				return nil
			}
			passed = 0
		}
		if t.Rate > 0 && n > 0 {
			m.pause(ctx, time.Duration(n)*time.Second/time.Duration(t.Rate)-m.qs.Clock().Now().Sub(began))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// step moves some messages as Tx.move does, and counts them in the same transaction.
func (m *Moves) step(ctx context.Context, t *task, from, to *Queue, behind []byte, most int) (n int, next []byte, err error) {
	err = m.qs.Update(ctx, func(tx *Tx) error {
		if n, next = tx.move(from, to, behind, most); n == 0 {
			return nil
		}
		return tx.editMove(t.Handle, func(on *rouse.MessageMove) { on.Moved += n })
	})
	if err != nil {
		return 0, nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t.Moved += n
	return n, next, nil
}

func (m *Moves) pause(ctx context.Context, d time.Duration) {
	timer := m.qs.Clock().Timer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// ended records a task's end, unless its process ends and it is to go on.
func (m *Moves) ended(t *task, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t.cancel = nil
	switch {
	case t.State == rouse.MoveCancelling:
		t.State = rouse.MoveCancelled
	case m.life.Err() != nil && errors.Is(err, context.Canceled):
		return // on disk it runs
	case err != nil:
		t.State, t.Failure = rouse.MoveFailed, "CouldNotMove"
		m.log.Warn("moving messages", "from", t.From, "to", t.To, "error", err)
	default:
		t.State = rouse.MoveCompleted
	}
	if err := m.note(context.WithoutCancel(m.life), t.MessageMove); err != nil {
		m.log.Error("recording a task that moves messages", "from", t.From, "error", err)
	}
}
