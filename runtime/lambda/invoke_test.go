package lambda

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

func TestAnEventReachesTheProcessAndItsAnswerTheCaller(t *testing.T) {
	w := newWorld(t)
	c := w.ready()
	for i := range 3 {
		id := fmt.Sprintf("id-%d", i)
		deadline := time.Now().Add(5 * time.Second)
		out := w.invoke(&rouse.Event{ID: id, Payload: []byte(`{"n":1}`), Deadline: deadline,
			TraceID: "Root=1-2-3", ClientContext: []byte("{\r\n\"a\":1}")})
		got := c.want(200, `{"n":1}`)
		for name, want := range map[string]string{
			"Lambda-Runtime-Aws-Request-Id":       id,
			"Lambda-Runtime-Deadline-Ms":          fmt.Sprint(deadline.UnixMilli()),
			"Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
			"Lambda-Runtime-Trace-Id":             "Root=1-2-3",
			"Lambda-Runtime-Client-Context":       `{  "a":1}`,
			"Lambda-Runtime-Cognito-Identity":     "",
			"Content-Type":                        "application/json",
		} {
			if got.Header.Get(name) != want {
				t.Errorf("%s: %q, want %q", name, got.Header.Get(name), want)
			}
		}
		c.post("invocation/"+id+"/response", `{"ok":true}`)
		c.want(202, `{"status":"OK"}`)
		if o := <-out; o.err != nil || o.result.Failure != nil || string(o.result.Payload) != `{"ok":true}` {
			t.Fatalf("got %+v", o)
		}
		c.poll()
		if err := w.settled(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLargeEventsAndAnswersPassWhole(t *testing.T) {
	w := newWorld(t)
	c := w.ready()
	big := bytes.Repeat([]byte("x"), MaxEvent-2)
	payload := append(append([]byte{'"'}, big...), '"')
	out := w.invoke(&rouse.Event{ID: "a", Payload: payload})
	if got := c.read(); got.body != string(payload) {
		t.Fatalf("the event came with %d bytes", len(got.body))
	}
	c.post("invocation/a/response", string(payload))
	c.want(202, "")
	if o := <-out; o.err != nil || !bytes.Equal(o.result.Payload, payload) {
		t.Fatal("the answer is another one", o.err)
	}
	_, err := w.Invoke(t.Context(), &rouse.Event{ID: "b", Payload: append(payload, ' ')})
	if rouse.CodeOf(err) != rouse.TooLarge || errors.Is(err, rouse.ErrBroken) {
		t.Fatal("an event over the limit:", err)
	}
}

func TestAnEventThatComesBeforeThePollWaitsForIt(t *testing.T) {
	w := newWorld(t)
	out := w.invoke(event("early"))
	c := w.dial()
	c.poll()
	c.want(200, `{"n":1}`)
	c.post("invocation/early/response", "1")
	c.want(202, "")
	if o := <-out; o.err != nil {
		t.Fatal(o.err)
	}
}

func TestAHandlersErrorIsAResultWithAFailure(t *testing.T) {
	for name, tc := range map[string]struct {
		body, header string
		want         rouse.Failure
		payload      string
	}{
		"python":      {`{"errorMessage":"m","errorType":"ValueError","stackTrace":["a","b"]}`, "", rouse.Failure{Type: "ValueError", Message: "m", Trace: []string{"a", "b"}}, ""},
		"go's frames": {`{"errorMessage":"m","errorType":"T","stackTrace":[{"line":1}]}`, "", rouse.Failure{Type: "T", Message: "m", Trace: []string{`{"line":1}`}}, ""},
		"header only": {`{}`, "Lambda-Runtime-Function-Error-Type: Runtime.Odd\r\n", rouse.Failure{Type: "Runtime.Odd"}, ""},
		"not JSON":    {"oops", "", rouse.Failure{Type: "Function.Unknown", Message: "oops"}, `{"errorType":"Function.Unknown","errorMessage":"oops"}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.ready()
			out := w.invoke(event("a"))
			c.want(200, "")
			c.post("invocation/a/error", tc.body, tc.header)
			c.want(202, `{"status":"OK"}`)
			o := <-out
			if o.err != nil || o.result.Failure == nil || fmt.Sprint(*o.result.Failure) != fmt.Sprint(tc.want) {
				t.Fatalf("got %+v %v", o.result, o.err)
			}
			if tc.payload == "" {
				tc.payload = tc.body
			}
			if string(o.result.Payload) != tc.payload {
				t.Fatalf("payload %s", o.result.Payload)
			}
		})
	}
}

func TestAnAnswerOverTheLimitIsTheFunctionsFailure(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		w := newWorld(t)
		c := w.ready()
		out := w.invoke(event("a"))
		c.want(200, "")
		body := strings.Repeat("x", MaxResponse+1)
		go func() { // the refusal may come before the body has been sent
			if chunked {
				fmt.Fprintf(c.nc, "POST /2018-06-01/runtime/invocation/a/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n5\r\nabcde\r\n0\r\n\r\n", len(body), body)
			} else {
				fmt.Fprintf(c.nc, "POST /2018-06-01/runtime/invocation/a/response HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			}
		}()
		c.want(413, "RequestEntityTooLarge")
		o := <-out
		if o.err != nil || o.result.Failure == nil || o.result.Failure.Type != "Function.ResponseSizeTooLarge" ||
			o.result.Failure.Message != "Response payload size exceeded maximum allowed payload size (6291556 bytes)." {
			t.Fatalf("got %+v %v", o.result, o.err)
		}
		c.poll() // the connection goes on
		if err := w.settled(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAStreamedAnswerIsBufferedWithItsTrailers(t *testing.T) {
	w := newWorld(t)
	c := w.ready()
	stream := func(id, trailers string) {
		c.write("POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n"+
			"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n%s\r\n", id, trailers)
		c.want(202, "")
	}
	out := w.invoke(event("a"))
	c.want(200, "")
	stream("a", "")
	if o := <-out; o.err != nil || string(o.result.Payload) != "abcdefg" {
		t.Fatalf("got %+v", o)
	}
	c.poll()
	out = w.invoke(event("b"))
	c.want(200, "")
	stream("b", "Lambda-Runtime-Function-Error-Type: Late\r\nLambda-Runtime-Function-Error-Body: eyJlcnJvck1lc3NhZ2UiOiJsYXRlIn0=\r\n")
	if o := <-out; o.err != nil || o.result.Failure == nil || o.result.Failure.Type != "Late" || o.result.Failure.Message != "late" {
		t.Fatalf("got %+v", o.result)
	}
}

func TestTheDeadlineEndsTheProcessAtOnce(t *testing.T) {
	w := newWorld(t)
	c := w.ready()
	w.proc.onKill = func() { c.nc.Close() }
	o := <-w.invoke(&rouse.Event{ID: "slow", Payload: []byte("1"), Deadline: time.Now().Add(100 * time.Millisecond)})
	wantError(t, o, rouse.Timeout, "Sandbox.Timedout", "RequestId: slow Error: Task timed out after 0.10 seconds", true)
	if o.took > time.Second || w.proc.kills != 1 {
		t.Fatalf("took %s, %d kills", o.took, w.proc.kills)
	}
	if _, err := w.Invoke(t.Context(), event("next")); !errors.Is(err, rouse.ErrBroken) {
		t.Fatal("an event after the kill:", err)
	}
}

func TestAProcessThatNeverPollsAgainIsEndedAtTheDeadline(t *testing.T) {
	w := newWorld(t)
	c := w.ready()
	out := w.invoke(&rouse.Event{ID: "a", Payload: []byte("1"), Deadline: time.Now().Add(100 * time.Millisecond)})
	c.want(200, "")
	c.post("invocation/a/response", "1")
	if o := <-out; o.err != nil {
		t.Fatal(o.err)
	}
	if err := w.settled(); !errors.Is(err, rouse.ErrBroken) || rouse.CodeOf(err) != rouse.Timeout {
		t.Fatal(err)
	}
}

func TestAProcessThatEndsMidEventIsSaidSo(t *testing.T) {
	for name, tc := range map[string]struct {
		exit          rouse.Exit
		kind, message string
	}{
		"status": {rouse.Exit{Code: 127}, "Runtime.ExitError", "RequestId: a Error: Runtime exited with error: exit status 127"},
		"zero":   {rouse.Exit{}, "Runtime.ExitError", "RequestId: a Error: Runtime exited without providing a reason"},
		"signal": {rouse.Exit{Code: -1, Signal: "killed"}, "Runtime.ExitError", "RequestId: a Error: Runtime exited with error: signal: killed"},
		"memory": {rouse.Exit{Code: -1, Signal: "killed", OOM: true, PeakMemory: 128 * rouse.MB}, "Runtime.OutOfMemory",
			"RequestId: a Error: Runtime exited with error: signal: killed: out of memory at 128MB"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.ready()
			out := w.invoke(event("a"))
			c.want(200, "")
			w.died(tc.exit, c)
			wantError(t, <-out, rouse.FunctionError, tc.kind, tc.message, true)
		})
	}
}

func TestAnAnswerSentJustBeforeTheEndCounts(t *testing.T) {
	for range 50 {
		w := newWorld(t)
		c := w.ready()
		out := w.invoke(event("a"))
		c.want(200, "")
		c.post("invocation/a/error", `{"errorType":"panic","errorMessage":"oh"}`)
		w.proc.end(rouse.Exit{Code: 1}) // its end is known before its words are read
		o := <-out
		if o.err != nil || o.result.Failure == nil || o.result.Failure.Type != "panic" {
			t.Fatalf("got %+v %v", o.result, o.err)
		}
		c.nc.Close()
		if err := w.settled(); !errors.Is(err, rouse.ErrBroken) {
			t.Fatal("settled with", err)
		}
		w.Close()
	}
}

func TestAChildThatHoldsAConnectionDoesNotHideTheEnd(t *testing.T) {
	w := newWorld(t)
	c := w.ready()
	out := w.invoke(event("a"))
	c.want(200, "")
	w.proc.end(rouse.Exit{Code: 3}) // c stays open
	if o := <-out; o.took > 5*time.Second {
		t.Fatal("took", o.took)
	} else {
		wantError(t, o, rouse.FunctionError, "Runtime.ExitError", "RequestId: a Error: Runtime exited with error: exit status 3", true)
	}
}

func TestACallerThatGivesUpEndsTheProcessOnlyIfItHasTheEvent(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	out := w.invokeWith(ctx, event("a"))
	cancel()
	if o := <-out; !errors.Is(o.err, context.Canceled) || errors.Is(o.err, rouse.ErrBroken) || w.proc.kills != 0 {
		t.Fatalf("before delivery: %v, %d kills", o.err, w.proc.kills)
	}
	c := w.ready()
	ctx, cancel = context.WithCancel(t.Context())
	out = w.invokeWith(ctx, event("b"))
	c.want(200, "")
	cancel()
	if o := <-out; !errors.Is(o.err, rouse.ErrBroken) || w.proc.kills != 1 {
		t.Fatalf("after delivery: %v, %d kills", o.err, w.proc.kills)
	}
}

func TestASecondEventAtOnceIsRefusedWithoutHarm(t *testing.T) {
	w := newWorld(t)
	c := w.ready()
	out := w.invoke(event("a"))
	c.want(200, "")
	if _, err := w.Invoke(t.Context(), event("b")); rouse.CodeOf(err) != rouse.Internal || errors.Is(err, rouse.ErrBroken) {
		t.Fatal(err)
	}
	c.post("invocation/a/response", "1")
	if o := <-out; o.err != nil {
		t.Fatal(o.err)
	}
}

func TestAPollThatWasCutIsPassedOver(t *testing.T) {
	w := newWorld(t)
	first := w.ready()
	second := w.dial()
	second.poll()
	w.until(func() bool { return len(w.parked) == 2 })
	second.nc.Close()
	w.until(func() bool { return len(w.parked) == 1 })
	out := w.invoke(event("a"))
	first.want(200, "")
	first.post("invocation/a/response", "1")
	if o := <-out; o.err != nil {
		t.Fatal(o.err)
	}
}
