package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

// witness knows what was acknowledged, executed and told.
type witness struct {
	t   *testing.T
	url string

	mu         sync.Mutex
	jobs       map[string]sentJob         // acknowledged, by id
	numbers    map[int]string             // the id of each job of a client
	messages   map[string]bool            // acknowledged, by body
	ordered    map[string]int             // the last one acknowledged of each group
	schedules  map[string]bool            // acknowledged, by name
	executions map[string]map[string]bool // request id → answer → whether it failed
	bodies     map[string]int             // how often a message or schedule was executed
	groups     map[string]int             // the highest number executed of each group
	dead       map[string]bool            // bodies of dead letters
	told       map[string]map[string]int  // job → what a webhook was told of it
}

type sentJob struct{ fails, hooked bool }

func newWitness(t *testing.T) *witness {
	w := &witness{
		t: t, jobs: map[string]sentJob{}, numbers: map[int]string{}, messages: map[string]bool{}, ordered: map[string]int{}, schedules: map[string]bool{},
		executions: map[string]map[string]bool{}, bodies: map[string]int{}, groups: map[string]int{}, dead: map[string]bool{}, told: map[string]map[string]int{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/executed", w.executed)
	mux.HandleFunc("/hook", w.hook)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	w.url = s.URL
	return w
}

// executed is told by functions, before they answer.
func (w *witness) executed(_ http.ResponseWriter, r *http.Request) {
	var e struct {
		ID, Answer string
		Fails      bool
		Event      struct {
			Schedule string
			Records  []struct{ Body string }
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		return // its sender was killed
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.executions[e.ID] == nil {
		w.executions[e.ID] = map[string]bool{}
	}
	w.executions[e.ID][e.Answer] = e.Fails
	if e.Event.Schedule != "" {
		w.bodies[e.Event.Schedule]++
	}
	for _, m := range e.Event.Records {
		w.bodies[m.Body]++
		group, number, ok := strings.Cut(m.Body, " ")
		if n, err := strconv.Atoi(number); ok && err == nil {
			if n > w.groups[group]+1 {
				w.t.Errorf("%s: %d was executed after %d", group, n, w.groups[group])
			}
			w.groups[group] = max(w.groups[group], n)
		}
	}
}

// hook is told of the ends of jobs, and does not always want to hear.
func (w *witness) hook(rw http.ResponseWriter, r *http.Request) {
	var d struct{ Data rouse.JobView }
	if rand.IntN(10) == 0 || json.NewDecoder(r.Body).Decode(&d) != nil {
		rw.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	answer := ""
	if d.Data.Error != nil {
		answer = d.Data.Error.Message
	} else {
		var result struct {
			Answer string `json:"answer"`
		}
		_ = json.Unmarshal(d.Data.Result, &result) // then it is none of the function's
		answer = result.Answer
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.told[d.Data.RequestID] == nil {
		w.told[d.Data.RequestID] = map[string]int{}
	}
	w.told[d.Data.RequestID][string(d.Data.Status)+" "+answer]++
}

// caller submits, sends and schedules until rouse serve is killed. What was not
// acknowledged it asks for again in the next life, in words that make that harmless.
type caller struct {
	*killing
	number       int
	jobsDone     int // acknowledged
	sentInOrder  int // the last acknowledged of its group
	messagesSent int
}

// mostPerLife bounds what a client asks for, so that draining does not take long.
const mostPerLife = 10

func (c *caller) live(ctx context.Context, url string) {
	for i := range mostPerLife {
		if i == 0 && c.number == 0 && !c.schedule(ctx, url) || !c.submit(ctx, url) || !c.event(ctx, url) || !c.send(ctx, url) {
			return
		}
	}
}

// ask is false when there was no answer, or none that acknowledges.
func (c *caller) ask(ctx context.Context, url, body string, headers ...string) (answer []byte, header http.Header, ok bool) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		c.t.Error(err)
		return nil, nil, false
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, nil, false
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	if err != nil {
		return nil, nil, false
	}
	if res.StatusCode >= 300 && res.StatusCode != http.StatusServiceUnavailable {
		c.t.Errorf("%s %s: %d %s", url, body, res.StatusCode, answer)
	}
	return answer, res.Header, res.StatusCode < 300
}

// submit hands in a job with a key. However often that is tried, it is one job.
func (c *caller) submit(ctx context.Context, url string) bool {
	n := (c.jobsDone+1)*len(c.clients) + c.number
	sent := sentJob{fails: c.jobsDone%5 == 0, hooked: c.jobsDone%2 == 0}
	query := "?max_attempts=1"
	if !sent.fails {
		query = "?max_attempts=3"
	}
	if sent.hooked {
		query += "&webhook_url=" + c.witness.url + "/hook"
	}
	answer, _, ok := c.ask(ctx, url+"/api/v1/functions/job/jobs"+query, fmt.Sprintf(`{"n":%d,"fails":%v}`, n, sent.fails), "Idempotency-Key", fmt.Sprint("job-", n))
	if !ok {
		return false
	}
	var j rouse.JobAccepted
	if err := json.Unmarshal(answer, &j); err != nil {
		c.t.Errorf("a job: %s", answer)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if before := c.numbers[n]; before != "" && before != j.RequestID {
		c.t.Errorf("job %d is both %s and %s", n, before, j.RequestID)
	}
	c.jobs[j.RequestID], c.numbers[n] = sent, j.RequestID
	c.jobsDone++
	return true
}

// event invokes a function asynchronously, as Lambda's clients do.
func (c *caller) event(ctx context.Context, url string) bool {
	_, header, ok := c.ask(ctx, url+"/2015-03-31/functions/job/invocations", `{"n":1}`, "X-Amz-Invocation-Type", "Event")
	if ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.jobs[header.Get("X-Amzn-RequestId")] = sentJob{}
	}
	return ok
}

// send sends a message to either queue. One of a group is sent again with its
// number until it is acknowledged.
func (c *caller) send(ctx context.Context, url string) bool {
	c.messagesSent++
	body := fmt.Sprintf("message-%d-%d", c.number, c.messagesSent)
	if c.messagesSent%20 == 7 {
		body = "poison-" + body
	}
	const target, queues = "AmazonSQS.SendMessage", `{"QueueUrl":"http://x/000000000000/`
	if _, _, ok := c.ask(ctx, url, queues+`work","MessageBody":"`+body+`"}`, "X-Amz-Target", target); !ok {
		return false
	}
	c.mu.Lock()
	c.messages[body] = true
	c.mu.Unlock()
	group, n := fmt.Sprint("group", c.number), c.sentInOrder+1
	_, _, ok := c.ask(ctx, url, fmt.Sprintf(queues+`order.fifo","MessageBody":"%s %d","MessageGroupId":"%s","MessageDeduplicationId":"%s-%d"}`, group, n, group, group, n),
		"X-Amz-Target", target)
	if ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sentInOrder = n
		c.ordered[group] = n
	}
	return ok
}

// schedule has a function run once, in a moment, at which Rouse may be down.
func (c *caller) schedule(ctx context.Context, url string) bool {
	name := fmt.Sprintf("at-%d", time.Now().UnixNano())
	b, err := json.Marshal(rouse.Schedule{
		Name: name, Function: "job", When: "at(" + time.Now().Add(3*time.Second).UTC().Format("2006-01-02T15:04:05") + ")",
		Payload: json.RawMessage(`{"schedule":"` + name + `"}`), Missed: rouse.MissedOnce, MissedWithin: rouse.Duration(time.Hour),
	})
	if err != nil {
		c.t.Error(err)
	}
	_, _, ok := c.ask(ctx, url+"/api/v1/schedules", string(b), "Content-Type", "application/json")
	if ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.schedules[name] = true
	}
	return ok
}
