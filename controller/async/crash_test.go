package async

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async/queue"
	"github.com/rousehq/rouse/controller/store/bolt"
)

// crashVar has the test binary work in the folder that it names until it is
// killed, or with _DRAIN too, until all work is done.
const crashVar = "ROUSE_TEST_CRASH"

// killsVar says how often a process is killed; 50 unless it is set.
const killsVar = "ROUSE_KILLS"

// hurry is how fast the children's clocks run: retries after minutes take a
// fraction of a second, and promises to tell are given up after twenty.
const hurry = 1000

// ageless is the usual policy, but that nothing becomes too old on a machine that
// is so busy that hours of this clock pass.
func ageless(*Request) Policy {
	p := DefaultPolicy()
	p.MaxAge = 0
	return p
}

// A process is killed again and again while clients submit, functions run and
// ends are told. Afterwards every acknowledged job was executed at least once or
// is a dead letter with its reason, none has vanished, no result contradicts
// what was executed, every end was told, and FIFO groups kept their order.
func TestNothingAcknowledgedIsLostHoweverOftenRouseIsKilled(t *testing.T) {
	kills := 50
	if text := os.Getenv(killsVar); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	const perFolder = 10
	jobs := 0
	for done := 0; done < kills; done += perFolder {
		dir := t.TempDir()
		for range min(perFolder, kills-done) {
			child := crashCommand(t, dir)
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			waitForWork(t, dir, child)
			delay := time.NewTimer(time.Duration(rand.IntN(120)) * time.Millisecond)
			<-delay.C
			child.Process.Kill() //nolint:errcheck // Wait tells
			if err := child.Wait(); err == nil {
				t.Fatal("the child ended by itself")
			} else if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != -1 {
				t.Fatalf("the child ended by itself: %v\n%s", err, child.Stderr)
			}
		}
		drain := crashCommand(t, dir)
		drain.Env = append(drain.Env, crashVar+"_DRAIN=1")
		if err := drain.Run(); err != nil {
			t.Fatalf("draining: %v\n%s", err, drain.Stderr)
		}
		jobs += checkCrash(t, dir)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d kills, %d jobs acknowledged, none lost", kills, jobs)
}

func crashCommand(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), crashVar+"="+dir)
	cmd.Stderr = &bytes.Buffer{}
	return cmd
}

// waitForWork blocks until the child has opened its store, at times; the other
// times the kill comes while it opens.
func waitForWork(t *testing.T, dir string, child *exec.Cmd) {
	t.Helper()
	if rand.IntN(4) == 0 {
		return
	}
	before := len(readLog(dir, "acked"))
	for range 400 {
		if len(readLog(dir, "acked")) > before {
			return
		}
		tick := time.NewTimer(5 * time.Millisecond)
		<-tick.C
	}
	t.Fatalf("the child does nothing:\n%s", child.Stderr)
}

// diary appends lines that outlive a kill.
type diary struct {
	mu   sync.Mutex
	file *os.File
}

func openDiary(dir, name string) *diary {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	must(err)
	return &diary{file: f}
}

func (d *diary) write(words ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.file.WriteString(fmt.Sprintln(words...))
	must(err)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

// readLog are the whole lines of a diary, split into words.
func readLog(dir, name string) (lines [][]string) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return nil
	}
	scan := bufio.NewScanner(bytes.NewReader(b[:bytes.LastIndexByte(b, '\n')+1]))
	for scan.Scan() {
		lines = append(lines, strings.Fields(scan.Text()))
	}
	return lines
}

// crashWorld is a child: it is its own invoker and ender.
type crashWorld struct {
	executed, told *diary
	mine           atomic.Int64
}

// Invoke writes down each execution before it answers. What it does depends on
// the function: "good" answers, "moody" fails at first, "bad" always fails.
func (w *crashWorld) Invoke(ctx context.Context, a Attempt) (Outcome, error) {
	fn := a.Request.Ref.Name
	answer := fmt.Sprintf("%d-%d", os.Getpid(), w.mine.Add(1))
	if fn == "shy" && a.Number%2 == 1 && rand.IntN(2) == 0 {
		return Outcome{}, rouse.Errorf(rouse.Throttled, "busy")
	}
	fails := fn == "bad" || fn == "moody" && a.Number%2 == 1
	w.executed.write(a.ID, fn, answer, fails)
	if rand.IntN(10) == 0 { // some take longer than others
		timer := time.NewTimer(time.Duration(rand.IntN(5)) * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return Outcome{}, ctx.Err()
		}
	}
	if fails {
		return Outcome{Failure: &Failure{Code: rouse.FunctionError, Message: answer}}, nil
	}
	if fn == "good" && len(a.Request.Payload)%5 == 0 { // into a file
		return Outcome{Payload: append([]byte(answer+" "), make([]byte, inline)...)}, nil
	}
	return Outcome{Payload: []byte(answer + " ")}, nil
}

func (w *crashWorld) Capacity(rouse.FunctionName) Capacity {
	return Capacity{Most: 4, Longest: time.Minute}
}

func (w *crashWorld) Wants(j *Job) []string {
	if j.Request.Notify == nil {
		return nil
	}
	return []string{"one", "two"}
}

func (w *crashWorld) Ended(_ context.Context, e End) error {
	if rand.IntN(5) == 0 {
		return errors.New("nobody is there")
	}
	w.told.write(e.Job.ID, e.Target, e.Job.State)
	return nil
}

func crashChild(dir string, drain bool) {
	space, err := bolt.OpenSpace(filepath.Join(dir, "events.db"), bolt.SpaceOptions{})
	must(err)
	w := &crashWorld{executed: openDiary(dir, "executed"), told: openDiary(dir, "told")}
	// The wall clock goes back an hour now and then.
	wall := time.Now().Add(-time.Duration(rand.IntN(2)) * time.Hour)
	e, err := Open(context.Background(), Config{
		Space: space, Dir: filepath.Join(dir, "results"), Clock: queue.NewClock(wall, hurry), Invoker: w, Ender: func(*Engine) Ender { return w },
		Policy: ageless, KeepResults: 10_000 * time.Hour, KeepDead: 10_000 * time.Hour, Log: slog.New(slog.DiscardHandler),
	})
	must(err)
	fifo, err := e.Queues().Queue("q.fifo")
	if err != nil {
		fifo, err = e.Queues().Create(context.Background(), "q.fifo", queue.Definition{FIFO: true})
		must(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var receivers sync.WaitGroup
	for range 2 {
		receivers.Go(func() { crashReceive(ctx, dir, e.Queues(), fifo) })
	}
	if !drain {
		for i := range 4 {
			go crashSubmit(dir, e, i)
			go crashSend(dir, e.Queues(), fifo, i)
		}
		go func() {
			for {
				must(space.Compact(context.Background()))
			}
		}()
		select {} // until it is killed
	}
	for fifo.Counts().All() > 0 || crashOpen(e) > 0 {
		timer := time.NewTimer(time.Millisecond)
		<-timer.C
	}
	stop()
	receivers.Wait()
	crashReport(dir, e)
	must(e.Close(context.Background()))
	must(space.Close())
}

// crashOpen counts what is still to be run or told.
func crashOpen(e *Engine) (n int) {
	for _, fn := range []rouse.FunctionName{"good", "moody", "bad", "shy"} {
		n += e.Queued(fn)
	}
	untold, err := e.Untold(context.Background())
	must(err)
	return n + untold
}

func crashSubmit(dir string, e *Engine, i int) {
	acked := openDiary(dir, "acked")
	for n := 0; ; n++ {
		fn := []rouse.FunctionName{"good", "moody", "bad", "shy"}[rand.IntN(4)]
		r := Request{Ref: rouse.Ref{Name: fn, Qualifier: rouse.Latest}, Payload: bytes.Repeat([]byte("x"), n%50)}
		if n%3 == 0 {
			r.Notify = []byte("true")
		}
		if n%7 == 0 {
			r.Delay = time.Duration(rand.IntN(30)) * time.Second
		}
		j, _, err := e.Submit(context.Background(), r)
		must(err)
		acked.write(j.ID, fn, n%3 == 0)
	}
}

// crashSend numbers the messages of a group of its own. A number that was not
// acknowledged before a kill is sent again.
func crashSend(dir string, qs *queue.Queues, q *queue.Queue, i int) {
	group := fmt.Sprint("group", i)
	n := 0
	for _, line := range readLog(dir, "sent") {
		if line[0] == group {
			n, _ = strconv.Atoi(line[1])
		}
	}
	sent := openDiary(dir, "sent")
	for n++; ; n++ {
		must(qs.Send(context.Background(), q, -1, &queue.Message{Group: group, Body: []byte(strconv.Itoa(n))}))
		sent.write(group, n)
	}
}

func crashReceive(ctx context.Context, dir string, qs *queue.Queues, q *queue.Queue) {
	got := openDiary(dir, "received")
	for {
		ms, err := qs.Receive(ctx, q, 3, 10*time.Minute, time.Hour)
		if ctx.Err() != nil {
			return
		}
		must(err)
		for _, m := range ms {
			got.write(m.Group, string(m.Body))
			if err := qs.DeleteMessage(ctx, q, m.Receipt); err != nil && rouse.CodeOf(err) != rouse.Conflict && ctx.Err() == nil {
				must(err)
			}
		}
	}
}

// crashReport writes down what the engine says of every acknowledged job.
func crashReport(dir string, e *Engine) {
	report := openDiary(dir, "report")
	for _, line := range readLog(dir, "acked") {
		j, err := e.Job(context.Background(), line[0])
		must(err)
		answer, err := e.Payload(context.Background(), j)
		must(err)
		first, _, _ := strings.Cut(string(answer), " ")
		if j.State == rouse.JobFailed && j.Error != nil {
			first = j.Error.Message
		}
		report.write(j.ID, j.State, j.Condition, j.Attempts, "="+first)
	}
}

// checkCrash compares what was acknowledged, executed, told and reported. It
// returns how many jobs were acknowledged.
func checkCrash(t *testing.T, dir string) (jobs int) {
	t.Helper()
	executions := map[string]map[string]bool{} // id → answer → failed
	for _, line := range readLog(dir, "executed") {
		if executions[line[0]] == nil {
			executions[line[0]] = map[string]bool{}
		}
		executions[line[0]][line[2]] = line[3] == "true"
	}
	told := map[string]bool{}
	for _, line := range readLog(dir, "told") {
		told[line[0]+line[1]] = true
	}
	report := map[string][]string{}
	for _, line := range readLog(dir, "report") {
		report[line[0]] = line
	}
	acked := readLog(dir, "acked")
	if len(acked) < 20 {
		t.Errorf("only %d jobs were acknowledged", len(acked))
	}
	for _, line := range acked {
		id, fn, wanted := line[0], line[1], line[2] == "true"
		r := report[id]
		if r == nil {
			t.Errorf("job %s of %s has vanished", id, fn)
			continue
		}
		failed, known := executions[id][strings.TrimPrefix(r[4], "=")]
		switch state := rouse.JobState(r[1]); {
		case len(executions[id]) == 0:
			t.Errorf("job %s of %s was never executed, and is %v", id, fn, r)
		case state == rouse.JobSucceeded && (!known || failed):
			t.Errorf("job %s of %s says %v, executed were %v", id, fn, r, executions[id])
		case state == rouse.JobFailed && r[2] == string(rouse.JobRetriesExhausted) && (!known || !failed || fn == "good"):
			t.Errorf("job %s of %s failed as %v, executed were %v", id, fn, r, executions[id])
		case state != rouse.JobSucceeded && state != rouse.JobFailed:
			t.Errorf("job %s of %s is %v", id, fn, r)
		}
		if wanted && (!told[id+"one"] || !told[id+"two"]) {
			t.Errorf("nobody was told of the end of job %s", id)
		}
	}
	checkGroups(t, dir)
	return len(acked)
}

// checkGroups checks that each group's numbers were first received in order and
// without a gap.
func checkGroups(t *testing.T, dir string) {
	t.Helper()
	last := map[string]int{}
	for _, line := range readLog(dir, "received") {
		n, err := strconv.Atoi(line[1])
		if err != nil || n > last[line[0]]+1 {
			t.Errorf("%s: %s was received after %d", line[0], line[1], last[line[0]])
		}
		last[line[0]] = max(last[line[0]], n)
	}
	for _, line := range readLog(dir, "sent") {
		if n, _ := strconv.Atoi(line[1]); n > last[line[0]] {
			t.Errorf("%s: %d was sent and never received", line[0], n)
		}
	}
	if len(last) == 0 {
		t.Error("no group received anything: " + strings.Join(slices.Collect(maps.Keys(last)), " "))
	}
}
