package lane_test

import (
	"context"
	"net/http"
	"testing"
)

func TestShutdownLetsRequestsFinish(t *testing.T) {
	came, goOn := make(chan struct{}), make(chan struct{})
	s := open(t, long, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/lane/slow" {
			close(came)
			<-goOn
		}
		echo(w, r)
	}))
	silent, slow := s.dial(t), s.dial(t)
	for _, c := range []*client{silent, slow} {
		c.send(post("/lane/a", "x"))
		c.answer()
	}
	slow.send(post("/lane/slow", "late"))
	<-came
	done := make(chan error, 1)
	go func() { done <- s.lane.Shutdown(context.Background()) }()
	silent.ended()
	select {
	case err := <-done:
		t.Fatalf("shut down before the answer: %v", err)
	default:
	}
	close(goOn)
	if r, got := slow.answer(); got != "late" || !r.Close {
		t.Errorf("answered %q, with the connection's end %v", got, r.Close)
	}
	slow.ended()
	if err := <-done; err != nil {
		t.Error(err)
	}
	// The server below goes on by itself.
	c := s.dial(t)
	c.send(post("/lane/a", "x"))
	if r, _ := c.answer(); r.Header.Get(inLane) != "" {
		t.Error("the lane took a request after its end")
	}
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	came, left := make(chan struct{}), make(chan struct{})
	s := open(t, long, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(came)
		<-r.Context().Done()
		close(left)
	}))
	c := s.dial(t)
	c.send(post("/lane/slow", ""))
	<-came
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.lane.Shutdown(ctx); err != context.Canceled {
		t.Error(err)
	}
	<-left
	c.ended()
}
