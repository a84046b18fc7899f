package bootstrap_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/runtime/bootstrap"
)

// aCase is one handler and what must come of its events, whichever client of
// the Runtime API runs it. want lists the outcomes without stack traces.
type aCase struct {
	name, handler string
	events        []event
	env           []string
	want          []string
	// anyTrace is set where the stack is the client's own.
	anyTrace bool
}

func on(bodies ...string) []event {
	list := make([]event, len(bodies))
	for i, b := range bodies {
		list[i].body = b
	}
	return list
}

// ours is the process that Plan names for a case.
func ours(t *testing.T, runtime, program, dir string, c aCase) process {
	t.Helper()
	task, err := filepath.Abs("testdata/" + map[bool]string{true: "python", false: "node"}[strings.HasPrefix(runtime, "python")])
	if err != nil {
		t.Fatal(err)
	}
	spec := rouse.DefaultSpec()
	spec.Artifact.Code, spec.Runtime, spec.Handler = "sha256:test", runtime, "x.y"
	rev := rouse.NewRevision("test", spec, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	cmd, err := bootstrap.Planner{}.Plan(rev, rouse.Layout{
		Task: task, Runtime: dir, Tmp: t.TempDir(), Interpreter: program, RuntimeAPI: "replaced", Port: "0",
	})
	if err != nil {
		t.Fatal(err)
	}
	// The cases have handlers that Plan would refuse; an image could still ask for them.
	cmd.Argv[len(cmd.Argv)-1] = c.handler
	return process{argv: cmd.Argv, env: append(cmd.Env, c.env...), dir: cmd.Dir}
}

func unpacked(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := (bootstrap.Planner{}).Unpack(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func interpreter(t *testing.T, name string) string {
	t.Helper()
	path, err := realInterpreter(name)
	if err != nil {
		missing(t, "%s is not installed", name)
	}
	return path
}

// realInterpreter looks behind version managers' wrapper scripts.
func realInterpreter(name string) (string, error) {
	if name == "node" {
		return exec.LookPath(name)
	}
	out, err := exec.Command(name, "-c", "import sys; print(sys.executable)").Output()
	return strings.TrimSpace(string(out)), err
}

// missing skips a test that needs what this machine lacks; CI must have it.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// installed is a folder of the user's cache that command has filled, once.
func installed(t *testing.T, name, program string, args ...string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		missing(t, "no cache folder: %v", err)
	}
	dir := filepath.Join(cache, "rouse-test", name)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), ".new-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(temp) })
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = temp
	if out, err := cmd.CombinedOutput(); err != nil {
		missing(t, "%s cannot be installed: %v\n%s", name, err, out)
	}
	if err := os.Rename(temp, dir); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	return dir
}

// expect compares outcomes with a case's want, leaving stack traces aside.
func expect(t *testing.T, c aCase, got []outcome, printed string) {
	t.Helper()
	if c.want == nil {
		return
	}
	if len(got) != len(c.want) {
		t.Fatalf("outcomes %v, want %v; printed:\n%s", got, c.want, printed)
	}
	for i := range got {
		if o := withoutTraces(got)[i]; o.String() != c.want[i] {
			t.Errorf("outcome %d: %.500s\nwant %.500s", i, o, c.want[i])
		}
	}
}

var trace = regexp.MustCompile(`, ?"(stackTrace|trace)": ?\[.*\]`)

func withoutTraces(list []outcome) []outcome {
	list = slices.Clone(list)
	for i := range list {
		list[i].Body = trace.ReplaceAllString(list[i].Body, "")
		list[i].Trailer = trace.ReplaceAllString(list[i].Trailer, "")
	}
	return list
}

func same(t *testing.T, mine, theirs []outcome, printed string) {
	t.Helper()
	if len(mine) != len(theirs) {
		t.Fatalf("we answered %.800v\nAWS's client %.800v\nprinted:\n%.4000s", mine, theirs, printed)
	}
	for i := range mine {
		if mine[i] != theirs[i] {
			t.Errorf("outcome %d: we answered\n%+.2000v\nAWS's client\n%+.2000v\nprinted:\n%.4000s", i, mine[i], theirs[i], printed)
		}
	}
}
