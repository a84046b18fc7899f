package lambdaapi

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

const invokeF = "/2015-03-31/functions/f/invocations"

// Bodies that AWS was recorded answering with; <id> is the request's own.
func TestFunctionErrorsHaveAWSsBodies(t *testing.T) {
	exit := func(e rouse.Exit, message string) error {
		return &rouse.Error{Code: rouse.FunctionError, Type: "Runtime.ExitError", Message: message, Exit: &e}
	}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"timeout": {&rouse.Error{Code: rouse.Timeout, Type: "Sandbox.Timedout", Message: "RequestId: <id> Error: Task timed out after 1.00 seconds"},
			`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: <id> Error: Task timed out after 1.00 seconds"}`},
		"exit 0": {exit(rouse.Exit{}, "Runtime exited without providing a reason"),
			`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: <id> Error: Runtime exited without providing a reason"}`},
		"exit 127": {exit(rouse.Exit{Code: 127}, "Runtime exited with error: exit status 127"),
			`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: <id> Error: Runtime exited with error: exit status 127"}`},
		"out of memory": {&rouse.Error{Code: rouse.FunctionError, Type: "Runtime.OutOfMemory", Message: "RequestId: <id> Error: Runtime exited with error: signal: killed: out of memory at 128MB",
			Exit: &rouse.Exit{Code: -1, Signal: "killed", OOM: true}},
			`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: <id> Error: Runtime exited with error: signal: killed"}`},
		"no such program": {exit(rouse.Exit{Error: "fork/exec /x: no such file or directory"}, "Runtime exited"),
			`{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: <id> Error: fork/exec /x: no such file or directory"}`},
		"init": {&rouse.Error{Code: rouse.StartFailed, Payload: []byte(`{"errorMessage":"x","requestId":""}`)}, `{"errorMessage":"x","requestId":""}`},
	} {
		for _, starting := range []bool{false, true} { // in the handler, or before there is a lease
			w := newWorld()
			if w.invoke = func(*rouse.Event) (*rouse.Result, error) { return nil, c.err }; starting {
				w.acquire = c.err
			}
			got := call(w.api(), "POST", invokeF, "{}", "X-Request-Id", "11111111-2222-4333-8444-555555555555")
			want := strings.ReplaceAll(c.want, "<id>", "11111111-2222-4333-8444-555555555555")
			body := strings.ReplaceAll(got.Body.String(), "<id>", "11111111-2222-4333-8444-555555555555")
			if got.Code != 200 || body != want || got.Header().Get("X-Amz-Function-Error") != "Unhandled" || got.Header().Get("X-Amz-Executed-Version") != "$LATEST" {
				t.Errorf("%s (starting %v): %d %v %s", name, starting, got.Code, got.Header(), body)
			}
		}
	}
}

func TestThrottlesSayWhichLimit(t *testing.T) {
	for quota, reason := range map[rouse.Quota]string{
		rouse.QuotaReserved:  "ReservedFunctionConcurrentInvocationLimitExceeded",
		rouse.QuotaInstances: "ReservedFunctionConcurrentInvocationLimitExceeded",
		rouse.QuotaAccount:   "ConcurrentInvocationLimitExceeded",
		rouse.QuotaHost:      "ConcurrentInvocationLimitExceeded",
		rouse.QuotaQueue:     "CallerRateLimitExceeded",
	} {
		for _, code := range []rouse.Code{rouse.Throttled, rouse.Timeout} { // at once, and after a wait
			w := newWorld()
			w.acquire = &rouse.Error{Code: code, Message: "no", Quota: quota, RetryAfter: 1500 * time.Millisecond}
			got := call(w.api(), "POST", invokeF, "{}")
			want := fmt.Sprintf(`{"Reason":"%s","Type":"User","message":"Rate Exceeded."}`, reason)
			if got.Code != 429 || got.Body.String() != want || got.Header().Get("Retry-After") != "2" || got.Header().Get("X-Amzn-Errortype") != "TooManyRequestsException" {
				t.Errorf("%s: %d %v %s", quota, got.Code, got.Header(), got.Body)
			}
		}
	}
}

func TestARefusedEventNamesNoVersionThatRan(t *testing.T) {
	for body, status := range map[string]int{"{}": 200, "{": 400, "\"\xff\"": 400} {
		got := call(newWorld().api(), "POST", invokeF, body)
		if version := got.Header().Get("X-Amz-Executed-Version"); got.Code != status || (version == "$LATEST") != (status == 200) {
			t.Errorf("%q: %d %s, version %q", body, got.Code, got.Body, version)
		}
	}
}

func TestWhatIsNoEventIsRefusedBeforeAnythingIsWaitedFor(t *testing.T) {
	w := newWorld()
	w.acquire = &rouse.Error{Code: rouse.Throttled, Message: "no", Quota: rouse.QuotaReserved}
	for _, path := range []string{invokeF, "/2021-11-15/functions/f/response-streaming-invocations"} {
		if got := call(w.api(), "POST", path, "{"); got.Code != 400 || got.Header().Get("X-Amzn-Errortype") != "InvalidRequestContentException" {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
	}
}

func TestAWaitForSomethingElseThanConcurrencyIsNoThrottle(t *testing.T) {
	for _, err := range []*rouse.Error{
		rouse.Errorf(rouse.Timeout, "no instance became ready in time"),
		{Code: rouse.Unavailable, Message: "no memory to start an instance", RetryAfter: time.Second},
	} {
		w := newWorld()
		w.acquire = err
		got := call(w.api(), "POST", invokeF, "{}")
		if got.Code != 500 || got.Header().Get("X-Amzn-Errortype") != "ServiceException" || got.Header().Get("Retry-After") != "1" ||
			got.Body.String() != fmt.Sprintf(`{"Message":"%s","Type":"Server"}`, err.Message) {
			t.Errorf("%v: %d %v %s", err, got.Code, got.Header(), got.Body)
		}
	}
}

func TestAnAliasDividesItsCallsByWeight(t *testing.T) {
	const calls = 1000
	for _, weight := range []float64{0.02, 0.3, 0.5} {
		w := newWorld()
		fn := w.fns["f"]
		fn.Versions = []rouse.Version{{Number: 1, Revision: fn.Latest}, {Number: 2, Revision: fn.Latest}}
		fn.Aliases = map[rouse.Qualifier]rouse.Alias{"live": {Version: 1, Second: 2, Weight: weight}}
		a := newAPI(w.config())
		a.pick = rand.New(rand.NewPCG(1, 2)).Float64
		seen := map[string]int{}
		for range calls {
			seen[call(gateway.Entry(a.serve, a.Log), "POST", invokeF+"?Qualifier=live", "{}").Header().Get("X-Amz-Executed-Version")]++
		}
		// Four standard deviations of the binomial distribution.
		mean, spread := calls*weight, 4*math.Sqrt(calls*weight*(1-weight))
		if second := float64(seen["2"]); math.Abs(second-mean) > spread || seen["1"]+seen["2"] != calls {
			t.Errorf("with weight %g: %v, want %.0f ± %.0f of version 2", weight, seen, mean, spread)
		}
	}
}

func TestAFunctionIsToldWhatItsCallerSaid(t *testing.T) {
	w := newWorld()
	var ev *rouse.Event
	w.invoke = func(e *rouse.Event) (*rouse.Result, error) {
		ev = e
		e.Report.Log = []byte("the log")
		return &rouse.Result{}, nil
	}
	context := base64.StdEncoding.EncodeToString([]byte(`{"custom":1}`))
	got := call(w.api(), "POST", invokeF+"?Qualifier=$LATEST", "", "X-Amz-Client-Context", context, "X-Amzn-Trace-Id", "Root=1-2", "X-Amz-Log-Type", "Tail")
	if got.Body.String() != "null" || string(ev.Payload) != "{}" || string(ev.ClientContext) != `{"custom":1}` ||
		ev.ARN != "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST" || !strings.HasPrefix(ev.TraceID, "Root=1-2;Lineage=") {
		t.Errorf("%s, %+v", got.Body, ev)
	}
	if log, _ := base64.StdEncoding.DecodeString(got.Header().Get("X-Amz-Log-Result")); string(log) != "the log" {
		t.Errorf("log %q", log)
	}
	for _, context := range []string{"%", base64.StdEncoding.EncodeToString([]byte("{")), strings.Repeat("A", 3584)} {
		if got := call(w.api(), "POST", invokeF, "", "X-Amz-Client-Context", context); got.Code != 400 {
			t.Errorf("client context %.10q: %d", context, got.Code)
		}
	}
}

func TestALoopOfCallsEnds(t *testing.T) {
	w := newWorld()
	trace, calls := "Root=1", 0
	w.invoke = func(e *rouse.Event) (*rouse.Result, error) {
		trace = e.TraceID
		calls++
		return &rouse.Result{}, nil
	}
	h := w.api()
	for range 40 {
		if got := call(h, "POST", invokeF, "{}", "X-Amzn-Trace-Id", trace); got.Code != 200 {
			if got.Header().Get("X-Amzn-Errortype") != "RecursiveInvocationException" || calls != maxRecursion {
				t.Errorf("after %d calls: %d %s", calls, got.Code, got.Body)
			}
			break
		}
	}
	if call(h, "PUT", "/2024-08-31/functions/f/recursion-config", `{"RecursiveLoop":"Allow"}`).Code != 200 ||
		call(h, "POST", invokeF, "{}", "X-Amzn-Trace-Id", trace).Code != 200 {
		t.Error("a function that may call itself was stopped")
	}
}

// events reads an event stream to its end.
func events(t *testing.T, r io.Reader) (types, payloads []string) {
	t.Helper()
	decoder := eventstream.NewDecoder()
	for {
		m, err := decoder.Decode(r, nil)
		if err == io.EOF {
			return types, payloads
		}
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, m.Headers.Get(":event-type").String())
		payloads = append(payloads, string(m.Payload))
	}
}

func TestAStreamIsFramedAsItComes(t *testing.T) {
	const path = "/2021-11-15/functions/f/response-streaming-invocations"
	w := newWorld()
	w.invoke = func(e *rouse.Event) (*rouse.Result, error) {
		out := e.Stream("text/plain")
		io.WriteString(out, "one")
		io.WriteString(out, strings.Repeat("x", maxChunk+1))
		return &rouse.Result{Streamed: true}, nil
	}
	got := call(w.api(), "POST", path, "{}")
	types, payloads := events(t, got.Body)
	if fmt.Sprint(types) != "[PayloadChunk PayloadChunk PayloadChunk InvokeComplete]" || payloads[0] != "one" || len(payloads[1])+len(payloads[2]) != maxChunk+1 ||
		payloads[3] != "{}" || got.Header().Get("Content-Type") != "application/vnd.amazon.eventstream" {
		t.Errorf("%v %.40q", types, payloads)
	}
	w.invoke = func(e *rouse.Event) (*rouse.Result, error) {
		return &rouse.Result{Payload: []byte(`{"errorMessage":"x"}`), Failure: &rouse.Failure{Message: "x"}}, nil
	}
	types, payloads = events(t, call(w.api(), "POST", path, "{}").Body)
	if fmt.Sprint(types) != "[InvokeComplete]" || payloads[0] != `{"ErrorCode":"Unhandled","ErrorDetails":"{\"errorMessage\":\"x\"}"}` {
		t.Errorf("%v %v", types, payloads)
	}
	w.acquire = &rouse.Error{Code: rouse.Throttled}
	if got := call(w.api(), "POST", path, "{}"); got.Code != 429 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

func FuzzTheAPITakesAnything(f *testing.F) {
	f.Add("POST", "/2015-03-31/functions", []byte(`{"FunctionName":"g","Role":"arn:aws:iam::000000000000:role/r","Code":{"ZipFile":"UEs="},"Runtime":"python3.11","Handler":"a.b"}`), "")
	f.Add("PUT", "/2015-03-31/functions/f/configuration", []byte(`{"Environment":{"Variables":{"a":null}},"Layers":["x"],"Timeout":1e400}`), "Qualifier=x")
	f.Add("PUT", "/2015-03-31/functions/f/code", []byte(`{"ZipFile":"UEs=","Publish":true}`), "")
	f.Add("POST", "/2015-03-31/functions/f/aliases", []byte(`{"Name":"a","FunctionVersion":"$LATEST","RoutingConfig":{"AdditionalVersionWeights":{"1":0.5}}}`), "")
	f.Add("POST", "/2018-10-31/layers/l/versions", []byte(`{"Content":{"ZipFile":"UEs="}}`), "")
	f.Add("GET", "/2015-03-31/functions", []byte(``), "MaxItems=-1&Marker=%00")
	f.Add("POST", "/2017-03-31/tags/arn:aws:lambda:us-east-1:000000000000:function:f", []byte(`{"Tags":{"":""}}`), "")
	f.Add("POST", invokeF, []byte(`"x"`), "Qualifier=%24LATEST")
	f.Fuzz(func(t *testing.T, method, path string, body []byte, query string) {
		if !strings.HasPrefix(path, "/") {
			return
		}
		r, err := http.NewRequest(method, "http://127.0.0.1"+path+"?"+query, bytes.NewReader(body))
		if err != nil || !Serves(r.URL.Path) {
			return
		}
		w := newWorld()
		got := serveRequest(w.api(), r)
		if got.Code >= 500 && got.Code != http.StatusNotImplemented {
			t.Fatalf("%s %s?%s %q: %d %s", method, path, query, body, got.Code, got.Body)
		}
		if got.Code >= 400 && got.Header().Get("X-Amzn-Errortype") == "" {
			t.Fatalf("%s %s: %d without a type", method, path, got.Code)
		}
		if fn, err := w.Function("f"); err == nil && fn.Latest == "" {
			t.Fatal("the function lost its revision")
		}
	})
}
