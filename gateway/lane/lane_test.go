package lane_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const long = time.Minute // for what is not waited for

func TestAConnectionGoesIntoTheLaneAndBackAndInAgain(t *testing.T) {
	c := open(t, long, echo).dial(t)
	for i, path := range []string{"/other", "/lane/a", "/lane/b", "/other", "/lane/c", "/other", "/other", "/lane/d"} {
		body := strings.Repeat(path, i)
		c.send(post(path, body))
		r, got := c.answer()
		if in := r.Header.Get(inLane) == "yes"; got != body || in != strings.HasPrefix(path, "/lane/") {
			t.Errorf("%s: in the lane %v, answered %q", path, in, got)
		}
	}
}

func TestRequestsSentAheadAreAnsweredInOrder(t *testing.T) {
	c := open(t, long, echo).dial(t)
	paths := []string{"/lane/1", "/lane/2", "/other/3", "/lane/4", "/other/5", "/other/6", "/lane/7"}
	all := ""
	for _, p := range paths {
		all += post(p, "body of "+p)
	}
	c.send(all)
	for _, p := range paths {
		if _, got := c.answer(); got != "body of "+p {
			t.Errorf("%s was answered %q", p, got)
		}
	}
}

func TestARequestMayComeInPieces(t *testing.T) {
	c := open(t, long, echo).dial(t)
	c.send(post("/lane/first", "x"))
	c.answer()
	raw := post("/lane/second", "the body", "X-Long: "+strings.Repeat("y", 1000))
	for _, piece := range strings.SplitAfter(raw, "\n") { // Go sends each at once
		c.send(piece)
	}
	if r, got := c.answer(); got != "the body" || r.Header.Get(inLane) == "" {
		t.Errorf("answered %q in the lane %q", got, r.Header.Get(inLane))
	}
}

func TestWhatAHandlerLeavesOfABodyIsNoRequest(t *testing.T) {
	s := open(t, long, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) }))
	c := s.dial(t)
	for _, path := range []string{"/lane/1", "/lane/2", "/lane/3"} {
		c.send(post(path, strings.Repeat("GET /stolen HTTP/1.1\r\nHost: x\r\n\r\n", 1000)))
		if _, got := c.answer(); got != path {
			t.Fatalf("%s was answered %q", path, got)
		}
	}
}

func TestAContextEndsWhenItsClientLeaves(t *testing.T) {
	for _, when := range []string{"before the body is read", "after the body is read"} {
		t.Run(when, func(t *testing.T) {
			ended, waits := make(chan error, 1), make(chan struct{})
			s := open(t, long, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/lane/echo" {
					echo(w, r)
					return
				}
				ctx, cancel := context.WithTimeout(r.Context(), long)
				defer cancel()
				if when == "after the body is read" {
					io.Copy(io.Discard, r.Body)
				}
				done := ctx.Done()
				io.Copy(io.Discard, r.Body)
				close(waits)
				<-done
				ended <- r.Context().Err()
			}))
			c := s.dial(t)
			c.send(post("/lane/echo", "x"))
			c.answer()
			c.send(post("/lane/wait", "x"))
			<-waits
			c.Close()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("the context says %v", err)
			}
		})
	}
}

func TestAContextThatWasWaitedForEndsWithTheAnswer(t *testing.T) {
	contexts := make(chan context.Context, 1)
	s := open(t, long, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		if ctx.Err() != nil || r.Context().Err() != nil {
			t.Error("the context ended before the answer")
		}
		contexts <- r.Context()
	}))
	c := s.dial(t)
	for range 100 { // what was looked for does not eat the next request
		c.send(post("/lane/wait", "x"))
		c.answer()
		ctx := <-contexts
		<-ctx.Done()
		if ctx.Err() == nil {
			t.Error("the context goes on after the answer")
		}
	}
}

func TestAContextThatNobodyWaitedForEndsToo(t *testing.T) {
	contexts := make(chan context.Context, 2)
	s := open(t, long, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { contexts <- r.Context() }))
	c := s.dial(t)
	c.send(post("/lane/a", ""))
	c.answer()
	c.send(post("/lane/b", "")) // the one before is over for sure
	c.answer()
	ctx := <-contexts
	if err := ctx.Err(); err == nil {
		t.Error("the context goes on after the answer")
	}
	<-ctx.Done()
}

func TestASilentConnectionEnds(t *testing.T) {
	c := open(t, 10*time.Millisecond, echo).dial(t)
	c.send(post("/lane/a", "x"))
	c.answer()
	c.ended()
}

func TestAPanicEndsItsConnectionAlone(t *testing.T) {
	s := open(t, long, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/lane/abort":
			panic(http.ErrAbortHandler)
		case "/lane/bug":
			panic("a bug")
		}
		echo(w, r)
	}))
	for _, path := range []string{"/lane/abort", "/lane/bug"} {
		c := s.dial(t)
		c.send(post("/lane/fine", "x"))
		c.answer()
		c.send(post(path, "x"))
		c.ended()
	}
	c := s.dial(t)
	c.send(post("/lane/fine", "x"))
	if _, got := c.answer(); got != "x" {
		t.Errorf("answered %q", got)
	}
}
