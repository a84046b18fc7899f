package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async"
	"github.com/rousehq/rouse/controller/async/queue"
	"github.com/rousehq/rouse/controller/store"
	"github.com/rousehq/rouse/controller/store/bolt"
)

// writers is how many clients accept jobs at once.
const writers = 64

// asyncAccept compares how many jobs are accepted with how many values of the
// same size a bare loop of commits takes, from as many writers that each wait.
func asyncAccept(ctx context.Context, l *lab) (results []result, err error) {
	p, spec, err := l.serveEcho(ctx, "accept", "process")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := p.deploy(ctx, "later", spec, rouse.DefaultSettings()); err != nil {
		return nil, err
	}
	jobs := front{url: p.Server() + "/api/v1/functions/later/jobs?delay=8000h"} // accepted, not run

	sides := []string{"bare loop", "Go API", "HTTP"}
	s, err := alternate(l.rounds, sides, func(side string) (float64, error) {
		if side == "HTTP" {
			got, err := l.wrk(ctx, jobs, writers)
			return got.rate, err
		}
		if side == "bare loop" {
			return l.bareRate()
		}
		e, _, end, err := l.engine(ctx, "accept", nil)
		if err != nil {
			return 0, err
		}
		defer end()
		return rate(l.slice, func(int) error { return submit(ctx, e, 8000*time.Hour) })
	})
	if err != nil {
		return nil, err
	}
	bare := s.median("bare loop")
	line := func(side string, least float64) result {
		ratio := s.median(side) / bare
		return judge(ratio >= least, result{
			Asked: "durable accepts of 1 KB, 64 clients, " + side, Bound: fmt.Sprintf("at least %g × a bare loop of commits", least),
			Measured: fmt.Sprintf("%.2f × (%.0f/s)", ratio, s.median(side)), Medians: s.medians("/s"),
		})
	}
	return []result{line("Go API", 0.7), line("HTTP", 0.25)}, nil
}

// bareRate is how many values a second a bare loop commits, in a new file.
func (l *lab) bareRate() (perSecond float64, err error) {
	dir, err := os.MkdirTemp(l.dir, "bare")
	if err != nil {
		return 0, err
	}
	loop, end, err := startBare(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, end(), os.RemoveAll(dir)) }()
	var n atomic.Uint64
	return rate(l.slice, func(int) error {
		return loop.put(binary.BigEndian.AppendUint64([]byte{'~'}, n.Add(1)), body)
	})
}

// rate is how often a second so many writers do something.
func rate(slice time.Duration, do func(writer int) error) (float64, error) {
	var n atomic.Int64
	var group sync.WaitGroup
	errs := make([]error, writers)
	began := time.Now()
	for w := range writers {
		group.Go(func() {
			for time.Since(began) < slice && errs[w] == nil {
				errs[w] = do(w)
				n.Add(1)
			}
		})
	}
	group.Wait()
	return float64(n.Load()) / time.Since(began).Seconds(), errors.Join(errs...)
}

// engine opens an engine in this process, on an empty file.
func (l *lab) engine(ctx context.Context, name string, invoke func(async.Attempt)) (*async.Engine, *bolt.Space, func(), error) {
	dir := filepath.Join(l.dir, name)
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return nil, nil, nil, err
	}
	return openEngine(ctx, dir, invoke)
}

func openEngine(ctx context.Context, dir string, invoke func(async.Attempt)) (*async.Engine, *bolt.Space, func(), error) {
	space, err := bolt.OpenSpace(filepath.Join(dir, "events.db"), bolt.SpaceOptions{})
	if err != nil {
		return nil, nil, nil, err
	}
	e, err := async.Open(ctx, async.Config{
		Space: space, Dir: filepath.Join(dir, "results"), Clock: queue.NewClock(time.Now(), 1), Invoker: invoker(invoke),
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, nil, nil, errors.Join(err, space.Close())
	}
	return e, space, func() { e.Close(ctx); space.Close() }, nil
}

// invoker runs every job in no time.
type invoker func(async.Attempt)

func (i invoker) Invoke(_ context.Context, a async.Attempt) (async.Outcome, error) {
	if i != nil {
		i(a)
	}
	return async.Outcome{Payload: []byte("{}")}, nil
}

func (invoker) Capacity(rouse.FunctionName) async.Capacity {
	return async.Capacity{Most: writers, Longest: time.Minute}
}

func submit(ctx context.Context, e *async.Engine, delay time.Duration) error {
	_, _, err := e.Submit(ctx, rouse.JobRequest{Ref: rouse.Ref{Name: "later", Qualifier: rouse.Latest}, Payload: body, Delay: delay})
	return err
}

// asyncLone measures a lone client: what it waits for, and when its job begins.
func asyncLone(ctx context.Context, l *lab) ([]result, error) {
	const n = 300
	began := make(chan time.Time, 1)
	s := make(samples)
	e, space, end, err := l.engine(ctx, "lone", func(async.Attempt) { began <- time.Now() })
	if err != nil {
		return nil, err
	}
	defer end()
	for i := range n {
		key := binary.BigEndian.AppendUint64([]byte{'~'}, uint64(i))
		at := time.Now()
		if err := space.Update(ctx, func(tx store.Tx) error { tx.Put(key, body); return nil }); err != nil {
			return nil, err
		}
		s["commit"] = append(s["commit"], milliseconds(time.Since(at)))
		at = time.Now()
		if err := submit(ctx, e, 0); err != nil {
			return nil, err
		}
		s["accept"] = append(s["accept"], milliseconds(time.Since(at)))
		s["begin"] = append(s["begin"], milliseconds((<-began).Sub(at)))
		if err := until(ctx, func() (bool, error) { return e.Queued("later") == 0, nil }); err != nil {
			return nil, err
		}
	}
	commit, accept, begin := s.median("commit"), s.median("accept"), s.median("begin")
	return []result{
		judge(accept < 2*commit, result{
			Asked: "a lone client's wait for a durable accept, p50", Bound: "one commit, no timer: under 2 × a commit of the bare store",
			Measured: fmt.Sprintf("%.2f ms, a commit takes %.2f ms", accept, commit), Medians: s.medians("ms"),
		}),
		judge(begin-commit <= 1, result{
			Asked: "from submitting to the start of execution, p50", Bound: "at most 1 ms more than a commit",
			Measured: fmt.Sprintf("%.2f ms more", begin-commit),
		}),
	}, nil
}

// million is how many jobs wait in asyncMillion.
const million = 1_000_000

// asyncMillion measures a million queued jobs: memory, a start, and whether
// order and rate suffer.
func asyncMillion(ctx context.Context, l *lab) ([]result, error) {
	dir := filepath.Join(l.dir, "million")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	// Each part is a process of its own, so that memory is that of the queue.
	fields := map[string]float64{}
	for _, part := range []string{"fill", "look", "drain"} {
		cmd := exec.CommandContext(ctx, l.self, "million", part, dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part, err)
		}
		for line := range strings.Lines(string(out)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if fields[name], err = strconv.ParseFloat(value, 64); err != nil {
				return nil, fmt.Errorf("%s: %q: %w", part, line, err)
			}
		}
	}
	medians := map[string]float64{}
	for name, value := range fields {
		medians[name] = float64(int(value*100)) / 100
	}
	return []result{
		judge(max(fields["anon_MB"], fields["drain_anon_MB"]) <= 200, result{
			Asked: "anonymous memory with 1,000,000 queued jobs of 1 KB", Bound: "at most 200 MB, while they are run too",
			Measured: fmt.Sprintf("%.0f MB, %.0f MB while they are run", fields["anon_MB"], fields["drain_anon_MB"]), Medians: medians,
		}),
		judge(fields["open_s"] <= 2, result{
			Asked: "start with 1,000,000 queued jobs", Bound: "at most 2 s", Measured: fmt.Sprintf("%.2f s", fields["open_s"]),
		}),
		judge(fields["disorder"] == 0 && fields["drain_rate"] >= 0.7*fields["small_rate"], result{
			Asked: "order and rate of a queue of 1,000,000", Bound: "oldest first, at least 0.7 × the rate of a queue of 10,000",
			Measured: fmt.Sprintf("%.0f out of order; %.0f/s, %.0f/s of a small queue", fields["disorder"], fields["drain_rate"], fields["small_rate"]),
		}),
	}, nil
}

// runMillion is a part of asyncMillion, as a process of its own.
func runMillion(part, dir string) error {
	ctx := context.Background()
	began := time.Now()
	var ran, disorder atomic.Int64
	var newest atomic.Int64
	e, _, end, err := openEngine(ctx, dir, func(a async.Attempt) {
		// Those that run at once may overtake one another by a little.
		accepted := acceptedAt(a.ID)
		if accepted < newest.Load()-100 {
			disorder.Add(1)
		}
		newest.Store(max(accepted, newest.Load()))
		ran.Add(1)
	})
	if err != nil {
		return err
	}
	defer end()
	switch part {
	case "fill":
		if err := fill(ctx, e, &ran); err != nil {
			return err
		}
		os.Exit(0) // without closing anything: what is opened next is what a kill leaves
	case "look":
		fmt.Println("open_s", time.Since(began).Seconds())
		fmt.Println("queued", e.Queued("later"))
		return printAnon("anon_MB")
	}
	if err := e.Resume(ctx, "later"); err != nil {
		return err
	}
	first, began := ran.Load(), time.Now()
	time.Sleep(5 * time.Second)
	fmt.Println("drain_rate", float64(ran.Load()-first)/time.Since(began).Seconds())
	fmt.Println("disorder", disorder.Load())
	return printAnon("drain_anon_MB")
}

// acceptedAt is the time in a job's id, in milliseconds.
func acceptedAt(id string) int64 {
	seq, err := queue.Seq(id)
	if err != nil {
		return 0
	}
	return int64(seq >> 12)
}

// fill measures the rate of a small queue, then queues a million.
func fill(ctx context.Context, e *async.Engine, ran *atomic.Int64) error {
	if err := e.Pause(ctx, "later"); err != nil {
		return err
	}
	batch := func(n int) error {
		var left atomic.Int64
		left.Store(int64(n))
		var group sync.WaitGroup
		errs := make([]error, 1024)
		for w := range errs {
			group.Go(func() {
				for left.Add(-1) >= 0 && errs[w] == nil {
					errs[w] = submit(ctx, e, 0)
				}
			})
		}
		group.Wait()
		return errors.Join(errs...)
	}
	if err := batch(10_000); err != nil {
		return err
	}
	before, began := ran.Load(), time.Now()
	if err := e.Resume(ctx, "later"); err != nil {
		return err
	}
	if err := until(ctx, func() (bool, error) { return e.Queued("later") == 0, nil }); err != nil {
		return err
	}
	fmt.Println("small_rate", float64(ran.Load()-before)/time.Since(began).Seconds())
	if err := e.Pause(ctx, "later"); err != nil {
		return err
	}
	return batch(million)
}

func printAnon(name string) error {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	lines := strings.Split(string(b), "\n")
	i := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "RssAnon:") })
	if i < 0 {
		return errors.New("this kernel does not tell RssAnon")
	}
	kb, err := strconv.ParseFloat(strings.Fields(lines[i])[1], 64)
	fmt.Println(name, kb/1024)
	return err
}
