package async

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async/queue"
	"github.com/rousehq/rouse/controller/store"
	"github.com/rousehq/rouse/controller/store/storetest"
)

// functions is an Invoker whose functions are Go ones.
type functions struct {
	mu   sync.Mutex
	do   map[rouse.FunctionName]func(context.Context, Attempt) (Outcome, error)
	most map[rouse.FunctionName]int
	zero map[rouse.FunctionName]bool
	seen []time.Time // when attempts began
	now  map[rouse.FunctionName]int
	peak map[rouse.FunctionName]int
}

func newFunctions() *functions {
	return &functions{
		do:   map[rouse.FunctionName]func(context.Context, Attempt) (Outcome, error){},
		most: map[rouse.FunctionName]int{}, zero: map[rouse.FunctionName]bool{},
		now: map[rouse.FunctionName]int{}, peak: map[rouse.FunctionName]int{},
	}
}

func (f *functions) Invoke(ctx context.Context, a Attempt) (Outcome, error) {
	fn := a.Request.Ref.Name
	f.mu.Lock()
	f.seen = append(f.seen, time.Now())
	f.now[fn]++
	f.peak[fn] = max(f.peak[fn], f.now[fn])
	do := f.do[fn]
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.now[fn]--
		f.mu.Unlock()
	}()
	if do == nil {
		return Outcome{Payload: append([]byte("answer to "), a.Request.Payload...)}, nil
	}
	return do(ctx, a)
}

func (f *functions) Capacity(fn rouse.FunctionName) Capacity {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Capacity{Most: max(f.most[fn], 1), Zero: f.zero[fn], Longest: time.Minute}
}

func fails(context.Context, Attempt) (Outcome, error) {
	return Outcome{Failure: &Failure{Code: rouse.FunctionError, Message: "boom", Type: "Boom"}}, nil
}

func refuses(context.Context, Attempt) (Outcome, error) {
	return Outcome{}, rouse.Errorf(rouse.Throttled, "busy")
}

// hangs until its attempt is stopped.
func hangs(ctx context.Context, _ Attempt) (Outcome, error) {
	<-ctx.Done()
	return Outcome{}, context.Cause(ctx)
}

type bench struct {
	t     *testing.T
	f     *functions
	space store.Space
	cfg   Config
	*Engine
}

func open(t *testing.T, space store.Space, f *functions, change func(*Config)) *bench {
	t.Helper()
	cfg := Config{Space: space, Dir: t.TempDir(), Clock: queue.NewClock(time.Now(), 1), Invoker: f, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	e, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, f: f, space: space, cfg: cfg, Engine: e}
}

// stop ends the engine as an operator would who has no patience.
func (b *bench) stop() {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.Close(ctx); err != nil {
		b.t.Error(err)
	}
}

func (b *bench) submit(fn rouse.FunctionName, payload string, change ...func(*Request)) *Job {
	b.t.Helper()
	r := Request{Ref: rouse.Ref{Name: fn, Qualifier: rouse.Latest}, Payload: []byte(payload)}
	for _, c := range change {
		c(&r)
	}
	j, _, err := b.Submit(b.t.Context(), r)
	if err != nil {
		b.t.Fatal(err)
	}
	return j
}

// ended waits for a job's end and checks how it ended.
func (b *bench) ended(id string, state State, c Condition, attempts int) *Job {
	b.t.Helper()
	j, err := b.Wait(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	if j.State != state || j.Condition != c || j.Attempts != attempts {
		b.t.Errorf("the job is %s (%s) after %d attempts, want %s (%s) after %d", j.State, j.Condition, j.Attempts, state, c, attempts)
	}
	return j
}

// within runs a test with an engine in a bubble of its own time.
func within(t *testing.T, change func(*Config), test func(t *testing.T, b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, storetest.NewSpace(), newFunctions(), change)
		defer b.stop()
		test(t, b)
	})
}
