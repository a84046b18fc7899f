package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// kept is one connection to the server, as an SDK keeps it.
type kept struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func (s *server) connect() *kept {
	s.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return &kept{s.t, c, bufio.NewReader(c)}
}

// begin sends a request and does not wait for its answer.
func (k *kept) begin(method, path, body string) {
	k.t.Helper()
	if _, err := fmt.Fprintf(k, "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", method, path, len(body), body); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kept) call(method, path, body string) (status int, answer string) {
	k.t.Helper()
	k.begin(method, path, body)
	r, err := http.ReadResponse(k.in, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

const invokeF = "/2015-03-31/functions/f/invocations"

func TestOneConnectionServesAllSurfacesInTurn(t *testing.T) {
	w := world{server: serve(t)}
	w.rogue("f")
	c := w.connect()
	for i := range 5 {
		word := fmt.Sprint("round ", i)
		said := fmt.Sprintf(`{"do":"say","text":%q}`, word)
		for _, call := range []struct{ method, path, body, want string }{
			{"POST", invokeF, said, word},
			{"POST", invokeF, said, word},
			{"GET", "/2015-03-31/functions/f", "", `"FunctionName":"f"`},
			{"POST", invokeF + "?Qualifier=none", said, "Function not found"},
			{"POST", invokeF, "{", "Could not parse"},
			{"POST", "/fn/f/", said, word},
			{"POST", invokeF, `{"do":"say","text":"` + strings.Repeat("x", 300<<10) + `"}`, strings.Repeat("x", 300<<10)},
			{"POST", invokeF, said, word},
			{"GET", "/healthz", "", ""},
		} {
			if status, answer := c.call(call.method, call.path, call.body); !strings.Contains(answer, call.want) {
				t.Fatalf("%s %s: %d %.300s", call.method, call.path, status, answer)
			}
		}
	}
}

// Whoever waits for an instance and leaves gives up the place in the line.
func TestAnInvocationWhoseClientLeftDoesNotRun(t *testing.T) {
	w := world{server: serve(t)}
	w.rogue("f", "--max-instances", "1", "--timeout", "20s")
	gate := newGate(t)
	first, second := w.connect(), w.connect()
	for _, c := range []*kept{first, second} {
		if status, answer := c.call("POST", invokeF, "{}"); status != http.StatusOK {
			t.Fatalf("%d %s", status, answer)
		}
	}
	first.begin("POST", invokeF, fmt.Sprintf(`{"do":"gate","text":%q}`, gate))
	until(t, "the instance is busy", func() bool { return w.status().InFlight == 1 })
	second.begin("POST", invokeF, "{}")
	until(t, "the second call waits", func() bool { return w.status().Waiting == 1 })
	second.Close()
	until(t, "nobody waits", func() bool { return w.status().Waiting == 0 })
	openGate(t, gate)
	if _, err := http.ReadResponse(first.in, nil); err != nil {
		t.Fatal(err)
	}
	_, answer := w.connect().call("POST", invokeF, "{}")
	var last reply
	if err := json.Unmarshal([]byte(answer), &last); err != nil || last.Calls != 4 {
		t.Errorf("after two calls, one at the gate and one that was given up, the function says %s (%v)", answer, err)
	}
}

// A call that outlasts the drain timeout is cut, and that is no failure of Rouse's.
func TestAnInvocationThatDoesNotEndIsCutAtTheDrainTimeout(t *testing.T) {
	w := world{server: serve(t, "--drain-timeout", "100ms")}
	w.rogue("f", "--timeout", "1m")
	c := w.connect()
	if status, answer := c.call("POST", invokeF, "{}"); status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	c.begin("POST", invokeF, `{"do":"never"}`)
	until(t, "it is at work", func() bool { return w.status().InFlight == 1 })
	if code := w.end(); code != exitDone {
		t.Errorf("exit status %d\n%s", code, w.stderr)
	}
}
