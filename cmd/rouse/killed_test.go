package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

// killsVar says how often rouse serve is killed; 50 unless it is set.
const killsVar = "ROUSE_KILLS"

// rouse serve is killed again and again, also while it starts, while clients
// submit jobs and events, send messages and make schedules, functions run and
// webhooks are told. Afterwards all that was acknowledged was executed at least
// once or is a dead letter with its reason, no job says anything else than what
// was executed, groups of messages kept their order, and of each job that asked
// for it a webhook was told, of the job's end and of no other.
func TestNothingAcknowledgedIsLostHoweverOftenServeIsKilled(t *testing.T) {
	kills := 50
	if text := os.Getenv(killsVar); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	const perFolder = 25
	total := 0
	for done := 0; done < kills; done += perFolder {
		k := newKilling(t)
		k.setUp()
		for range min(perFolder, kills-done) {
			k.live()
		}
		k.drain()
		total += k.check()
		if t.Failed() {
			return
		}
	}
	t.Logf("%d kills, %d acknowledged, none lost", kills, total)
}

// killing is one data folder, with those who know what happened to it.
type killing struct {
	*witness
	t       *testing.T
	data    string
	server  *exec.Cmd
	log     *output
	url     string
	clients []*caller
}

func newKilling(t *testing.T) *killing {
	k := &killing{t: t, data: dataDir(t), witness: newWitness(t)}
	for i := range 4 {
		k.clients = append(k.clients, &caller{killing: k, number: i})
	}
	t.Cleanup(func() {
		if k.server != nil && k.server.ProcessState == nil { // the test failed
			k.server.Process.Kill() //nolint:errcheck // Wait tells
			k.server.Wait()         //nolint:errcheck // it was killed
		}
	})
	return k
}

// start runs rouse serve. address has where it serves, or is closed when it has ended before.
func (k *killing) start() (address <-chan string) {
	k.t.Helper()
	k.log = &output{written: make(chan struct{}, 1)}
	k.server = exec.Command(filepath.Join(built, "rouse"), "serve", "--data", k.data, "--listen", "127.0.0.1:0", "--driver", "process",
		"--webhook-allow", "127.0.0.1")
	k.server.Stderr = k.log
	stdout, err := k.server.StdoutPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	if err := k.server.Start(); err != nil {
		k.t.Fatal(err)
	}
	found := make(chan string, 1)
	go func() {
		defer close(found)
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		if _, url, ok := strings.Cut(line, "serves at "); ok {
			url, _, _ = strings.Cut(url, " ")
			found <- url
		}
	}()
	return found
}

// serve starts rouse serve and waits until it serves.
func (k *killing) serve() *server {
	k.t.Helper()
	if k.url = <-k.start(); k.url == "" {
		k.t.Fatalf("rouse serve ended: %s", k.log)
	}
	return &server{t: k.t, url: k.url, data: k.data, stderr: k.log}
}

func (k *killing) kill() {
	k.t.Helper()
	k.server.Process.Kill() //nolint:errcheck // Wait tells
	if err := k.server.Wait(); k.server.ProcessState.ExitCode() != -1 {
		k.t.Fatalf("rouse serve ended by itself: %v\n%s", err, k.log)
	}
}

// setUp deploys what the clients use.
func (k *killing) setUp() {
	k.t.Helper()
	s := k.serve()
	for name, timeout := range map[string]string{"job": "20s", "worker": "1s"} {
		s.must("deploy", name, "--code", filepath.Join(built, "witnessed.zip"), "--runtime", "provided", "--memory", "64MB",
			"--timeout", timeout, "--max-instances", "3", "--env", "WITNESS="+k.witness.url+"/executed")
	}
	const arn = "arn:aws:sqs:us-east-1:000000000000:"
	for _, attributes := range []string{
		`"QueueName":"dead"`,
		`"QueueName":"work","Attributes":{"VisibilityTimeout":"1","RedrivePolicy":"{\"deadLetterTargetArn\":\"` + arn + `dead\",\"maxReceiveCount\":3}"}`,
		`"QueueName":"order.fifo","Attributes":{"VisibilityTimeout":"1","FifoQueue":"true"}`,
	} {
		if status, _, answer := s.aws("POST", "CreateQueue", "{"+attributes+"}"); status != http.StatusOK {
			k.t.Fatalf("%s: %d %v", attributes, status, answer)
		}
	}
	for _, queue := range []string{"work", "order.fifo"} {
		status, _, answer := s.aws("POST", "/2015-03-31/event-source-mappings",
			`{"FunctionName":"worker","EventSourceArn":"`+arn+queue+`","BatchSize":3,"FunctionResponseTypes":["ReportBatchItemFailures"]}`)
		if status != http.StatusAccepted {
			k.t.Fatalf("%s: %d %v", queue, status, answer)
		}
	}
	k.kill()
}

// live is one life of rouse serve: a random while after it began to serve, or
// while it starts.
func (k *killing) live() {
	k.t.Helper()
	address := k.start()
	if rand.IntN(4) == 0 {
		pause(rand.IntN(80))
		k.kill()
		return
	}
	if k.url = <-address; k.url == "" {
		k.t.Fatalf("rouse serve ended: %s", k.log)
	}
	ctx, end := context.WithCancel(k.t.Context())
	var busy sync.WaitGroup
	for _, c := range k.clients {
		busy.Go(func() { c.live(ctx, k.url) })
	}
	pause(20 + rand.IntN(250))
	k.kill()
	end()
	busy.Wait()
}

// pause is until a moment to kill at, which is no event.
func pause(milliseconds int) {
	timer := time.NewTimer(time.Duration(milliseconds) * time.Millisecond)
	<-timer.C
}

// drain waits until all that was acknowledged has come to its end.
func (k *killing) drain() {
	k.t.Helper()
	s := k.serve()
	deadline := time.Now().Add(2 * patience)
	for id := range k.jobs {
		for !k.job(id, 5).Status.Done() && time.Now().Before(deadline) {
		}
	}
	until(k.t, "the queues are empty", func() bool {
		left := ""
		for _, queue := range []string{"work", "order.fifo"} {
			_, _, answer := s.aws("POST", "GetQueueAttributes", `{"QueueUrl":"http://x/000000000000/`+queue+`","AttributeNames":["All"]}`)
			attributes, _ := answer["Attributes"].(map[string]any)
			left += fmt.Sprint(attributes["ApproximateNumberOfMessages"], attributes["ApproximateNumberOfMessagesNotVisible"])
		}
		return left == "0000"
	})
	until(k.t, "all webhooks are told", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		for id, j := range k.jobs {
			if j.hooked && k.told[id] == nil {
				return false
			}
		}
		return true
	})
	until(k.t, "all schedules have run", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		for name := range k.schedules {
			if k.bodies[name] == 0 {
				return false
			}
		}
		return true
	})
	for {
		_, _, answer := s.aws("POST", "ReceiveMessage", `{"QueueUrl":"http://x/000000000000/dead","MaxNumberOfMessages":10}`)
		messages, _ := answer["Messages"].([]any)
		if len(messages) == 0 {
			break
		}
		for _, m := range messages {
			k.dead[m.(map[string]any)["Body"].(string)] = true
		}
	}
}

// job is what Rouse says of a job once it has ended, or after so many seconds.
func (k *killing) job(id string, wait int) *rouse.JobView {
	k.t.Helper()
	r, err := http.NewRequestWithContext(k.t.Context(), http.MethodGet, k.url+"/jobs/"+id, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	r.Header.Set("Prefer", fmt.Sprint("wait=", wait))
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		k.t.Fatalf("job %s: %v\n%s", id, err, k.log)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	var j rouse.JobView
	if err := json.Unmarshal(b, &j); err != nil || res.StatusCode != http.StatusOK {
		k.t.Errorf("job %s has vanished: %d %s", id, res.StatusCode, b)
		j.Status = rouse.JobCancelled
	}
	return &j
}

// check compares what was acknowledged, executed, told and is said. It returns
// how much was acknowledged.
func (k *killing) check() int {
	k.t.Helper()
	for id, sent := range k.jobs {
		k.checkJob(id, sent)
	}
	for body := range k.messages {
		if poison := strings.HasPrefix(body, "poison"); k.bodies[body] == 0 && !k.dead[body] || poison && !k.dead[body] {
			k.t.Errorf("message %q was executed %d times, and is a dead letter: %v", body, k.bodies[body], k.dead[body])
		}
	}
	for group, last := range k.ordered {
		if k.groups[group] < last {
			k.t.Errorf("%s: %d was acknowledged, and %d is the last that was executed", group, last, k.groups[group])
		}
	}
	n := len(k.jobs) + len(k.messages) + len(k.schedules)
	if len(k.jobs) < 20 || len(k.messages) < 20 || len(k.ordered) == 0 || len(k.schedules) == 0 {
		k.t.Errorf("acknowledged were only %d jobs, %d messages, %v of groups, %d schedules", len(k.jobs), len(k.messages), k.ordered, len(k.schedules))
	}
	if err := k.server.Process.Signal(unix.SIGTERM); err != nil {
		k.t.Error(err)
	}
	if err := k.server.Wait(); err != nil {
		k.t.Errorf("%v\n%s", err, k.log)
	}
	nothingLeft(k.t, k.data)
	return n
}

func (k *killing) checkJob(id string, sent sentJob) {
	k.t.Helper()
	j := k.job(id, 0)
	var result struct {
		Answer string `json:"answer"`
	}
	_ = json.Unmarshal(j.Result, &result) // a failed one has another form
	if j.Status == rouse.JobFailed && j.Error != nil {
		result.Answer = j.Error.Message
	}
	failed, known := k.executions[id][result.Answer]
	if want := map[bool]rouse.JobState{false: rouse.JobSucceeded, true: rouse.JobFailed}[sent.fails]; j.Status != want || !known || failed != sent.fails {
		k.t.Errorf("job %s is %s (%s) after %d attempts with %s, error %+v; executed were %v", id, j.Status, j.Condition, j.Attempts, j.Result, j.Error, k.executions[id])
	}
	end := string(j.Status) + " " + result.Answer
	if told := k.told[id]; sent.hooked && (len(told) != 1 || told[end] == 0) {
		k.t.Errorf("of job %s, which is %q, a webhook was told %v", id, end, told)
	}
	// One that was told before a kill may be told once more, and not hear at first.
	until(k.t, "the webhook of job "+id+" is told", func() bool { return j.Untold == "" || k.job(id, 0).Untold == "" })
}
