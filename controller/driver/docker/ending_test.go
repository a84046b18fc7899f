package docker

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/docker/docker/client"

	"github.com/rousehq/rouse"
)

// remover is an engine that removes containers when it is let, and counts.
type remover struct {
	came chan struct{} // one for each removal that has begun
	let  chan struct{}

	mu        sync.Mutex
	now, most int
}

func (r *remover) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	r.now++
	r.most = max(r.most, r.now)
	r.mu.Unlock()
	r.came <- struct{}{}
	<-r.let
	r.mu.Lock()
	r.now--
	r.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func endingDriver(t *testing.T, r *remover) *Driver {
	t.Helper()
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	api, err := client.NewClientWithOpts(client.WithHost("tcp://"+server.Listener.Addr().String()), client.WithVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { api.Close() })
	return &Driver{
		Options: Options{Data: t.TempDir(), Log: slog.New(slog.DiscardHandler)}, api: api,
		ending: make(chan struct{}, endings), sandboxes: map[string]*sandbox{}, known: map[rouse.SandboxID]*sandbox{},
	}
}

func stopMany(ctx context.Context, t *testing.T, d *Driver, n int) *sync.WaitGroup {
	t.Helper()
	var stops sync.WaitGroup
	for i := range n {
		s := d.newSandbox(rouse.SandboxID(strconv.Itoa(i)), nil)
		s.container = string(s.id)
		stops.Go(func() {
			if err := s.Stop(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	return &stops
}

func TestTheEngineRemovesAFewContainersAtATime(t *testing.T) {
	const n = 5 * endings
	r := &remover{came: make(chan struct{}, n), let: make(chan struct{})}
	stops := stopMany(t.Context(), t, endingDriver(t, r), n)
	for range endings {
		<-r.came
	}
	for range n {
		r.let <- struct{}{}
	}
	stops.Wait()
	if r.most != endings {
		t.Errorf("%d removals at a time, want %d", r.most, endings)
	}
}

// lateContext ends when it is asked about a second time: first whoever stops a
// sandbox takes it for itself, then it waits for a turn.
type lateContext struct {
	context.Context
	over  chan struct{}
	asked int
}

func (c *lateContext) Done() <-chan struct{} {
	if c.asked++; c.asked == 2 {
		close(c.over)
	}
	return c.over
}

func TestWhoHasNoTimeLeftWaitsForNoTurn(t *testing.T) {
	r := &remover{came: make(chan struct{}, endings+1), let: make(chan struct{})}
	d := endingDriver(t, r)
	stops := stopMany(t.Context(), t, d, endings)
	for range endings {
		<-r.came
	}
	late := &lateContext{Context: t.Context(), over: make(chan struct{})}
	s := d.newSandbox("late", nil)
	s.container = "late"
	stops.Go(func() {
		if err := s.Stop(late); err != nil {
			t.Error(err)
		}
	})
	<-r.came
	close(r.let)
	stops.Wait()
}
