package destination

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async"
)

// world is all that a teller needs: functions, jobs and queues.
type world struct {
	fns    map[rouse.FunctionName]*rouse.Function
	jobs   []rouse.JobRequest
	queues map[string][]string
	last   []Attribute
}

func (w *world) Function(name rouse.FunctionName) (*rouse.Function, error) {
	if fn := w.fns[name]; fn != nil {
		return fn, nil
	}
	return nil, rouse.Errorf(rouse.NotFound, "no function")
}

func (w *world) Submit(_ context.Context, r rouse.JobRequest) (*rouse.Job, bool, error) {
	for _, earlier := range w.jobs {
		if earlier.Key == r.Key && string(earlier.Payload) != string(r.Payload) {
			return nil, false, rouse.Errorf(rouse.Conflict, "the key was used for another request")
		}
	}
	w.jobs = append(w.jobs, r)
	return &rouse.Job{}, true, nil
}

func (w *world) Send(_ context.Context, name string, body []byte, attributes []Attribute) error {
	if _, ok := w.queues[name]; !ok {
		return rouse.Errorf(rouse.NotFound, "no queue")
	}
	w.queues[name], w.last = append(w.queues[name], string(body)), attributes
	return nil
}

const arns = "arn:aws:sqs:us-east-1:000000000000:"

func newTeller(t *testing.T, in rouse.LambdaAsync, dead string) (*world, *Teller) {
	t.Helper()
	w := &world{queues: map[string][]string{"done": nil, "failed": nil, "dead": nil}, fns: map[rouse.FunctionName]*rouse.Function{
		"g": {Name: "g"},
		"f": {Name: "f", Lambda: &rouse.LambdaFunction{
			Latest: rouse.LambdaVersion{DeadLetter: dead}, Async: map[rouse.Qualifier]rouse.LambdaAsync{rouse.Latest: in},
		}},
	}}
	now := func() time.Time { return time.Date(2024, 5, 6, 7, 8, 9, 123_000_000, time.UTC) }
	return w, New(Config{Functions: w, Jobs: w, Queues: w, Webhooks: sender(t, WebhookOptions{Allow: loopback}), Place: rouse.DefaultPlace, Now: now})
}

// end is the end of a job of f.
func end(c rouse.JobCondition, attempts int, answer string) async.End {
	j := &rouse.Job{ID: "id-1", Request: rouse.JobRequest{Ref: rouse.Ref{Name: "f"}, Payload: []byte(`{"in":1}`)}}
	j.Condition, j.Attempts, j.State = c, attempts, rouse.JobFailed
	switch c {
	case rouse.JobSuccess:
		j.State = rouse.JobSucceeded
	case rouse.JobEventAgeExceeded:
		j.State = rouse.JobExpired
	}
	if answer != "" {
		j.Result = &rouse.JobResult{Size: len(answer), Version: "3"}
	}
	j.Error = &rouse.JobFailure{Message: "the platform's words"}
	return async.End{Job: j, Answer: func() ([]byte, error) { return []byte(answer), nil }}
}

// tell tells everybody who wants to know.
func tell(t *testing.T, teller *Teller, e async.End) {
	t.Helper()
	for _, e.Target = range teller.Wants(e.Job) {
		if err := teller.Ended(t.Context(), e); err != nil {
			t.Errorf("%s: %v", e.Target, err)
		}
	}
}

// The records are AWS's to the letter.
func TestADestinationGetsTheRecordThatAWSSends(t *testing.T) {
	const head = `{"version":"1.0","timestamp":"2024-05-06T07:08:09.123Z","requestContext":{"requestId":"id-1","functionArn":"arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",`
	w, teller := newTeller(t, rouse.LambdaAsync{OnSuccess: arns + "done", OnFailure: arns + "failed"}, "")
	tell(t, teller, end(rouse.JobSuccess, 1, `{"out":"<2>"}`))
	want := head + `"condition":"Success","approximateInvokeCount":1},"requestPayload":{"in":1},"responseContext":{"statusCode":200,"executedVersion":"3"},"responsePayload":{"out":"<2>"}}`
	if got := w.queues["done"]; len(got) != 1 || got[0] != want {
		t.Errorf("success:\n%s\nwant\n%s", got, want)
	}
	tell(t, teller, end(rouse.JobRetriesExhausted, 3, `{"errorMessage":"boom"}`))
	tell(t, teller, end(rouse.JobEventAgeExceeded, 1, `{"errorMessage":"boom"}`))
	tell(t, teller, end(rouse.JobZeroReservedConcurrency, 0, ""))
	const response = `,"responseContext":{"statusCode":200,"executedVersion":"3","functionError":"Unhandled"},"responsePayload":{"errorMessage":"boom"}}`
	for i, want := range []string{
		head + `"condition":"RetriesExhausted","approximateInvokeCount":3},"requestPayload":{"in":1}` + response,
		head + `"condition":"EventAgeExceeded","approximateInvokeCount":1},"requestPayload":{"in":1}` + response,
		head + `"condition":"ZeroReservedConcurrency","approximateInvokeCount":0},"requestPayload":{"in":1}}`,
	} {
		if got := w.queues["failed"]; len(got) != 3 || got[i] != want {
			t.Errorf("failure %d:\n%s\nwant\n%s", i, got, want)
		}
	}
}

func TestADeadLetterIsTheEventWithWhyItWasGivenUp(t *testing.T) {
	w, teller := newTeller(t, rouse.LambdaAsync{}, arns+"dead")
	for _, c := range []struct {
		e             async.End
		code, message string
	}{
		{end(rouse.JobRetriesExhausted, 3, `{"errorMessage":"boom"}`), "200", "boom"},
		{end(rouse.JobRetriesExhausted, 3, `{"errorMessage":"`+strings.Repeat("x", 2000)+`"}`), "200", strings.Repeat("x", 1024)},
		{end(rouse.JobRetriesExhausted, 3, `{"errorMessage":"`+strings.Repeat("日", 1000)+`"}`), "200", strings.Repeat("日", 1024/3)},
		{end(rouse.JobEventAgeExceeded, 0, ""), "200", "the platform's words"},
		{end(rouse.JobZeroReservedConcurrency, 0, ""), "429", "Rate Exceeded."},
	} {
		before := len(w.queues["dead"])
		tell(t, teller, c.e)
		want := []Attribute{{"RequestID", "String", "id-1"}, {"ErrorCode", "Number", c.code}, {"ErrorMessage", "String", c.message}}
		if got := w.queues["dead"]; len(got) != before+1 || got[before] != `{"in":1}` || len(w.last) != 3 || w.last[0] != want[0] || w.last[1] != want[1] || w.last[2] != want[2] {
			t.Errorf("%s: %v with %v", c.e.Job.Condition, got, w.last)
		}
	}
	tell(t, teller, end(rouse.JobSuccess, 1, "{}"))
	if n := len(w.queues["dead"]); n != 5 {
		t.Errorf("%d dead letters after a success", n)
	}
}

func TestARecordCallsAFunctionOnceAndNotForEverInACircle(t *testing.T) {
	w, teller := newTeller(t, rouse.LambdaAsync{OnSuccess: "arn:aws:lambda:us-east-1:000000000000:function:g"}, "")
	e := end(rouse.JobSuccess, 1, "{}")
	e.Target = targetDestination
	for range 2 {
		if err := teller.Ended(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := w.jobs[0], w.jobs[1]; a.Key == "" || a.Key != b.Key || a.Ref.Name != "g" || a.Hops != 1 || !json.Valid(a.Payload) {
		t.Errorf("submitted %+v, %+v", a, b)
	}
	// A restarted Rouse tells again, at a later time, what it does not know to have told.
	teller.cfg.Now = time.Now
	if err := teller.Ended(t.Context(), e); err != nil || len(w.jobs) != 2 {
		t.Errorf("told once more: %v, %d submitted", err, len(w.jobs))
	}
	e.Job.Request.Hops = mostHops
	if err := teller.Ended(t.Context(), e); rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), "circle") {
		t.Errorf("after %d hops: %v", mostHops, err)
	}
	w.fns["g"].Lambda = &rouse.LambdaFunction{Recursive: true}
	if err := teller.Ended(t.Context(), e); err != nil {
		t.Errorf("where that is wanted: %v", err)
	}
}

func TestAWebhookGetsTheJobOrALinkToItsAnswer(t *testing.T) {
	w, teller := newTeller(t, rouse.LambdaAsync{}, "")
	own, ofFunction := receive(t, status(200)), receive(t, status(200))
	w.fns["f"].Settings.Webhook = ofFunction.URL
	for answer, want := range map[string]string{
		`{"a":1}`: `{"a":1}`, "text": `"text"`, "\xff\xfe": "", `"` + strings.Repeat("x", 70_000) + `"`: "",
	} {
		e := end(rouse.JobSuccess, 1, answer)
		e.Job.Request.Notify, _ = json.Marshal(rouse.JobNotify{Webhook: own.URL, Base: "https://rouse.example"})
		tell(t, teller, e)
		for name, r := range map[string]*receiver{"own": own, "the function's": ofFunction} {
			var got Delivery
			if err := json.Unmarshal(r.body, &got); err != nil {
				t.Fatal(err)
			}
			url := ""
			if want == "" {
				url = "https://rouse.example/jobs/id-1/result"
			}
			if got.Type != "job.succeeded" || got.Data.RequestID != "id-1" || string(got.Data.Result) != want || got.Data.ResultURL != url {
				t.Errorf("%s: %.80s is told as %+v", name, answer, got.Data)
			}
		}
	}
	cancelled := end(rouse.JobWasCancelled, 0, "")
	cancelled.Job.State = rouse.JobCancelled
	if targets := teller.Wants(cancelled.Job); len(targets) != 1 || targets[0] != targetFunction {
		t.Errorf("of a cancelled job are told %v", targets)
	}
}
