package lambdaapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

const invocations = "/2015-03-31/functions/f/invocations"

func TestAnEventIsAcknowledgedWithoutWaitingForAnInstance(t *testing.T) {
	w := newWorld()
	w.acquire = rouse.Errorf(rouse.Throttled, "busy")
	h := w.api()
	r := call(h, http.MethodPost, invocations, `{"n":1}`, "X-Amz-Invocation-Type", "Event", "X-Amzn-Trace-Id", "Root=1-2-3")
	if r.Code != http.StatusAccepted || r.Body.Len() != 0 || r.Header().Get("X-Amzn-RequestId") != laterID || r.Header().Get("X-Amz-Executed-Version") != "" {
		t.Errorf("%d %v %q", r.Code, r.Header(), r.Body)
	}
	got := w.later[0]
	if string(got.Payload) != `{"n":1}` || got.Ref.Name != "f" || got.Source != "lambda" || !strings.HasPrefix(got.TraceID, "Root=1-2-3;Lineage=") ||
		got.ARN != "arn:aws:lambda:us-east-1:000000000000:function:f" {
		t.Errorf("submitted %+v", got)
	}
	if r := call(h, http.MethodPost, "/2014-11-13/functions/f/invoke-async/", `{"n":2}`); r.Code != http.StatusAccepted || string(w.later[1].Payload) != `{"n":2}` {
		t.Errorf("InvokeAsync: %d %s", r.Code, r.Body)
	}
}

func TestAnEventThatCannotBeKeptIsRefused(t *testing.T) {
	w := newWorld()
	h := w.api()
	for _, c := range []struct {
		path, body, kind string
		status           int
		says             string
	}{
		{invocations, `{`, "Event", 400, "Could not parse payload into json"},
		{invocations, `"` + strings.Repeat("x", maxLater) + `"`, "Event", 413, "1048578 byte payload is too large for the Event invocation type (limit 1048576 bytes)"},
		{strings.Replace(invocations, "/f/", "/g/", 1), `{}`, "Event", 404, "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g"},
		{invocations, `{}`, "event", 400, "Member must satisfy enum value set: [Event, RequestResponse, DryRun]"},
	} {
		r := call(h, http.MethodPost, c.path, c.body, "X-Amz-Invocation-Type", c.kind)
		if r.Code != c.status || !strings.Contains(r.Body.String(), c.says) {
			t.Errorf("%.20s: %d %s", c.body, r.Code, r.Body)
		}
	}
	if len(w.later) != 0 {
		t.Errorf("submitted %+v", w.later)
	}
}

const configPath = "/2019-09-25/functions/f/event-invoke-config"

func fields(t *testing.T, body string) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return m
}

func TestAnEventInvokeConfigIsPutChangedListedAndDeleted(t *testing.T) {
	w := newWorld()
	h := w.api()
	const queue, hook = "arn:aws:sqs:us-east-1:000000000000:done", "https://example.com/failed"
	r := call(h, http.MethodPut, configPath, `{"MaximumRetryAttempts":0,"DestinationConfig":{"OnSuccess":{"Destination":"`+queue+`"},"OnFailure":{"Destination":"`+hook+`"}}}`)
	got := fields(t, r.Body.String())
	if r.Code != 200 || got["MaximumRetryAttempts"] != 0.0 || got["MaximumEventAgeInSeconds"] != nil || got["LastModified"].(float64) < 1e9 ||
		got["FunctionArn"] != "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST" {
		t.Errorf("put: %d %v", r.Code, got)
	}
	r = call(h, http.MethodPost, configPath, `{"MaximumEventAgeInSeconds":60}`)
	if got = fields(t, r.Body.String()); r.Code != 200 || got["MaximumEventAgeInSeconds"] != 60.0 || got["MaximumRetryAttempts"] != 0.0 {
		t.Errorf("update keeps the rest: %d %v", r.Code, got)
	}
	fn, _ := w.Function("f")
	if in := fn.Lambda.Async[rouse.Latest]; in.OnSuccess != queue || in.OnFailure != hook || *in.Retries != 0 || *in.MaxAge != 60 {
		t.Errorf("kept is %+v", in)
	}
	r = call(h, http.MethodGet, configPath+"/list", "")
	if list := fields(t, r.Body.String())["FunctionEventInvokeConfigs"].([]any); len(list) != 1 {
		t.Errorf("list: %s", r.Body)
	}
	r = call(h, http.MethodPut, configPath, `{"MaximumRetryAttempts":1}`)
	if !strings.Contains(r.Body.String(), `"DestinationConfig":{"OnSuccess":{},"OnFailure":{}}`) || strings.Contains(r.Body.String(), "Age") {
		t.Errorf("put replaces: %s", r.Body)
	}
	if r = call(h, http.MethodDelete, configPath, ""); r.Code != http.StatusNoContent {
		t.Errorf("delete: %d %s", r.Code, r.Body)
	}
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		r = call(h, method, configPath, "")
		if r.Code != 404 || !strings.Contains(r.Body.String(), "The function arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST doesn't have an EventInvokeConfig") {
			t.Errorf("%s what is gone: %d %s", method, r.Code, r.Body)
		}
	}
}

func TestAnEventInvokeConfigThatCouldNotWorkIsRefused(t *testing.T) {
	w := newWorld()
	h := w.api()
	to := func(arn string) string { return `{"DestinationConfig":{"OnSuccess":{"Destination":"` + arn + `"}}}` }
	for body, says := range map[string]string{
		`{}`:                              "You must specify at least one of error handling or destination setting.",
		`{"MaximumRetryAttempts":3}`:      "Member must have value less than or equal to 2",
		`{"MaximumRetryAttempts":-1}`:     "Member must have value greater than or equal to 0",
		`{"MaximumEventAgeInSeconds":59}`: "Member must have value greater than or equal to 60",
		to("arn:aws:lambda:us-east-1:000000000000:function:f"):     "You can't specify the function as a destination for itself.",
		to("arn:aws:lambda:us-east-1:000000000000:function:other"): "The destination ARN arn:aws:lambda:us-east-1:000000000000:function:other is invalid.",
		to("arn:aws:lambda:us-east-1:000000000000:function:f:7"):   "You can't specify the function as a destination for itself.",
		to("arn:aws:sqs:us-east-1:000000000000:nobody"):            "The destination ARN arn:aws:sqs:us-east-1:000000000000:nobody is invalid.",
		to("arn:aws:sqs:us-east-1:000000000000:x.fifo"):            "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=arn:aws:sqs:us-east-1:000000000000:x.fifo), onFailure=null) is invalid.",
		to("arn:aws:sns:us-east-1:000000000000:topic"):             "is not available in Rouse",
		to("ftp://example.com"):                                    "Member must satisfy regular expression pattern",
		to("https://10.0.0.1/x"):                                   "private",
		to("kafka://some-thing"):                                   "is not available in Rouse",
	} {
		r := call(h, http.MethodPut, configPath, body)
		if r.Code != 400 || !strings.Contains(r.Body.String(), says) {
			t.Errorf("%s: %d %s", body, r.Code, r.Body)
		}
	}
	if r := call(h, http.MethodPut, configPath, `{"MaximumRetryAttempts":1}`); r.Code != 200 {
		t.Errorf("%d %s", r.Code, r.Body)
	}
	for _, side := range []string{"OnSuccess", "OnFailure"} {
		r := call(h, http.MethodPost, configPath, `{"DestinationConfig":{"`+side+`":{"Destination":"arn:aws:sqs:us-east-1:000000000000:nobody"}}}`)
		if r.Code != 400 || !strings.Contains(r.Body.String(), ":nobody is invalid.") {
			t.Errorf("updated: %d %s", r.Code, r.Body)
		}
	}
	if r := call(h, http.MethodDelete, configPath, ""); r.Code != 204 {
		t.Errorf("%d %s", r.Code, r.Body)
	}
	if r := call(h, http.MethodPut, configPath+"?Qualifier=7", `{"MaximumRetryAttempts":1}`); r.Code != 404 || !strings.Contains(r.Body.String(), "The function doesn't exist.") {
		t.Errorf("an unknown version: %d %s", r.Code, r.Body)
	}
	if r := call(h, http.MethodPost, configPath, `{"MaximumRetryAttempts":1}`); r.Code != 404 || !strings.Contains(r.Body.String(), "doesn't have an EventInvokeConfig") {
		t.Errorf("updating what is not there: %d %s", r.Code, r.Body)
	}
}

func TestADeadLetterQueueIsShownAndBadOnesAreRefused(t *testing.T) {
	w := newWorld()
	h := w.api()
	const path = "/2015-03-31/functions/f/configuration"
	set := func(arn string) (int, string) {
		r := call(h, http.MethodPut, path, `{"DeadLetterConfig":{"TargetArn":"`+arn+`"}}`)
		return r.Code, r.Body.String()
	}
	const queue = "arn:aws:sqs:us-east-1:000000000000:dead"
	if code, body := set(queue); code != 200 || !strings.Contains(body, `"DeadLetterConfig":{"TargetArn":"`+queue+`"}`) {
		t.Errorf("%d %s", code, body)
	}
	if code, body := set(queue + "er"); code != 400 || !strings.Contains(body, "Invalid dead letter queue ARN: the queue "+queue+"er does not exist") {
		t.Errorf("a queue that does not exist: %d %s", code, body)
	}
	for _, arn := range []string{queue + ".fifo", "arn:aws:sns:us-east-1:000000000000:t", "arn:aws:sqs:eu-west-1:000000000000:dead"} {
		if code, body := set(arn); code != 400 {
			t.Errorf("%s: %d %s", arn, code, body)
		}
	}
	if r := call(h, http.MethodGet, path, ""); !strings.Contains(r.Body.String(), queue) {
		t.Errorf("after refusals: %s", r.Body)
	}
	w.queues = nil
	if r := call(h, http.MethodPut, path, `{"Timeout":7}`); r.Code != 200 || !strings.Contains(r.Body.String(), queue) {
		t.Errorf("a queue that was deleted since is in the way of other settings: %d %s", r.Code, r.Body)
	}
	if code, body := set(""); code != 200 || strings.Contains(body, "DeadLetterConfig") {
		t.Errorf("taken away: %d %s", code, body)
	}
}
