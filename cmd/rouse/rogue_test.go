package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// world is a server with the rogue function at hand.
type world struct {
	*server
	docker *engine // nil with the process driver
}

// onEachDriver runs f on a server of its own for each driver.
func onEachDriver(t *testing.T, f func(t *testing.T, w world)) {
	t.Run("process", func(t *testing.T) { f(t, world{server: serve(t)}) })
	t.Run("docker", func(t *testing.T) { f(t, onDocker(t)) })
}

func onDocker(t *testing.T) world {
	t.Helper()
	e := findEngine(t)
	e.importRogue()
	w := world{serve(t, "--driver", "docker"), e}
	w.leavesNothing()
	return w
}

// leavesNothing has the end of the test check that the server left nothing.
func (w world) leavesNothing() {
	w.t.Cleanup(func() {
		w.end()
		nothingLeft(w.t, w.data)
		if w.docker != nil {
			if left := w.docker.containers(w.data); len(left) > 0 {
				w.t.Errorf("containers are left: %v", left)
			}
		}
	})
}

// rogueCode are the flags that deploy the rogue function.
func (w world) rogueCode() []string {
	if w.docker != nil {
		return []string{"--image", rogueImage(), "--memory", "64MB"}
	}
	return []string{"--code", filepath.Join(built, "rogue.zip"), "--runtime", "provided", "--memory", "64MB"}
}

// rogue deploys the rogue function.
func (w world) rogue(name string, more ...string) {
	w.t.Helper()
	w.must(append(append([]string{"deploy", name}, w.rogueCode()...), more...)...)
}

// order is what the rogue function is asked for.
type order struct {
	Do   string `json:"do,omitempty"`
	Text string `json:"text,omitempty"`
	N    int    `json:"n,omitempty"`
}

// reply is what came of it.
type reply struct {
	status int
	header http.Header
	body   string
	Calls  int    `json:"calls"`
	PID    int    `json:"pid"`
	Word   string `json:"word"`
	Value  any    `json:"value"`
	err    gateway.ErrorBody
}

// ask has the function called name do something, over HTTP. A connection that
// is cut has status 0.
func (s *server) ask(name string, o order) reply {
	s.t.Helper()
	r, err := s.try(name, o)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// try is ask for other goroutines than the test's.
func (s *server) try(name string, o order) (reply, error) {
	return s.tryUntil(context.Background(), name, o)
}

// tryUntil is try for a caller who leaves with the end of ctx.
func (s *server) tryUntil(ctx context.Context, name string, o order) (reply, error) {
	b, err := json.Marshal(o)
	if err != nil {
		return reply{}, err
	}
	path := s.url + "/fn/" + name + "/"
	if len(b) < 1<<10 { // http functions look here
		path += "?order=" + url.QueryEscape(string(b))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(string(b)))
	if err != nil {
		return reply{}, err
	}
	req.Close = true
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	return readReply(resp)
}

func readReply(resp *http.Response) (reply, error) {
	r := reply{status: resp.StatusCode, header: resp.Header}
	b, err := io.ReadAll(resp.Body)
	r.body = string(b)
	if err != nil {
		return r, err
	}
	if resp.StatusCode < 400 {
		return r, json.Unmarshal(b, &r)
	}
	var envelope struct {
		Error *gateway.ErrorBody `json:"error"`
	}
	envelope.Error = &r.err
	return r, json.Unmarshal(b, &envelope)
}

// do is ask for what has to succeed.
func (s *server) do(name string, o order) reply {
	s.t.Helper()
	r := s.ask(name, o)
	if r.status != http.StatusOK {
		s.t.Fatalf("%s %+v: status %d\n%s\nserver:\n%s", name, o, r.status, r.body, s.stderr)
	}
	return r
}

// refused checks that r is the documented error of code, whose message and
// detail together hold every one of parts.
func (s *server) refused(r reply, code rouse.Code, parts ...string) {
	s.t.Helper()
	text := r.err.Message + "\n" + r.err.Detail
	if r.err.Code != code || r.status != gateway.Status(code) {
		s.t.Errorf("status %d, want %s\n%s", r.status, code, r.body)
		return
	}
	for _, part := range parts {
		if !strings.Contains(text, part) {
			s.t.Errorf("the error does not say %q:\n%s", part, r.body)
		}
	}
	if strings.Contains(r.body, s.data) {
		s.t.Errorf("the error tells a path of the host:\n%s", r.body)
	}
	if r.err.RequestID == "" {
		s.t.Errorf("the error has no request id:\n%s", r.body)
	}
}

// mark is an argument that no process of another test has.
func mark(t *testing.T) string { return filepath.Base(built) + "/" + t.Name() }

// withArgument lists the host's processes that have mark as an argument.
func withArgument(t *testing.T, mark string) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	pids := []int{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(b), "\x00"+mark+"\x00") {
			pid, _ := strconv.Atoi(strings.Split(file, "/")[2])
			pids = append(pids, pid)
		}
	}
	return pids
}

// newGate names a file that rogue functions of the process driver can wait for.
func newGate(t *testing.T) string {
	t.Helper()
	return filepath.Join(filepath.Dir(dataDir(t)), "gate")
}

func openGate(t *testing.T, gate string) {
	t.Helper()
	write(t, gate, "")
}
