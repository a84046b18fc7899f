package lambda

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func newReader(nc net.Conn) *bufio.Reader { return bufio.NewReader(nc) }

func TestPhasesFollowAWSsStateMachine(t *testing.T) {
	all := []phase{started, initError, restoring, restoreError, ready, running, responding, respondingErr, responseSent}
	// From each phase, where the process may go of its own accord.
	want := map[phase][]phase{
		started:      {ready, initError, restoring},
		restoring:    {ready, restoreError},
		ready:        {ready},
		running:      {responding, respondingErr},
		responseSent: {ready},
	}
	for _, from := range all {
		for _, to := range all {
			may := false
			for _, p := range want[from] {
				may = may || p == to
			}
			if allowed(from, to) != may {
				t.Errorf("%s to %s: %v", from, to, !may)
			}
		}
	}
}

func TestWrongIdsAndStatesAreRefusedAndChangeNothing(t *testing.T) {
	w := newWorld(t)
	c, other := w.ready(), w.dial()
	other.post("invocation/a/response", "1")
	other.want(403, "State transition from Ready to InvocationResponse failed for runtime. Error: State transition is not allowed")
	out := w.invoke(event("a"))
	c.want(200, "")
	other.post("invocation/b/response", "1")
	other.want(400, `"errorType":"InvalidRequestID"`)
	other.post("invocation/b/error", "{}")
	other.want(400, `"errorMessage":"Invalid request ID"`)
	other.poll()
	other.want(403, "State transition from Running to Ready")
	other.post("init/error", "{}")
	other.want(403, "InvalidStateTransition")
	c.post("invocation/a/response", `"first"`)
	c.want(202, "")
	for _, path := range []string{"invocation/a/response", "invocation/a/error"} {
		other.post(path, `"second"`)
		other.want(403, "State transition from ResponseSent")
	}
	if o := <-out; o.err != nil || string(o.result.Payload) != `"first"` {
		t.Fatalf("got %+v", o)
	}
}

func TestAnInvalidResponseModeFailsTheEvent(t *testing.T) {
	w := newWorld(t)
	c := w.ready()
	out := w.invoke(event("a"))
	c.want(200, "")
	c.post("invocation/a/response", "1", "Lambda-Runtime-Function-Response-Mode: odd\r\n")
	c.want(400, "InvalidFunctionResponseMode")
	if o := <-out; o.err != nil || o.result.Failure.Type != "Runtime.InvalidResponseModeHeader" {
		t.Fatalf("got %+v", o)
	}
}

func TestUnknownPathsAre404(t *testing.T) {
	w := newWorld(t)
	c := w.dial()
	for _, line := range []string{
		"GET /", "GET /2018-06-01/runtime/invocation/next/", "POST /2018-06-01/runtime/invocation/next",
		"GET /2018-06-01/runtime/invocation/a/response", "POST /2018-06-01/runtime/invocation//response",
		"POST /2020-01-01/extension/unknown", "DELETE /2018-06-01/runtime/init/error",
	} {
		c.write("%s HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", line)
		c.want(404, "no such endpoint")
	}
	c.write("HEAD /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n")
	c.want(404, "")
}

func TestGarbageIsAnsweredWith400AndTheEnd(t *testing.T) {
	for name, tc := range map[string]struct {
		sent   string
		status int
	}{
		"words":            {"hello there\r\n\r\n", 400},
		"no version":       {"GET /x\r\n\r\n", 400},
		"HTTP/2":           {"PRI * HTTP/2.0\r\n\r\n", 505},
		"folded header":    {"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400},
		"no colon":         {"GET / HTTP/1.1\r\nA\r\n\r\n", 400},
		"space in name":    {"GET / HTTP/1.1\r\nContent-Length : 3\r\n\r\n", 400},
		"negative length":  {"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
		"two lengths":      {"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
		"length and chunk": {"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
		"gzip coding":      {"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		"endless head":     {"GET / HTTP/1.1\r\nA: " + strings.Repeat("a", maxHead) + "\r\n", 431},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			good := w.ready()
			c := w.dial()
			go io.WriteString(c.nc, tc.sent) // the refusal may come first
			c.want(tc.status, "errorMessage")
			if _, err := c.r.ReadByte(); err == nil {
				t.Error("the connection goes on")
			}
			out := w.invoke(event("a"))
			good.want(200, "")
			good.post("invocation/a/response", "1")
			if o := <-out; o.err != nil {
				t.Fatal("another connection was disturbed:", o.err)
			}
		})
	}
}

func TestAnAnswerCutShortMayBeGivenAgain(t *testing.T) {
	for name, sent := range map[string]string{
		"length":   "Content-Length: 10\r\n\r\nabc",
		"chunk":    "Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
		"no chunk": "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
		"trailer":  "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n",
		"overlong": "Transfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.ready()
			out := w.invoke(event("a"))
			c.want(200, "")
			cut := w.dial()
			cut.write("POST /2018-06-01/runtime/invocation/a/response HTTP/1.1\r\n%s", sent)
			cut.nc.(*net.TCPConn).CloseWrite()
			cut.want(400, "TruncatedHTTPRequest")
			c.post("invocation/a/response", `"again"`)
			c.want(202, "")
			if o := <-out; o.err != nil || string(o.result.Payload) != `"again"` {
				t.Fatalf("got %+v", o)
			}
		})
	}
}

func TestRequestsSentAheadAreAnsweredInOrder(t *testing.T) {
	w := newWorld(t)
	c := w.dial()
	// A poll, the answer to what it will bring and the next poll, in one write.
	c.write("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n" +
		"POST /2018-06-01/runtime/invocation/a/response HTTP/1.1\r\nContent-Length: 1\r\n\r\n1" +
		"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n")
	for range 2 {
		if o := <-w.invoke(event("a")); o.err != nil {
			t.Fatal(o.err)
		}
		c.want(200, `{"n":1}`)
		c.want(202, "")
		if err := w.settled(); err != nil {
			t.Fatal(err)
		}
		out := w.invoke(event("b"))
		c.want(200, `{"n":1}`)
		c.want(404, "")
		c.post("invocation/b/response", "2")
		c.want(202, "")
		if o := <-out; o.err != nil {
			t.Fatal(o.err)
		}
		c.write("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n" +
			"POST /2018-06-01/runtime/invocation/a/response HTTP/1.1\r\nContent-Length: 1\r\n\r\n1" +
			"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n")
	}
}

func TestExpectAndCloseAreHonoured(t *testing.T) {
	w := newWorld(t)
	c := w.dial()
	c.write("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nConnection: close\r\n\r\n")
	out := w.invoke(event("a"))
	if got := c.want(200, ""); !got.Close {
		t.Error("the event does not say that it is the last")
	}
	if _, err := c.r.ReadByte(); err == nil {
		t.Error("the connection goes on")
	}
	c = w.dial()
	c.write("POST /2018-06-01/runtime/invocation/b/response HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
	c.want(400, "InvalidRequestID") // without asking for the body
	c = w.dial()
	c.write("POST /2018-06-01/runtime/invocation/a/response HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
	c.want(100, "")
	c.write("1")
	if got := c.want(202, ""); !got.Close {
		t.Error("HTTP/1.0 is kept alive")
	}
	if o := <-out; o.err != nil {
		t.Fatal(o.err)
	}
}

// Whatever answers arrive on however many connections, an event has one outcome,
// and it is one of those that were accepted.
func TestAnEventHasOneOutcomeHoweverOftenItIsAnswered(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		defer w.Close()
		c := w.ready()
		out := w.invoke(event("a"))
		c.want(200, "")
		paths := rapid.SliceOfN(rapid.SampledFrom([]string{"a/response", "a/error", "b/response"}), 1, 8).Draw(rt, "answers")
		var all sync.WaitGroup
		var mu sync.Mutex
		accepted := map[string]bool{}
		for i, path := range append(paths, "a/response") {
			all.Go(func() {
				body := fmt.Sprintf(`{"errorType":"%d"}`, i)
				conn := w.dial()
				conn.post("invocation/"+path, body)
				if got := conn.read(); got.StatusCode == 202 {
					mu.Lock()
					accepted[body] = true
					mu.Unlock()
				}
				conn.nc.Close()
			})
		}
		o := <-out
		all.Wait()
		if o.err != nil || len(accepted) != 1 || !accepted[string(o.result.Payload)] {
			rt.Fatalf("accepted %v, outcome %s %v", accepted, o.result.Payload, o.err)
		}
	})
}

func FuzzHead(f *testing.F) {
	f.Add([]byte("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
	f.Add([]byte("POST /2018-06-01/runtime/invocation/x/response HTTP/1.0\nTransfer-Encoding: chunked\n\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := endOfHead(b, 0)
		if n == 0 {
			return
		}
		if n > len(b) {
			t.Fatalf("a head of %d bytes in %d", n, len(b))
		}
		req, err := parseHead(b[:n])
		if err == nil && (req.length < 0 || len(req.method) == 0 || req.chunked && req.length != 0) {
			t.Fatalf("%+v", req)
		}
		route(req.method, req.path)
	})
}

// Whatever bytes a process sends, its connection comes to an end or to a poll,
// and Close ends them all.
func FuzzConnection(f *testing.F) {
	f.Add([]byte("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\nPOST /2018-06-01/runtime/invocation/a/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))
	f.Add([]byte("POST /x HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc"))
	f.Add([]byte("POST /2020-01-01/extension/register HTTP/1.1\r\nLambda-Extension-Name: x\r\nContent-Length: 21\r\n\r\n{\"events\":[\"INVOKE\"]}"))
	f.Add([]byte("GET /2020-01-01/extension/event/next HTTP/1.1\r\nLambda-Extension-Identifier: x\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		w := newWorld(t)
		c := w.dial()
		w.until(func() bool { return len(w.conns) == 1 })
		c.nc.Write(b)
		c.nc.(*net.TCPConn).CloseWrite()
		w.until(func() bool { return len(w.conns) == 0 || len(w.parked) > 0 })
		w.Close()
		io.Copy(io.Discard, c.nc)
	})
}
