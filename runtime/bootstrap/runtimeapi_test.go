package bootstrap_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// event is what a test's Runtime API hands out.
type event struct {
	body    string
	headers map[string]string
	hangUp  bool // the host goes away instead of handing anything out
	refused int  // the status that the answer gets; 0 is 202
}

// outcome is what a process made of one event, or how it ended.
type outcome struct {
	Kind string // response, error, init, exit
	Body string
	Type string // content type of a response, header's error type of an error
	// Trailer is the error that cut a streamed response short.
	Trailer string
}

func (o outcome) String() string {
	return strings.TrimRight(fmt.Sprintf("%s %s %s", o.Kind, o.Body, o.Trailer), " ")
}

// process is how to start a runtime client: ours or AWS's.
type process struct {
	argv []string
	env  []string
	dir  string
}

// runtimeAPI plays the host of one process.
type runtimeAPI struct {
	idle chan struct{} // closed when the process asks for more than there is

	mu       sync.Mutex
	events   []event
	given    int
	outcomes []outcome
	idleOnce sync.Once
}

func (a *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/2018-06-01/runtime/"), "/")
	body, _ := io.ReadAll(r.Body)
	switch parts[len(parts)-1] {
	case "next":
		a.next(w, r)
		return
	case "response":
		trailer, _ := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		a.add(outcome{Kind: "response", Body: string(body), Type: r.Header.Get("Content-Type"), Trailer: string(trailer)})
	case "error":
		kind := "error"
		if parts[0] == "init" {
			kind = "init"
		}
		a.add(outcome{Kind: kind, Body: string(body)})
	}
	w.WriteHeader(a.status())
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

// status is what the answer to the last event gets.
func (a *runtimeAPI) status() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.given > 0 && a.events[a.given-1].refused != 0 {
		return a.events[a.given-1].refused
	}
	return http.StatusAccepted
}

func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	n := a.given
	more := n < len(a.events)
	if more {
		a.given++
	}
	a.mu.Unlock()
	if !more {
		a.idleOnce.Do(func() { close(a.idle) })
		<-r.Context().Done()
		return
	}
	if a.events[n].hangUp {
		panic(http.ErrAbortHandler) // net/http closes the connection
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprintf("00000000-0000-4000-8000-%012d", n))
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(time.Minute).UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:test")
	for k, v := range a.events[n].headers {
		h.Set(k, v)
	}
	_, _ = io.WriteString(w, a.events[n].body)
}

func (a *runtimeAPI) add(o outcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.outcomes = append(a.outcomes, o)
}

// answers runs p over events until it asks for more or ends; how it ended is
// the last outcome. It also returns what the process printed.
func answers(t *testing.T, p process, events ...event) ([]outcome, string) {
	t.Helper()
	api := &runtimeAPI{idle: make(chan struct{}), events: events}
	server := httptest.NewServer(api)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.argv[0], p.argv[1:]...)
	cmd.Dir = p.dir
	cmd.Env = append(p.env, "AWS_LAMBDA_RUNTIME_API="+server.Listener.Addr().String())
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	exited := false
	var err error
	select {
	case <-api.idle:
		_ = cmd.Process.Kill()
		<-ended
	case err = <-ended:
		exited = true
	}
	if ctx.Err() != nil {
		t.Fatalf("no answer within a minute; printed:\n%s", printed.String())
	}
	api.mu.Lock()
	defer api.mu.Unlock()
	if exited {
		code := 0
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			code = exit.ExitCode()
		}
		api.outcomes = append(api.outcomes, outcome{Kind: "exit", Body: strconv.Itoa(code)})
	}
	return api.outcomes, printed.String()
}
