package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// rogueImage names an image with the rogue function, apart from that of another
// run of the tests.
func rogueImage() string { return strings.ToLower(filepath.Base(built)) }

// engine speaks to the Docker engine, whose library belongs to its driver.
type engine struct {
	t      *testing.T
	socket string
	http   *http.Client
}

// findEngine skips the test where no engine answers, except where CI promised one.
func findEngine(t *testing.T) *engine {
	t.Helper()
	socket := "/var/run/docker.sock"
	if host, ok := strings.CutPrefix(os.Getenv("DOCKER_HOST"), "unix://"); ok {
		socket = host
	}
	e := engineAt(t, socket)
	switch err := e.ping(); {
	case err != nil && os.Getenv("CI") != "":
		t.Fatalf("no Docker engine answers: %v", err)
	case err != nil:
		t.Skipf("no Docker engine answers: %v", err)
	}
	return e
}

func engineAt(t *testing.T, socket string) *engine {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &engine{t: t, socket: socket, http: &http.Client{Transport: transport}}
}

// ping is nil when the engine answers.
func (e *engine) ping() error {
	resp, err := e.http.Get("http://engine/_ping")
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// call sends a request and returns the answer, which must have one of the statuses.
func (e *engine) call(method, path string, body io.Reader, statuses ...int) []byte {
	e.t.Helper()
	req, err := http.NewRequest(method, "http://engine"+path, body)
	if err != nil {
		e.t.Fatal(err)
	}
	resp, err := e.http.Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	if slices.Contains(statuses, resp.StatusCode) {
		return b
	}
	e.t.Fatalf("engine: %s %s: %s: %s", method, path, resp.Status, b)
	return nil
}

// containers lists the ids of the containers of a data directory, ended ones too.
func (e *engine) containers(data string) []string {
	e.t.Helper()
	owner, err := os.ReadFile(filepath.Join(data, "id"))
	if err != nil {
		e.t.Fatal(err)
	}
	filters := url.QueryEscape(`{"label":["rouse.owner=` + strings.TrimSpace(string(owner)) + `"]}`)
	var list []struct{ ID string }
	if err := json.Unmarshal(e.call("GET", "/containers/json?all=1&filters="+filters, nil, 200), &list); err != nil {
		e.t.Fatal(err)
	}
	ids := []string{}
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	return ids
}

// importRogue makes the rogue function's image.
func (e *engine) importRogue() {
	e.t.Helper()
	program, err := os.ReadFile(filepath.Join(built, "rogue", "bootstrap"))
	if err != nil {
		e.t.Fatal(err)
	}
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	for _, err := range []error{
		w.WriteHeader(&tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o777}),
		w.WriteHeader(&tar.Header{Name: "bootstrap", Mode: 0o755, Size: int64(len(program))}),
	} {
		if err != nil {
			e.t.Fatal(err)
		}
	}
	if _, err := w.Write(program); err != nil {
		e.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		e.t.Fatal(err)
	}
	change := url.QueryEscape(`ENTRYPOINT ["/bootstrap"]`)
	e.call("POST", "/images/create?fromSrc=-&repo="+rogueImage()+"&tag=latest&changes="+change, &files, 200)
	e.t.Cleanup(func() { e.call("DELETE", "/images/"+rogueImage()+"?force=1", nil, 200, 404) })
}

// wire is a socket in front of the engine's that can be cut.
type wire struct {
	t      *testing.T
	path   string
	engine string
	work   sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]struct{}
	stalled  bool  // connections are taken and never answered
	most     int64 // bytes from the engine after which it is cut; 0 is no bound
}

// newWire stands before e until the test ends; DOCKER_HOST leads to it.
func newWire(t *testing.T, e *engine) *wire {
	t.Helper()
	dir, err := os.MkdirTemp("", "wire") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t, path: filepath.Join(dir, "s"), engine: e.socket, conns: map[net.Conn]struct{}{}}
	t.Setenv("DOCKER_HOST", "unix://"+w.path)
	w.mend()
	t.Cleanup(func() {
		w.cut()
		w.work.Wait()
		os.RemoveAll(dir)
	})
	return w
}

// cut ends every connection and refuses new ones, until mend.
func (w *wire) cut() { w.hold(false) }

// stall ends every connection and leaves new ones without an answer, until mend.
func (w *wire) stall() {
	w.hold(true)
	w.listen()
}

// cutAfter cuts once the engine has sent so many bytes.
func (w *wire) cutAfter(bytes int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.most = bytes
}

// Write counts what the engine sends.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	full := w.most > 0 && w.most <= int64(len(p))
	w.most = max(w.most-int64(len(p)), 0)
	w.mu.Unlock()
	if full {
		w.cut()
	}
	return len(p), nil
}

func (w *wire) mend() {
	w.hold(false)
	w.listen()
}

func (w *wire) hold(stalled bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stalled = stalled
	if w.listener != nil {
		w.listener.Close()
		w.listener = nil
	}
	for c := range w.conns {
		c.Close()
	}
}

func (w *wire) listen() {
	w.t.Helper()
	listener, err := net.Listen("unix", w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.listener = listener
	w.mu.Unlock()
	w.work.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			w.work.Go(func() { w.carry(c) })
		}
	})
}

// carry joins a connection to the engine until either side ends it.
func (w *wire) carry(c net.Conn) {
	w.mu.Lock()
	stalled := w.stalled
	w.conns[c] = struct{}{}
	w.mu.Unlock()
	defer func() {
		c.Close()
		w.mu.Lock()
		delete(w.conns, c)
		w.mu.Unlock()
	}()
	if stalled {
		_, _ = io.Copy(io.Discard, c) // until it is closed
		return
	}
	up, err := net.Dial("unix", w.engine)
	if err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(up, c)
		up.(*net.UnixConn).CloseWrite() //nolint:errcheck // it may be closed already
	}()
	_, _ = io.Copy(c, io.TeeReader(up, w))
	c.Close()
	up.Close()
	<-done
}
