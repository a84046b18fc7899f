package destination

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async"
	"github.com/rousehq/rouse/controller/async/queue"
	"github.com/rousehq/rouse/controller/store/bolt"
)

// victimVar has the test binary work in the folder that it names until it is
// killed; hookVar is the webhook that it tells, drainVar has it work until
// nothing is left. killsVar says how often it is killed; 20 unless it is set.
const (
	victimVar = "ROUSE_TEST_VICTIM"
	hookVar   = "ROUSE_TEST_HOOK"
	drainVar  = "ROUSE_TEST_DRAIN"
	killsVar  = "ROUSE_KILLS"
)

// A process is killed again and again while clients submit and a webhook, queues
// and a function are told of ends. Afterwards everybody has been told of every
// acknowledged job's end, and of no other end than the job says itself.
func TestEverybodyIsToldOfEveryEndHoweverOftenRouseIsKilled(t *testing.T) {
	kills := 20
	if text := os.Getenv(killsVar); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	told := map[string]map[string]bool{} // job → what it was told to have come to
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		var d Delivery
		if rand.IntN(5) == 0 || json.Unmarshal(b, &d) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if told[d.Data.RequestID] == nil {
			told[d.Data.RequestID] = map[string]bool{}
		}
		told[d.Data.RequestID][string(d.Data.Status)+string(d.Data.Result)] = true
	}))
	defer hook.Close()
	jobs := 0
	for done := 0; done < kills; done += 10 {
		dir := t.TempDir()
		for range min(10, kills-done) {
			killOne(t, dir, hook.URL)
		}
		out, err := victimCommand(t, dir, hook.URL, drainVar+"=1").CombinedOutput()
		if err != nil {
			t.Fatalf("draining: %v\n%s", err, out)
		}
		mu.Lock()
		jobs += checkTold(t, dir, told)
		mu.Unlock()
	}
	t.Logf("%d kills, %d jobs acknowledged, all told of", kills, jobs)
}

func victimCommand(t *testing.T, dir, hook string, env ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(append(os.Environ(), victimVar+"="+dir, hookVar+"="+hook), env...)
	return cmd
}

// killOne runs a process until it has acknowledged something, and a little longer.
func killOne(t *testing.T, dir, hook string) {
	t.Helper()
	cmd := victimCommand(t, dir, hook)
	cmd.Stderr = &bytes.Buffer{}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Errorf("the process does nothing: %v\n%s", err, cmd.Stderr)
	}
	delay := time.NewTimer(time.Duration(rand.IntN(150)) * time.Millisecond)
	<-delay.C
	cmd.Process.Kill() //nolint:errcheck // Wait tells
	cmd.Wait()         //nolint:errcheck // it was killed
}

// checkTold compares the drained process' report with what was told.
func checkTold(t *testing.T, dir string, told map[string]map[string]bool) (jobs int) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "report"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		words := strings.Fields(line) // id, state and result, records in queues, dead letters, calls of the function
		if len(words) != 5 {
			t.Fatalf("report: %q", line)
		}
		id, end, records, dead, calls := words[0], words[1], words[2], words[3], words[4]
		jobs++
		if got := told[id]; len(got) != 1 || !got[end] {
			t.Errorf("of job %s, which is %s, the webhook was told %v", id, end, got)
		}
		failed := strings.HasPrefix(end, "failed")
		if (records != "0") != failed || (dead != "0") != failed || (calls == "1") == failed {
			t.Errorf("of job %s, which is %s, %s records, %s dead letters and %s calls tell", id, end, records, dead, calls)
		}
	}
	if jobs < 20 {
		t.Errorf("only %d jobs were acknowledged", jobs)
	}
	return jobs
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

// victim is a process: f tells of its successes to g, and of its failures to two queues.
type victim struct{ *queue.Queues }

func (victim) Function(name rouse.FunctionName) (*rouse.Function, error) {
	fn := &rouse.Function{Name: name}
	if name == "f" {
		fn.Lambda = &rouse.LambdaFunction{Latest: rouse.LambdaVersion{DeadLetter: arns + "dead"}, Async: map[rouse.Qualifier]rouse.LambdaAsync{
			rouse.Latest: {OnSuccess: "arn:aws:lambda:us-east-1:000000000000:function:g", OnFailure: arns + "failed"},
		}}
	}
	return fn, nil
}

func (victim) Invoke(_ context.Context, a async.Attempt) (async.Outcome, error) {
	if a.Request.Ref.Name == "f" && strings.HasSuffix(string(a.Request.Payload), "0") {
		return async.Outcome{Payload: []byte(`{"errorMessage":"boom"}`), Failure: &async.Failure{Code: rouse.FunctionError, Message: "boom"}}, nil
	}
	return async.Outcome{Payload: a.Request.Payload}, nil
}

func (victim) Capacity(rouse.FunctionName) async.Capacity {
	return async.Capacity{Most: 4, Longest: time.Minute}
}

func (v victim) Send(ctx context.Context, name string, body []byte, attributes []Attribute) error {
	q, err := v.Queue(name)
	if err != nil {
		return err
	}
	extras := rouse.MessageExtras{Attributes: map[string]rouse.MessageAttribute{}}
	for _, a := range attributes {
		extras.Attributes[a.Name] = rouse.MessageAttribute{Type: a.Type, Text: a.Value}
	}
	return v.Queues.Send(ctx, q, -1, &queue.Message{Body: body, Attributes: extras.Encode()})
}

func runVictim(dir string) {
	const hurry = 1000 // times as fast as a wall clock
	ctx := context.Background()
	space, err := bolt.OpenSpace(filepath.Join(dir, "events.db"), bolt.SpaceOptions{})
	must(err)
	hooks := NewWebhooks(WebhookOptions{Key: make([]byte, 32), Allow: loopback, Now: time.Now})
	e, err := async.Open(ctx, async.Config{
		Space: space, Dir: filepath.Join(dir, "results"), Clock: queue.NewClock(time.Now(), hurry), Invoker: victim{},
		Ender: func(e *async.Engine) async.Ender {
			return New(Config{Functions: victim{}, Jobs: e, Queues: victim{e.Queues()}, Webhooks: hooks, Place: rouse.DefaultPlace, Now: time.Now})
		},
		// On a busy machine hours of this clock pass.
		Policy:      func(*async.Request) async.Policy { p := async.DefaultPolicy(); p.MaxAge = 0; return p },
		KeepResults: 100_000 * time.Hour, KeepDead: 100_000 * time.Hour, Log: slog.New(slog.DiscardHandler),
	})
	must(err)
	for _, name := range []string{"failed", "dead"} {
		if _, err := e.Queues().Create(ctx, name, queue.Definition{}); rouse.CodeOf(err) != rouse.Conflict {
			must(err)
		}
	}
	if os.Getenv(drainVar) != "" {
		drainVictim(ctx, dir, e)
		must(e.Close(ctx))
		must(space.Close())
		return
	}
	acked, err := os.OpenFile(filepath.Join(dir, "acked"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	must(err)
	notify, err := json.Marshal(rouse.JobNotify{Webhook: os.Getenv(hookVar)})
	must(err)
	for n := 1; ; n++ {
		j, _, err := e.Submit(ctx, rouse.JobRequest{
			Ref: rouse.Ref{Name: "f", Qualifier: rouse.Latest}, Payload: []byte(strconv.Itoa(n)), Notify: notify, MaxAttempts: 2,
		})
		must(err)
		_, err = fmt.Fprintln(acked, j.ID)
		must(err)
		if n == 1 {
			fmt.Println("works")
		}
	}
}

// drainVictim waits until everybody is told, and writes down what queues and
// functions were told of every acknowledged job.
func drainVictim(ctx context.Context, dir string, e *async.Engine) {
	b, err := os.ReadFile(filepath.Join(dir, "acked"))
	must(err)
	ids := strings.Fields(string(b[:bytes.LastIndexByte(b, '\n')+1]))
	for {
		untold, err := e.Untold(ctx)
		must(err)
		if untold+e.Queued("f")+e.Queued("g") == 0 {
			break
		}
		tick := time.NewTimer(5 * time.Millisecond)
		<-tick.C
	}
	seen := map[string]map[string]int{"failed": {}, "dead": {}, "g": {}}
	var jobs []*async.Job
	for f := (async.Filter{Most: 1000}); ; {
		page, next, err := e.List(ctx, f)
		must(err)
		jobs = append(jobs, page...)
		if f.After = next; next == "" {
			break
		}
	}
	for _, j := range jobs {
		if j.Request.Ref.Name == "g" {
			whole, err := e.Job(ctx, j.ID)
			must(err)
			seen["g"][requestOf(whole.Request.Payload)]++
		}
	}
	for _, name := range []string{"failed", "dead"} {
		q, err := e.Queues().Queue(name)
		must(err)
		for q.Counts().All() > 0 {
			ms, err := e.Queues().Receive(ctx, q, 10, 1000*time.Hour, time.Hour)
			must(err)
			for _, m := range ms {
				if name == "dead" {
					seen[name][m.Extras().Attributes["RequestID"].Text]++
				} else {
					seen[name][requestOf(m.Body)]++
				}
				must(e.Queues().DeleteMessage(ctx, q, m.Receipt))
			}
		}
	}
	report, err := os.Create(filepath.Join(dir, "report"))
	must(err)
	for _, id := range ids {
		j, err := e.Job(ctx, id)
		must(err)
		answer, err := e.Payload(ctx, j)
		must(err)
		if j.TellError != "" {
			must(fmt.Errorf("job %s: %s", id, j.TellError))
		}
		_, err = fmt.Fprintln(report, id, string(j.State)+string(answer), seen["failed"][id], seen["dead"][id], seen["g"][id])
		must(err)
	}
	must(report.Close())
}

// requestOf is the job that a record tells of.
func requestOf(b []byte) string {
	var r struct{ RequestContext struct{ RequestID string } }
	if json.Unmarshal(b, &r) != nil {
		return ""
	}
	return r.RequestContext.RequestID
}
