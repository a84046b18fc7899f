package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

// aws calls an operation of SQS's, or one of Lambda's when target is a path.
func (s *server) aws(method, target, body string, headers ...string) (status int, header http.Header, answer map[string]any) {
	s.t.Helper()
	url := s.url + target
	if !strings.HasPrefix(target, "/") {
		url = s.url + "/"
		headers = append(headers, "X-Amz-Target", "AmazonSQS."+target, "Content-Type", "application/x-amz-json-1.0")
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(b) > 0 {
		if err := json.Unmarshal(b, &answer); err != nil {
			s.t.Fatalf("%s: %s", target, b)
		}
	}
	return resp.StatusCode, resp.Header, answer
}

// message waits for one of a queue's messages.
func (s *server) message(queue string) (body string, attributes map[string]any) {
	s.t.Helper()
	_, _, answer := s.aws("POST", "ReceiveMessage", `{"QueueUrl":"http://x/000000000000/`+queue+`","WaitTimeSeconds":20,"MessageAttributeNames":["All"]}`)
	messages, _ := answer["Messages"].([]any)
	if len(messages) != 1 {
		s.t.Fatalf("queue %s has %v", queue, answer)
	}
	m := messages[0].(map[string]any)
	attributes, _ = m["MessageAttributes"].(map[string]any)
	s.aws("POST", "DeleteMessage", fmt.Sprintf(`{"QueueUrl":"http://x/000000000000/%s","ReceiptHandle":%q}`, queue, m["ReceiptHandle"]))
	return m["Body"].(string), attributes
}

func TestEventsOfLambdasAPIEndInDestinationsAndDeadLetters(t *testing.T) {
	s := serve(t)
	s.deploy("echo")
	for _, queue := range []string{"done", "failed", "dead"} {
		if status, _, answer := s.aws("POST", "CreateQueue", `{"QueueName":"`+queue+`"}`); status != 200 {
			t.Fatalf("%d %v", status, answer)
		}
	}
	const arn = "arn:aws:sqs:us-east-1:000000000000:"
	status, _, answer := s.aws("PUT", "/2019-09-25/functions/echo/event-invoke-config",
		`{"MaximumRetryAttempts":0,"DestinationConfig":{"OnSuccess":{"Destination":"`+arn+`done"},"OnFailure":{"Destination":"`+arn+`failed"}}}`)
	if status != 200 {
		t.Fatalf("%d %v", status, answer)
	}
	if status, _, answer := s.aws("PUT", "/2015-03-31/functions/echo/configuration", `{"DeadLetterConfig":{"TargetArn":"`+arn+`dead"}}`); status != 200 {
		t.Fatalf("%d %v", status, answer)
	}
	event := func(body string) (id string) {
		status, header, answer := s.aws("POST", "/2015-03-31/functions/echo/invocations", body, "X-Amz-Invocation-Type", "Event")
		if status != http.StatusAccepted || answer != nil {
			t.Fatalf("%d %v", status, answer)
		}
		return header.Get("X-Amzn-RequestId")
	}
	record := func(queue string) map[string]any {
		body, _ := s.message(queue)
		var r map[string]any
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	id := event(`{"print":"x"}`)
	good := record("done")
	if c := good["requestContext"].(map[string]any); c["requestId"] != id || c["condition"] != "Success" || c["approximateInvokeCount"] != 1.0 ||
		good["responsePayload"].(map[string]any)["said"] != "x" || good["responseContext"].(map[string]any)["functionError"] != nil {
		t.Errorf("of a success is told %v", good)
	}
	id = event(`{"exit":3}`)
	bad := record("failed")
	payload, _ := bad["responsePayload"].(map[string]any)
	if c := bad["requestContext"].(map[string]any); c["requestId"] != id || c["condition"] != "RetriesExhausted" || c["approximateInvokeCount"] != 1.0 ||
		bad["responseContext"].(map[string]any)["functionError"] != "Unhandled" || payload["errorType"] != "Runtime.ExitError" ||
		payload["errorMessage"] != "RequestId: "+id+" Error: Runtime exited with error: exit status 3" {
		t.Errorf("of a crash is told %v", bad)
	}
	body, attributes := s.message("dead")
	if code, _ := attributes["ErrorCode"].(map[string]any); body != `{"exit":3}` || code["StringValue"] != "200" || code["DataType"] != "Number" ||
		attributes["RequestID"].(map[string]any)["StringValue"] != id || attributes["ErrorMessage"].(map[string]any)["StringValue"] != payload["errorMessage"] {
		t.Errorf("the dead letter is %s with %v", body, attributes)
	}
	if status, _, _ := s.aws("PUT", "/2017-10-31/functions/echo/concurrency", `{"ReservedConcurrentExecutions":0}`); status != 200 {
		t.Fatal(status)
	}
	event(`{}`)
	none := record("failed")
	if c := none["requestContext"].(map[string]any); c["condition"] != "ZeroReservedConcurrency" || c["approximateInvokeCount"] != 0.0 ||
		none["responseContext"] != nil || none["responsePayload"] != nil {
		t.Errorf("of an event that may not run is told %v", none)
	}
}

func TestAWebhookIsToldSignedAndPrivateOnesAreRefused(t *testing.T) {
	got := make(chan *http.Request, 1)
	var body []byte
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		got <- r
	}))
	defer hook.Close()
	s := serve(t)
	s.deploy("echo")
	if r := s.rouse("invoke", "echo", "--async", "--webhook", hook.URL); r.code != exitFailed || !strings.Contains(r.stderr, "private or special address") {
		t.Errorf("without leave: %+v", r)
	}
	if r := s.rouse("scale", "echo", "--webhook", "http://169.254.169.254/latest"); r.code != exitFailed || !strings.Contains(r.stderr, "169.254.169.254") {
		t.Errorf("as a setting: %+v", r)
	}
	if code := s.end(); code != 0 {
		t.Fatal(code)
	}
	s = serveIn(t, s.data, "--webhook-allow", "127.0.0.1")
	id := strings.TrimSpace(s.must("invoke", "echo", "--async", "--webhook", hook.URL, "-d", `{"print":"x"}`))
	r := <-got
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(s.must("jobs", "secret", "echo")), "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%s.%s.%s", r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), body)
	var told struct {
		Type string
		Data rouse.JobView
	}
	if err := json.Unmarshal(body, &told); err != nil {
		t.Fatal(err)
	}
	if r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(h.Sum(nil)) || told.Type != "job.succeeded" || told.Data.RequestID != id || !strings.Contains(string(told.Data.Result), `"said":"x"`) {
		t.Errorf("told %s with %v", body, r.Header)
	}
}

func TestJobsAreFollowedFromTheCommandLine(t *testing.T) {
	s := serve(t)
	s.deploy("echo")
	s.must("scale", "echo", "--max-instances", "1")
	if out := s.must("invoke", "echo", "--async", "--wait", "-d", `{"print":"hello"}`); !strings.Contains(out, `"said":"hello"`) {
		t.Errorf("--wait printed %q", out)
	}
	id := func(poll string) string { return poll[strings.LastIndex(poll, "/")+1:] }
	dead := id(s.later("echo", `{"exit":3}`, "max_attempts=1"))
	if r := s.rouse("jobs", "wait", dead); r.code != exitFailed || !strings.Contains(r.stderr, "failed after 1 attempts") {
		t.Errorf("waiting for one that fails: %+v", r)
	}
	if out := s.must("jobs", "ls", "echo", "--status", "failed"); !strings.Contains(out, dead) || strings.Count(out, "\n") != 2 {
		t.Errorf("failed are\n%s", out)
	}
	s.must("jobs", "pause", "echo")
	waiting := strings.TrimSpace(s.must("invoke", "echo", "--async"))
	s.must("jobs", "retry", dead)
	if out := s.must("jobs", "ls", "--status", "pending", "--json"); !strings.Contains(out, waiting) || !strings.Contains(out, dead) {
		t.Errorf("pending are\n%s", out)
	}
	s.must("jobs", "cancel", waiting)
	if r := s.rouse("jobs", "cancel", waiting); r.code != exitDone {
		t.Errorf("cancelling twice: %+v", r)
	}
	s.must("jobs", "resume", "echo")
	s.jobEnd(s.url + "/jobs/" + dead)
	if out := s.must("jobs", "redrive", "echo"); !strings.HasPrefix(out, "1 jobs of echo run anew") {
		t.Errorf("redrive printed %q", out)
	}
	var j rouse.JobView
	if err := json.Unmarshal([]byte(s.must("jobs", "show", waiting)), &j); err != nil || j.Status != rouse.JobCancelled || j.Condition != rouse.JobWasCancelled {
		t.Errorf("the cancelled one is %+v, %v", j, err)
	}
	for _, args := range [][]string{{"invoke", "echo", "--wait"}, {"invoke", "echo", "--async", "--log"}, {"jobs", "pause", "a b"}, {"jobs", "ls", "--limit", "-1"}} {
		if r := s.rouse(args...); r.code != exitUsage {
			t.Errorf("rouse %s: %+v", strings.Join(args, " "), r)
		}
	}
	if r := s.rouse("jobs", "show", "nothing"); r.code != exitFailed || !strings.Contains(r.stderr, `no job "nothing"`) {
		t.Errorf("one that is not there: %+v", r)
	}
	if r := s.rouse("invoke", "nobody", "--async"); r.code != exitFailed || !strings.Contains(r.stderr, "does not exist") {
		t.Errorf("a job for nobody: %+v", r)
	}
}
