package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// insider is the platform's endpoint as an instance of a function has it.
func insider(t *testing.T, s *server) (own *server, token string) {
	t.Helper()
	code := tree(t, map[string]string{"app.py": "import os\ndef handler(event, context): return {'env': {k: v for k, v in os.environ.items() if k.startswith('AWS_')}, 'event': event}"})
	s.must("deploy", "f", "--code", code, "--runtime", "python3.11", "--handler", "app.handler")
	var answer struct{ Env map[string]string }
	if err := json.Unmarshal([]byte(s.must("invoke", "f")), &answer); err != nil {
		t.Fatal(err)
	}
	return &server{t: t, url: answer.Env["AWS_ENDPOINT_URL"]}, answer.Env["AWS_SESSION_TOKEN"]
}

func TestFunctionsChangeNoQueuesHoweverTheyAsk(t *testing.T) {
	s := serve(t)
	own, token := insider(t, s)
	const signed = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=x"
	for _, target := range []string{"AmazonSQS.CreateQueue", "CreateQueue", ".CreateQueue", "amazonsqs.CreateQueue", "AmazonSQS.AmazonSQS.CreateQueue"} {
		status, body := own.knock("POST", "/", `{"QueueName": "q"}`, "Authorization", signed, "X-Amz-Security-Token", token, "X-Amz-Target", target)
		if status == 200 {
			t.Errorf("%s: %d %s", target, status, body)
		}
	}
	if status, body := s.knock("POST", "/", `{}`, "X-Amz-Target", "AmazonSQS.ListQueues"); status != 200 || strings.Contains(body, "/q") {
		t.Errorf("a queue was made: %d %s", status, body)
	}
	if status, body := own.knock("POST", "/", `{}`, "Authorization", signed, "X-Amz-Security-Token", token, "X-Amz-Target", "AmazonSQS.ListQueues"); status != 200 {
		t.Errorf("looking at queues: %d %s", status, body)
	}
}

// A webhook is a request to the internet, which a function without a network
// must not be able to have made for it.
func TestFunctionsNameNoWebhooks(t *testing.T) {
	s := serve(t)
	own, token := insider(t, s)
	status, body := own.knock("POST", "/fn/f/", "{}", "Authorization", "Bearer "+token, "Prefer", "respond-async", "Webhook-Url", "https://example.com/")
	if status != 403 || !strings.Contains(body, `"denied"`) || !strings.Contains(body, "webhook") {
		t.Errorf("got %d %s", status, body)
	}
	if status, body = own.knock("POST", "/fn/f/", "{}", "Authorization", "Bearer "+token, "Prefer", "respond-async"); status != 202 {
		t.Errorf("a job without one: %d %s", status, body)
	}
}

func TestAFunctionsTokenStaysWithIt(t *testing.T) {
	s := serve(t)
	own, token := insider(t, s)
	for _, header := range [][]string{{"Authorization", "Bearer " + token}, {"X-Amz-Security-Token", token}} {
		status, body := own.knock("POST", "/fn/f/", "{}", header...)
		var answer struct{ Event json.RawMessage }
		if err := json.Unmarshal([]byte(body), &answer); err != nil || status != 200 {
			t.Fatalf("%d %s: %v", status, body, err)
		}
		if strings.Contains(string(answer.Event), token) {
			t.Errorf("the function that was called with %s is told it", header[0])
		}
	}
}

func TestFunctionsDoNotReadWhatOthersPrint(t *testing.T) {
	s := serve(t)
	own, token := insider(t, s)
	const ask, target = `{"logGroupName": "/aws/lambda/f"}`, "Logs_20140328.FilterLogEvents"
	if status, body := s.knock("POST", "/", ask, "X-Amz-Target", target); status != 200 || !strings.Contains(body, "START RequestId") {
		t.Errorf("from outside: %d %s", status, body)
	}
	for _, signed := range []string{"", "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/logs/aws4_request, SignedHeaders=host, Signature=x"} {
		status, body := own.knock("POST", "/", ask, "Authorization", signed, "X-Amz-Security-Token", token, "X-Amz-Target", target)
		if status != 501 || !strings.Contains(body, "Rouse has no logs") {
			t.Errorf("from inside, signed %q: %d %s", signed, status, body)
		}
	}
}
