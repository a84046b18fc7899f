package drivertest

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rousehq/rouse"
)

func lambda(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractLambda))
	defer x.stop()
	api := serveAPI(x.endpoint.RuntimeAPI)
	defer api.close()
	var pid int
	if err := decode(api.invoke(b, order{Do: "pid"}), &pid); err != nil || pid <= 0 {
		t.Fatalf("pid: %d, %v", pid, err)
	}
	dead := api.connections()
	if err := x.endpoint.Process.Restart(b.ctx); err != nil {
		t.Fatal(err)
	}
	for _, closed := range dead { // or the event may go to a process that has ended
		select {
		case <-closed:
		case <-b.ctx.Done():
			t.Fatal("a connection of the process that was ended is still open")
		}
	}
	if err := decode(api.invoke(b, order{Do: "pid"}), &pid); err != nil {
		t.Fatalf("after a restart, on the same listener: %v", err)
	}
}

// runtimeAPI is AWS Lambda's, as small as can be.
type runtimeAPI struct {
	server  *http.Server
	served  chan struct{}
	events  chan []byte
	answers chan []byte

	mu   sync.Mutex
	open map[net.Conn]chan struct{} // closed with the connection
}

func serveAPI(l net.Listener) *runtimeAPI {
	api := &runtimeAPI{
		served: make(chan struct{}), events: make(chan []byte), answers: make(chan []byte), open: make(map[net.Conn]chan struct{}),
	}
	api.server = &http.Server{Handler: api, ConnState: api.changed}
	go func() {
		defer close(api.served)
		_ = api.server.Serve(l)
	}()
	return api
}

func (api *runtimeAPI) changed(c net.Conn, state http.ConnState) {
	api.mu.Lock()
	defer api.mu.Unlock()
	switch state {
	case http.StateNew:
		api.open[c] = make(chan struct{})
	case http.StateClosed:
		close(api.open[c])
		delete(api.open, c)
	}
}

// connections are the ends of those that are open.
func (api *runtimeAPI) connections() []chan struct{} {
	api.mu.Lock()
	defer api.mu.Unlock()
	return slices.Collect(maps.Values(api.open))
}

func (api *runtimeAPI) close() {
	api.server.Close()
	<-api.served
}

func (api *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/response") {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		api.answers <- body
		return
	}
	select {
	case event := <-api.events:
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
		_, _ = w.Write(event)
	case <-r.Context().Done():
	}
}

// invoke gives the function an event and returns its answer.
func (api *runtimeAPI) invoke(b *bench, o order) []byte {
	b.t.Helper()
	event, err := json.Marshal(o)
	if err != nil {
		b.t.Fatal(err)
	}
	select {
	case api.events <- event:
	case <-b.ctx.Done():
		b.t.Fatal("the function never asked for an event")
	}
	select {
	case answer := <-api.answers:
		return answer
	case <-b.ctx.Done():
		b.t.Fatal("the event was not answered")
	}
	return nil
}

func dialed(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	defer x.stop()
	var pid int
	x.must(order{Do: "pid"}, &pid)
	if pid <= 0 {
		t.Fatalf("pid %d", pid)
	}
}

// streams has much data under way in both directions beside connections that
// nobody reads from.
func streams(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	defer x.stop()
	for range 3 {
		conn, err := x.endpoint.Dial(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		const asked = "POST / HTTP/1.1\r\nHost: sandbox\r\nContent-Length: 28\r\n\r\n{\"do\":\"say-much\",\"n\":4194304}"
		if _, err := io.WriteString(conn, strings.Replace(asked, "28", strconv.Itoa(len(asked)-strings.Index(asked, "{")), 1)); err != nil {
			t.Fatal(err)
		}
	}
	const size = 3 << 20
	var got string
	if x.must(order{Do: "say-much", Text: strings.Repeat("x", size), N: size}, &got); len(got) != size {
		t.Errorf("%d bytes came back, want %d", len(got), size)
	}
}

func refuses(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	defer x.stop()
	if err := x.endpoint.Process.Kill(b.ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := x.endpoint.Dial(b.ctx); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("Dial while nothing listens: %v, want a refusal", err)
	}
}

func command(t *testing.T, b *bench) {
	program := b.world.Program
	x := b.start(b.spec(rouse.ContractHTTP, func(s *rouse.Spec) {
		s.Environment = map[string]string{"COLOR": "blue", "EMPTY": ""}
		if s.Runtime != "" {
			s.Command = []string{"$TASK/fn", "one", "two words"}
		} else {
			s.Command = []string{"/fn", "one", "two words"}
		}
	}))
	defer x.stop()
	var args, env []string
	x.must(order{Do: "args"}, &args)
	if len(args) != 3 || !slices.Equal(args[1:], []string{"one", "two words"}) {
		t.Errorf("arguments %q (the program is %s)", args, program)
	}
	x.must(order{Do: "env"}, &env)
	for _, want := range []string{"COLOR=blue", "EMPTY="} {
		if !slices.Contains(env, want) {
			t.Errorf("environment %q lacks %q", env, want)
		}
	}
	var cwd string
	x.must(order{Do: "cwd"}, &cwd)
	if b.suite.Cwd != "" && cwd != b.suite.Cwd {
		t.Errorf("started in %s, want %s", cwd, b.suite.Cwd)
	}
}

func output(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	defer x.stop()
	x.must(order{Do: "say", Text: "a word"}, nil)
	x.stdout.await(t, "a word")
	x.stderr.await(t, "a word")
	if err := x.endpoint.Process.Restart(b.ctx); err != nil {
		t.Fatal(err)
	}
	x.stdout.await(t, "ready")
}
