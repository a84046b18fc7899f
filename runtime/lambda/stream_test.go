package lambda

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

// streamed is an event whose answer is wanted as it comes. Each piece of it is
// sent to the channel.
func streamed(id string) (*rouse.Event, <-chan string, *string) {
	pieces, kind := make(chan string, 64), new(string)
	ev := event(id)
	ev.Stream = func(contentType string) io.Writer {
		*kind = contentType
		return writerFunc(func(b []byte) (int, error) {
			pieces <- string(b)
			return len(b), nil
		})
	}
	return ev, pieces, kind
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

const chunkedHead = "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\n" +
	"Content-Type: application/vnd.awslambda.http-integration-response\r\n" +
	"Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n"

func TestAStreamedAnswerIsPassedOnBeforeItsEnd(t *testing.T) {
	w := newWorld(t)
	c := w.ready()
	ev, pieces, kind := streamed("a")
	out := w.invoke(ev)
	c.want(200, "")
	c.write(chunkedHead+"5\r\nfirst\r\n", "a")
	if got := <-pieces; got != "first" {
		t.Fatalf("got %q before the end", got)
	}
	select {
	case o := <-out:
		t.Fatalf("the event ended before its answer: %+v", o)
	default:
	}
	c.write("4\r\nlast\r\n0\r\n\r\n")
	c.want(202, "")
	o := <-out
	if o.err != nil || !o.result.Streamed || len(o.result.Payload) > 0 || o.result.Failure != nil {
		t.Fatalf("got %+v, %v", o.result, o.err)
	}
	if got := <-pieces; got != "last" || *kind != "application/vnd.awslambda.http-integration-response" {
		t.Errorf("then %q, of type %q", got, *kind)
	}
}

func TestAStreamedAnswerMayFailOnItsWay(t *testing.T) {
	for _, test := range []struct {
		name, tail, kind string
		dies             bool
	}{
		{"by its trailers", "0\r\nLambda-Runtime-Function-Error-Type: Oops\r\n\r\n", "Oops", false},
		{"by its size", "FFFFFFF\r\n", "Function.ResponseSizeTooLarge", true},
		{"by its end", "5\r\nab", "Runtime.TruncatedResponse", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			c := w.ready()
			ev, _, _ := streamed("a")
			out := w.invoke(ev)
			c.want(200, "")
			c.write(chunkedHead+"5\r\nfirst\r\n"+test.tail, "a")
			if test.dies {
				c.nc.Close()
			}
			o := <-out
			if o.err != nil || o.result.Failure == nil || o.result.Failure.Type != test.kind || !o.result.Streamed {
				t.Fatalf("got %+v, %v", o.result, o.err)
			}
		})
	}
}

func TestNothingIsWrittenBehindACallersBack(t *testing.T) {
	w := newWorld(t)
	c := w.ready()
	var got bytes.Buffer
	ev := event("a")
	began := make(chan struct{})
	ev.Stream = func(string) io.Writer {
		close(began)
		return &got
	}
	out := w.invoke(ev)
	c.want(200, "")
	c.write(chunkedHead, "a")
	<-began
	w.proc.end(rouse.Exit{Code: 3})
	o := <-out
	var e *rouse.Error
	if !errors.As(o.err, &e) || e.Exit == nil || e.Exit.Code != 3 {
		t.Fatalf("got %v; want how the process ended", o.err)
	}
	before := got.String() // the race detector sees a write that comes now
	c.nc.Write([]byte("5\r\nlater\r\n"))
	if strings.Contains(before, "later") {
		t.Error("the answer grew after its event")
	}
}
