package proxy

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

const nulls = "\x00\x00\x00\x00\x00\x00\x00\x00"

// streaming is a function that answers in pieces of the type it says.
func streaming(contentType string, pieces ...string) *eventTarget {
	return &eventTarget{func(ev *rouse.Event) (*rouse.Result, error) {
		to := ev.Stream(contentType)
		for _, piece := range pieces {
			io.WriteString(to, piece)
		}
		return &rouse.Result{Streamed: true}, nil
	}}
}

func TestAStreamedAnswerArrivesBeforeTheFunctionEnds(t *testing.T) {
	for name, c := range map[string]struct{ kind, first string }{
		"with a prelude": {integrationResponse, `{"statusCode":201,"headers":{"x-a":"b"}}` + nulls + "one\n"},
		"plain":          {"text/plain", "one\n"},
	} {
		t.Run(name, func(t *testing.T) {
			seen := make(chan struct{})
			f := newFront(t, &eventTarget{func(ev *rouse.Event) (*rouse.Result, error) {
				to := ev.Stream(c.kind)
				io.WriteString(to, c.first)
				select {
				case <-seen:
				case <-time.After(10 * time.Second):
					return nil, errors.New("the client was not served before the end")
				}
				io.WriteString(to, "two\n")
				return &rouse.Result{Streamed: true}, nil
			}})
			res, err := http.DefaultTransport.RoundTrip(request(t, "GET", f.URL, nil))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body := bufio.NewReader(res.Body)
			if line, err := body.ReadString('\n'); line != "one\n" {
				t.Fatalf("%q %v", line, err)
			}
			close(seen)
			rest, err := io.ReadAll(body)
			if string(rest) != "two\n" || err != nil {
				t.Errorf("%q %v", rest, err)
			}
			if c.kind == integrationResponse && (res.StatusCode != 201 || res.Header.Get("X-A") != "b") {
				t.Errorf("%d %v", res.StatusCode, res.Header)
			}
			f.wantReleased(t, 1)
		})
	}
}

func TestAPreludeMayComeInAnyPieces(t *testing.T) {
	whole := `{"statusCode":203,"cookies":["c=d"],"headers":{"Content-Length":"1"}}` + nulls + "a\x00b"
	for size := 1; size <= len(whole); size++ {
		var pieces []string
		for at := 0; at < len(whole); at += size {
			pieces = append(pieces, whole[at:min(at+size, len(whole))])
		}
		f := newFront(t, streaming(integrationResponse, pieces...))
		res, body := do(t, request(t, "GET", f.URL, nil))
		if res.StatusCode != 203 || body != "a\x00b" || res.Header.Get("Set-Cookie") != "c=d" || res.Header.Get("X-Rouse-Start") != "warm" {
			t.Fatalf("in pieces of %d: %d %q %v", size, res.StatusCode, body, res.Header)
		}
	}
}

func TestWhatIsNoStreamedAnswerIsAnError(t *testing.T) {
	for name, c := range map[string]struct{ sent, want string }{
		"no end":     {`{"statusCode":200}`, "eight NULs"},
		"no JSON":    {`{"statusCode":` + nulls, "not a JSON object"},
		"a list":     {`[]` + nulls + "x", "not a JSON object"},
		"bad status": {`{"statusCode":99}` + nulls, "statusCode must be"},
		"endless":    {strings.Repeat(" ", maxPrelude+1), "256 KB"},
		"nothing":    {"", "eight NULs"},
	} {
		f := newFront(t, streaming(integrationResponse, c.sent, "more"))
		res, body := do(t, request(t, "GET", f.URL, nil))
		if res.StatusCode != 502 || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
}

func TestAStreamThatFailsIsCut(t *testing.T) {
	failure := &rouse.Error{Code: rouse.Timeout, Message: "Task timed out", Cause: rouse.ErrBroken}
	for name, end := range map[string]func() (*rouse.Result, error){
		"by the handler": func() (*rouse.Result, error) {
			return &rouse.Result{Streamed: true, Failure: &rouse.Failure{Message: "x"}}, nil
		},
		"by a timeout": func() (*rouse.Result, error) { return nil, failure },
	} {
		f := newFront(t, &eventTarget{func(ev *rouse.Event) (*rouse.Result, error) {
			io.WriteString(ev.Stream("text/plain"), "half")
			return end()
		}})
		res, err := http.DefaultTransport.RoundTrip(request(t, "GET", f.URL, nil))
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); string(body) != "half" || err == nil {
			t.Errorf("%s: %q taken for whole", name, body)
		}
		res.Body.Close()
	}
}

func TestAnAnswerWithoutABodyStreamsNone(t *testing.T) {
	f := newFront(t, streaming(integrationResponse, `{"statusCode":204}`+nulls, "x"))
	if res, body := do(t, request(t, "GET", f.URL, nil)); res.StatusCode != 204 || body != "" {
		t.Errorf("%d %q", res.StatusCode, body)
	}
	f = newFront(t, streaming("text/html", "x"))
	if res, body := do(t, request(t, "HEAD", f.URL, nil)); res.StatusCode != 200 || body != "" || res.Header.Get("Content-Type") != "text/html" {
		t.Errorf("%d %q", res.StatusCode, body)
	}
}

// A client that stops to read blocks the function's writing, but not longer
// than its event may take.
func TestAClientThatDoesNotReadEndsWithItsEvent(t *testing.T) {
	wrote := make(chan error, 1)
	f := newFront(t, &eventTarget{func(ev *rouse.Event) (*rouse.Result, error) {
		to, b := ev.Stream("text/plain"), make([]byte, 1<<20)
		for {
			if _, err := to.Write(b); err != nil {
				wrote <- err
				return &rouse.Result{Streamed: true}, nil
			}
		}
	}})
	f.timeout = 300 * time.Millisecond
	res, err := http.DefaultTransport.RoundTrip(request(t, "GET", f.URL, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	select {
	case err := <-wrote:
		if !errors.Is(err, gateway.ErrClientGone) {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the function still writes")
	}
	f.wantReleased(t, 1)
}
