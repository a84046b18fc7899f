package drivertest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// patience bounds every wait of the suite; nothing waits for it to pass.
const patience = 30 * time.Second

// bench is one test's driver with a data directory of its own.
type bench struct {
	t     *testing.T
	ctx   context.Context
	suite Suite
	world World
	host  Host

	mu   sync.Mutex
	made []rouse.SandboxID
}

func open(t *testing.T, s Suite, w World) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	w.Dir = PublicDir(t)
	return &bench{t: t, ctx: ctx, suite: s, world: w, host: s.Open(t, w)}
}

// reopen is the host process dying and coming back.
func (b *bench) reopen() {
	b.t.Helper()
	b.host.Crash()
	b.host = b.suite.Open(b.t, b.world)
}

func (b *bench) close() {
	b.t.Helper()
	if left := b.suite.Left(b.t, b.made); len(left) > 0 {
		b.t.Errorf("left behind: %q", left)
	}
	b.host.Crash()
}

// spec is the suite's, for a contract.
func (b *bench) spec(contract rouse.Contract, change ...func(*rouse.Spec)) rouse.Spec {
	b.t.Helper()
	base := rouse.DefaultSpec()
	base.Contract = contract
	spec := b.suite.Spec(b.world)
	base.Artifact, base.Runtime = spec.Artifact, spec.Runtime
	base.Caps, base.Writable, base.Command = spec.Caps, spec.Writable, spec.Command
	base.Memory, base.Tmp = 128*rouse.MB, 16*rouse.MB
	for _, f := range change {
		f(&base)
	}
	checked, err := b.host.Driver.Check(b.ctx, base, nil)
	if err != nil {
		b.t.Fatalf("Check: %v", err)
	}
	return checked
}

// box is a sandbox with the function running.
type box struct {
	b        *bench
	rev      rouse.Revision
	sandbox  driver.Sandbox
	endpoint rouse.Endpoint
	stdout   *lines
	stderr   *lines
	client   *http.Client
}

// start makes a sandbox for spec and waits until the function says that it is
// ready. The sandbox is stopped at the test's end, unless the test did.
func (b *bench) start(spec rouse.Spec) *box {
	b.t.Helper()
	x, err := b.tryStart(spec)
	if err != nil {
		b.t.Fatal(explain(err))
	}
	x.stdout.await(b.t, "ready")
	return x
}

// explain adds to an error what only logs get to see.
func explain(err error) string {
	var e *rouse.Error
	if errors.As(err, &e) && e.Cause != nil {
		return fmt.Sprintf("%v (%v)", err, e.Cause)
	}
	return err.Error()
}

func (b *bench) tryStart(spec rouse.Spec) (*box, error) {
	rev := rouse.NewRevision("conformance", spec, time.Unix(0, 0))
	sandbox, err := b.host.Driver.Make(b.ctx, driver.Plain(rev))
	if err != nil {
		return nil, err
	}
	endpoint, err := sandbox.Assign(b.ctx, rev)
	if err != nil {
		return nil, errors.Join(err, sandbox.Stop(b.ctx))
	}
	return b.box(rev, sandbox, endpoint), nil
}

func (b *bench) box(rev rouse.Revision, sandbox driver.Sandbox, endpoint rouse.Endpoint) *box {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.made = append(b.made, sandbox.ID())
	return &box{
		b: b, rev: rev, sandbox: sandbox, endpoint: endpoint,
		stdout: read(endpoint.Stdout), stderr: read(endpoint.Stderr),
		client: &http.Client{Timeout: patience, Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return endpoint.Dial(ctx)
			},
		}},
	}
}

// stop stops the sandbox and reads its output to the end.
func (x *box) stop() {
	x.b.t.Helper()
	if err := x.sandbox.Stop(x.b.ctx); err != nil {
		x.b.t.Errorf("Stop: %v", err)
	}
	if err := x.sandbox.Wait(x.b.ctx); err != nil {
		x.b.t.Errorf("Wait after Stop: %v", err)
	}
	x.drop()
}

// drop closes what the host has of the sandbox.
func (x *box) drop() {
	x.client.CloseIdleConnections()
	if x.endpoint.RuntimeAPI != nil {
		x.endpoint.RuntimeAPI.Close()
	}
	x.stdout.close()
	x.stderr.close()
}

type order struct {
	Do   string `json:"do"`
	Text string `json:"text,omitempty"`
	N    int    `json:"n,omitempty"`
}

// ask has the function do something over HTTP and decodes what it answers
// into value. The function's own error is the error.
func (x *box) ask(o order, value any) error {
	body, err := json.Marshal(o)
	if err != nil {
		return err
	}
	response, err := x.client.Post("http://sandbox/", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	return decode(b, value)
}

func decode(b []byte, value any) error {
	answer := struct {
		Value any    `json:"value"`
		Error string `json:"error"`
	}{Value: value}
	if err := json.Unmarshal(b, &answer); err != nil {
		return err
	}
	if answer.Error != "" {
		return errors.New(answer.Error)
	}
	return nil
}

// must is ask, where an error fails the test.
func (x *box) must(o order, value any) {
	x.b.t.Helper()
	if err := x.ask(o, value); err != nil {
		x.b.t.Fatalf("%s: %v", o.Do, err)
	}
}

// exit waits for the end of the present run.
func (x *box) exit() rouse.Exit {
	x.b.t.Helper()
	exit, err := x.endpoint.Process.Wait(x.b.ctx)
	if err != nil {
		x.b.t.Fatalf("waiting for the process' end: %v", err)
	}
	return exit
}

// lines is what a process prints.
type lines struct {
	from io.ReadCloser
	end  chan struct{}

	mu    sync.Mutex
	all   []string
	more  chan struct{} // closed and replaced at each line
	taken int           // lines that await has passed
}

func read(from io.ReadCloser) *lines {
	l := &lines{from: from, end: make(chan struct{}), more: make(chan struct{})}
	go func() {
		defer close(l.end)
		for s := bufio.NewScanner(from); s.Scan(); {
			l.mu.Lock()
			l.all = append(l.all, s.Text())
			close(l.more)
			l.more = make(chan struct{})
			l.mu.Unlock()
		}
	}()
	return l
}

func (l *lines) close() {
	l.from.Close()
	<-l.end
}

// await blocks until a line contains text, counting from the last one awaited.
func (l *lines) await(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		l.mu.Lock()
		for ; l.taken < len(l.all); l.taken++ {
			if strings.Contains(l.all[l.taken], text) {
				l.taken++
				l.mu.Unlock()
				return
			}
		}
		more := l.more
		l.mu.Unlock()
		select {
		case <-more:
		case <-l.end:
			l.mu.Lock()
			rest := l.taken < len(l.all)
			l.mu.Unlock()
			if !rest {
				t.Fatalf("the output ended without %q: %q", text, l.all)
			}
		case <-deadline:
			t.Fatalf("no line with %q", text)
		}
	}
}
