package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// built holds the programs that the tests run: rouse, rouse-agent, functions'
// bootstraps and an extension.
var built string

// packed are the archives that are made of some of them.
var packed = map[string]string{"function": "bootstrap", "rogue": "bootstrap", "witnessed": "bootstrap", "layer": "extensions/recorder"}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "rouse-cmd-test-")
	if err == nil {
		err = os.Chmod(dir, 0o755) // sandboxes run under other users
	}
	built = dir
	for name, pkg := range map[string]string{"rouse": ".", agentName: "../rouse-agent", "function/bootstrap": "./testdata/echo", "rogue/bootstrap": "./testdata/rogue",
		"witnessed/bootstrap": "./testdata/witnessed", "layer/extensions/recorder": "./testdata/extension"} {
		if err != nil {
			break
		}
		cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", filepath.Join(dir, name), pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		var out []byte
		if out, err = cmd.CombinedOutput(); err != nil {
			err = fmt.Errorf("building %s: %w\n%s", pkg, err, out)
		}
	}
	for name, program := range packed {
		if err == nil {
			err = zipProgram(name, program)
		}
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else if code = m.Run(); code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// zipProgram makes name.zip of the program in folder name. It is stored, not compressed:
// under the race detector compressing takes seconds.
func zipProgram(name, program string) (err error) {
	f, err := os.Create(filepath.Join(built, name+".zip"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	archive := zip.NewWriter(f)
	header := &zip.FileHeader{Name: program, Method: zip.Store}
	header.SetMode(0o755)
	w, err := archive.CreateHeader(header)
	if err != nil {
		return err
	}
	if err := copyFile(w, filepath.Join(built, name, program)); err != nil {
		return err
	}
	return archive.Close()
}

// dataDir is a folder that sandboxes' users can pass through.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "data")
}

// result is what a command line came to.
type result struct {
	code           int
	stdout, stderr string
}

// command runs one command line in this process.
func command(t *testing.T, env map[string]string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	a := &app{
		stdin: strings.NewReader(`{"print": "from stdin"}`), stdout: &stdout, stderr: &stderr,
		getenv: func(key string) (string, bool) { v, ok := env[key]; return v, ok },
		now:    t.Context(),
	}
	code := a.run(t.Context(), args)
	return result{code, stdout.String(), stderr.String()}
}

// server is a rouse serve in this process.
type server struct {
	t      *testing.T
	url    string
	data   string
	stop   context.CancelFunc // as the first signal
	hurry  context.CancelFunc // as the second
	ended  chan int
	stderr *output
}

// output can be read while it is written.
type output struct {
	mu      sync.Mutex
	b       bytes.Buffer
	written chan struct{} // has a token after a write
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.written <- struct{}{}:
	default:
	}
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// serve starts a server on a free port; it has ended when the test has.
func serve(t *testing.T, args ...string) *server {
	t.Helper()
	return serveIn(t, dataDir(t), args...)
}

func serveIn(t *testing.T, data string, args ...string) *server {
	t.Helper()
	s := &server{t: t, data: data, ended: make(chan int, 1), stderr: &output{written: make(chan struct{}, 1)}}
	ctx, stop := context.WithCancel(context.Background())
	now, hurry := context.WithCancel(context.Background())
	s.stop, s.hurry = stop, hurry
	stdout := &output{written: make(chan struct{}, 1)}
	a := &app{stdout: stdout, stderr: s.stderr, getenv: func(string) (string, bool) { return "", false }, now: now}
	line := append([]string{"serve", "--data", s.data, "--listen", "127.0.0.1:0", "--driver", "process",
		"--agent", filepath.Join(built, agentName)}, args...)
	go func() { s.ended <- a.run(ctx, line) }()
	select {
	case <-stdout.written:
	case code := <-s.ended:
		t.Fatalf("serve ended with %d: %s", code, s.stderr)
	}
	b, err := os.ReadFile(filepath.Join(s.data, "address"))
	if err != nil {
		t.Fatal(err)
	}
	s.url = strings.TrimSpace(string(b))
	t.Cleanup(func() { s.end() })
	return s
}

// end stops the server and returns its exit code; later calls return 0.
func (s *server) end() int {
	s.stop()
	defer s.hurry()
	if s.ended == nil {
		return 0
	}
	code := <-s.ended
	s.ended = nil
	return code
}

// rouse runs a command against the server.
func (s *server) rouse(args ...string) result {
	s.t.Helper()
	return command(s.t, map[string]string{"ROUSE_SERVER": s.url}, args...)
}

// must is rouse for commands that have to succeed; it returns their output.
func (s *server) must(args ...string) string {
	s.t.Helper()
	r := s.rouse(args...)
	if r.code != 0 {
		s.t.Fatalf("rouse %s: exit code %d\n%s\nserver:\n%s", strings.Join(args, " "), r.code, r.stderr, s.stderr)
	}
	return r.stdout
}

func (s *server) deploy(name string, more ...string) {
	s.t.Helper()
	s.must(append([]string{"deploy", name, "--code", filepath.Join(built, "function.zip"), "--runtime", "provided", "--memory", "64MB"}, more...)...)
}

// calls is the count that the function of the tests answers with.
func calls(t *testing.T, answer string) int {
	t.Helper()
	var a struct {
		Calls int `json:"calls"`
	}
	if err := json.Unmarshal([]byte(answer), &a); err != nil {
		t.Fatalf("answer %q: %v", answer, err)
	}
	return a.Calls
}

// nothingLeft checks that a stopped server left no sandbox behind.
func nothingLeft(t *testing.T, data string) {
	t.Helper()
	for _, dir := range []string{"run", "process/sandboxes"} {
		entries, err := os.ReadDir(filepath.Join(data, dir))
		if dir == "process/sandboxes" && errors.Is(err, fs.ErrNotExist) {
			continue // another driver's
		}
		if err != nil || len(entries) > 0 {
			t.Errorf("%s holds %v, %v", dir, entries, err)
		}
	}
	if _, err := os.Stat(filepath.Join(data, "address")); !os.IsNotExist(err) {
		t.Errorf("the address file is left: %v", err)
	}
}

// folderSize is how many bytes the files of a folder have.
func folderSize(t *testing.T, dir string) int64 {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			sum += info.Size()
		}
	}
	return sum
}
