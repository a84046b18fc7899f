package main

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/rousehq/rouse/runtime/bootstrap"
)

// lookAround is a handler that says what it sees of its sandbox.
const lookAround = `
import ctypes, os, sys

before = sorted(m for m in ("decimal", "ssl", "http.client") if m in sys.modules)
calls = 0

def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError as error:
        return str(error)

def writable(path):
    try:
        open(os.path.join(path, "probe"), "w").close()
        return True
    except OSError as error:
        return error.errno

def handler(event, context):
    global calls
    calls += 1
    if "die" in event.get("body", ""):
        os._exit(3)
    return {
        "before": before,
        "calls": calls,
        "library": ctypes.CDLL("librousetest.so") is not None,
        "seen": {
            "environ": {k: v for k, v in os.environ.items() if not k.startswith(("AWS_LAMBDA_LOG_STREAM", "_X_AMZN"))},
            "cwd": os.getcwd(),
            "user": [os.getuid(), os.getgid(), os.getgroups()],
            "status": [l.split() for l in read("/proc/self/status").splitlines() if l.startswith(("Cap", "NoNew", "Seccomp"))],
            "mounts": sorted((l.split()[4], l.split()[5]) for l in read("/proc/self/mountinfo").splitlines()),
            "group": read("/proc/self/cgroup").count("/function"),
            "oom": read("/proc/self/oom_score_adj"),
            "folders": {d: sorted(os.listdir(d)) for d in ("/", "/var/task", "/tmp", "/etc", "/dev", "/var/runtime")},
            "writable": {d: writable(d) for d in ("/", "/var/task", "/tmp", "/opt", "/dev")},
            "etc": [read("/etc/hosts").count("localhost"), read("/etc/resolv.conf")],
            "init": read("/proc/1/environ"),
            "files": sorted(os.readlink("/proc/self/fd/" + fd).split(":")[0] for fd in ("0", "1", "2")),
            "path": sys.path,
        },
    }
`

const webServer = `
import http.server, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = repr(sorted(m for m in ("decimal", "ssl") if m in sys.modules)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
`

// pythonCode is a folder with both, and a library beside them.
func pythonCode(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	libraries, err := filepath.Glob("/lib/*/libz.so.1")
	if err != nil || len(libraries) == 0 {
		t.Skip("no library at hand to put beside a function")
	}
	library, err := os.ReadFile(libraries[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"app.py": []byte(lookAround), "web.py": []byte(webServer), "lib/librousetest.so": library} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// onPython is a server whose engine has Python's base image.
func onPython(t *testing.T, args ...string) world {
	t.Helper()
	e := findEngine(t)
	resp, err := e.http.Get("http://engine/images/rouse/python3.11/json")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		if os.Getenv("CI") != "" {
			t.Fatal("the engine lacks rouse/python3.11: run make images")
		}
		t.Skip("the engine lacks rouse/python3.11")
	}
	w := world{serve(t, append([]string{"--driver", "docker"}, args...)...), e}
	w.leavesNothing()
	return w
}

// look calls a function and returns its answer and what it was started from.
func (w world) look(name, event string) (answer map[string]any, from string) {
	w.t.Helper()
	resp, err := http.Post(w.url+"/fn/"+name+"/", "application/json", strings.NewReader(event))
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		w.t.Fatalf("%s: %s", resp.Status, body)
	}
	return answer, resp.Header.Get("X-Rouse-Start")
}

// asleep waits until no instance of a function is left.
func (w world) asleep(name string) {
	w.t.Helper()
	until(w.t, name+" sleeps", func() bool { return strings.TrimSpace(w.must("ps", name, "--json")) == "[]" })
}

func TestAFunctionSeesTheSameFromAZygoteAsFromACell(t *testing.T) {
	w := onPython(t, "--cells", "4")
	w.spares(4)
	code := pythonCode(t)
	deploy := func(more ...string) {
		w.must(append([]string{"deploy", "f", "--code", code, "--runtime", "python3.11", "--handler", "lookaround.handler", "--no-wait", "--env", "COLOR=red", "--idle", "1ms"}, more...)...)
	}
	if err := os.Rename(filepath.Join(code, "app.py"), filepath.Join(code, "lookaround.py")); err != nil {
		t.Fatal(err)
	}
	deploy()
	w.spares(4)
	plain, from := w.look("f", `{"context": 1}`)
	if from != "cell" {
		t.Fatalf("the first start was %q, want cell", from)
	}
	w.asleep("f")
	deploy("--zygote", "decimal,ssl")
	forked, from := w.look("f", `{"context": 1}`)
	if from != "zygote" {
		t.Fatalf("the start was %q, want zygote", from)
	}
	if got := forked["before"]; !reflect.DeepEqual(got, []any{"decimal", "ssl"}) {
		t.Errorf("the handler found %v loaded", got)
	}
	if forked["library"] != true {
		t.Error("the loader does not find the code's library")
	}
	a, b := plain["seen"].(map[string]any), forked["seen"].(map[string]any)
	for what := range a {
		if !reflect.DeepEqual(a[what], b[what]) {
			t.Errorf("%s is\n%v from a cell,\n%v from a zygote", what, a[what], b[what])
		}
	}
}

func TestAStartFromAZygoteLivesLikeAnyOther(t *testing.T) {
	w := onPython(t, "--cells", "2")
	w.spares(2)
	code := pythonCode(t)
	w.must("deploy", "f", "--code", code, "--runtime", "python3.11", "--handler", "app.handler", "--zygote", "decimal,ssl", "--zygote", "http.client")
	if ps := w.must("ps"); !strings.Contains(ps, "  zygote  ") {
		t.Errorf("ps:\n%s", ps)
	}
	if first, from := w.look("f", `{}`); from != "warm" || first["calls"] != 1.0 {
		t.Errorf("the first call, %s: %v", from, first)
	}
	if failed, _ := w.look("f", `{"die": true}`); failed["error"] == nil {
		t.Errorf("a handler that ended answered %v", failed)
	}
	if again, _ := w.look("f", `{}`); again["calls"] != 1.0 || len(again["before"].([]any)) != 0 {
		t.Errorf("after a crash: %v", again)
	}

	w.must("deploy", "web", "--code", code, "--runtime", "python3.11", "--handler", "web.py", "--contract", "http", "--zygote", "decimal,ssl", "--no-wait")
	resp, err := http.Get(w.url + "/fn/web/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != "['decimal', 'ssl']" || resp.Header.Get("X-Rouse-Start") != "zygote" {
		t.Errorf("an http function from %s found %s loaded, %v", resp.Header.Get("X-Rouse-Start"), body, err)
	}
}

func TestAZygoteThatCannotBeIsRefusedAtDeployment(t *testing.T) {
	w := onPython(t, "--cells", "2")
	w.spares(2)
	code := pythonCode(t)
	for wrong, want := range map[string]string{
		"no_such_module":     "module no_such_module: it cannot be imported: ModuleNotFoundError",
		"app":                "module app: it cannot be imported", // the function's own
		"json,../etc/passwd": `zygote "../etc/passwd": must be a module's name`,
		"auto,json":          "auto learns the modules",
	} {
		r := w.rouse("deploy", "f", "--code", code, "--runtime", "python3.11", "--handler", "app.handler", "--zygote", wrong)
		if r.code != 1 || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: exit code %d, %s", wrong, r.code, r.stderr)
		}
	}
	r := w.rouse("deploy", "f", "--code", code, "--runtime", "python3.11", "--handler", "app.handler", "--zygote", "json", "--env", "PYTHONHASHSEED=1")
	if r.code != 1 || !strings.Contains(r.stderr, "environment PYTHONHASHSEED: it would come too late") {
		t.Errorf("exit code %d, %s", r.code, r.stderr)
	}
	w.spares(2)
}

// buildPython makes a base image with the bootstrap of this checkout, and a
// package that only it has; it returns its name.
func (w world) buildPython() string {
	w.t.Helper()
	var files bytes.Buffer
	archive := tar.NewWriter(&files)
	add := func(name string, content []byte) {
		err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))})
		if err == nil {
			_, err = archive.Write(content)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	add("Dockerfile", []byte("FROM rouse/python3.11\nCOPY bootstrap /var/runtime\nCOPY packages /usr/local/lib/python3.11/dist-packages\n"))
	// It takes as long to import as it is worth learning.
	add("packages/onlyhere/__init__.py", []byte("import time\nuntil = time.monotonic() + 0.05\nwhile time.monotonic() < until: pass\n"))
	bootstraps := w.t.TempDir()
	if err := (bootstrap.Planner{}).Unpack(bootstraps); err != nil {
		w.t.Fatal(err)
	}
	err := filepath.WalkDir(filepath.Join(bootstraps, "python"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".py" {
			return err
		}
		content, err := os.ReadFile(path)
		add("bootstrap"+strings.TrimPrefix(path, bootstraps), content)
		return err
	})
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	name := rogueImage() + "-python"
	w.docker.call("POST", "/build?t="+name, &files, http.StatusOK)
	w.t.Cleanup(func() { w.docker.call("DELETE", "/images/"+name+"?force=1", nil, 200, 404) })
	return name
}

func TestAutoLearnsWhatTheFunctionImports(t *testing.T) {
	image := onPython(t, "--cells", "0").buildPython()
	w := onPython(t, "--cells", "2", "--runtime-image", "python3.11="+image)
	w.spares(2)
	code := t.TempDir()
	handler := "import os, sys\nbefore = 'onlyhere' in sys.modules\nimport onlyhere, own\nfrom xml.dom import minidom\n" +
		"def handler(event, context):\n    return [before, 'ROUSE_LEARN_IMPORTS' in os.environ]\n"
	for name, content := range map[string]string{"app.py": handler, "own.py": "import decimal\n"} {
		if err := os.WriteFile(filepath.Join(code, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	deploy := []string{"deploy", "f", "--code", code, "--runtime", "python3.11", "--handler", "app.handler", "--zygote", "auto", "--idle", "1ms"}
	w.must(append(deploy, "--no-wait")...)
	started := func(w world) (string, string) {
		t.Helper()
		resp, err := http.Post(w.url+"/fn/f/", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.Header.Get("X-Rouse-Start"), string(body)
	}
	if from, body := started(w); from != "cell" || body != "[false, false]" {
		t.Errorf("the first start was %q and answered %s", from, body)
	}
	w.asleep("f")
	if from, body := started(w); from != "cell" || body != "[false, false]" { // has the zygote made
		t.Errorf("the second start was %q and answered %s", from, body)
	}
	w.asleep("f")
	until(t, "a zygote is ready", func() bool { return w.status().Cells.Zygotes == 1 })
	if from, body := started(w); from != "zygote" || body != "[true, false]" {
		t.Errorf("the third start was %q and answered %s", from, body)
	}
	w.asleep("f")
	if code := w.end(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, w.stderr)
	}

	// What was learned outlives the process.
	again := world{serveIn(t, w.data, "--driver", "docker", "--cells", "2", "--runtime-image", "python3.11="+image), w.docker}
	again.spares(2)
	started(again)
	again.asleep("f")
	until(t, "a zygote is ready", func() bool { return again.status().Cells.Zygotes == 1 })
	if from, _ := started(again); from != "zygote" {
		t.Errorf("after a restart of Rouse the second start was %q", from)
	}
}

func TestARuntimeThatDoesNotExistHasNoImage(t *testing.T) {
	r := command(t, nil, "serve", "--runtime-image", "python9.9=x", "--data", dataDir(t))
	if r.code != 2 || !strings.Contains(r.stderr, "runtime_image python9.9: must be RUNTIME=IMAGE; runtimes are python3.8") {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
}

// remember says which processes in the containers of this server have a word in
// memory that they can write to, or in their environment.
func (w world) remember(word string) (pids []int) {
	w.t.Helper()
	parents := map[int]bool{}
	for _, id := range w.docker.containers(w.data) {
		parents[w.docker.firstProcess(id)] = true
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		w.t.Fatal(err)
	}
	looked := 0
	for _, stat := range stats {
		b, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state parent …
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		parent, _ := strconv.Atoi(fields[1])
		if !parents[pid] && !parents[parent] {
			continue
		}
		looked++
		if inMemory(pid, []byte(word)) {
			pids = append(pids, pid)
		}
	}
	if looked < 2 {
		w.t.Fatalf("only %d processes were looked at", looked)
	}
	return pids
}

// inMemory says whether a word is in a process' environment, or in memory that
// it can write to.
func inMemory(pid int, word []byte) bool {
	dir := fmt.Sprintf("/proc/%d/", pid)
	if environ, _ := os.ReadFile(dir + "environ"); bytes.Contains(environ, word) {
		return true
	}
	maps, err := os.ReadFile(dir + "maps")
	if err != nil {
		return false
	}
	memory, err := os.Open(dir + "mem")
	if err != nil {
		return false
	}
	defer memory.Close()
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var rights string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &from, &to, &rights); n != 3 || !strings.HasPrefix(rights, "rw") || to-from > 64<<20 {
			continue
		}
		b := make([]byte, to-from)
		if n, _ := memory.ReadAt(b, from); bytes.Contains(b[:n], word) {
			return true
		}
	}
	return false
}

func TestAZygoteThatWaitsHoldsNothingOfAFunction(t *testing.T) {
	w := onPython(t, "--cells", "2")
	w.spares(2)
	word := "word-" + strings.ToLower(rand.Text())
	code := tree(t, map[string]string{"app.py": "SECRET = '" + word + "'\ndef handler(event, context): return SECRET\n"})
	w.must("deploy", "f", "--code", code, "--runtime", "python3.11", "--handler", "app.handler", "--zygote", "json", "--env", "WORD="+word, "--no-wait")
	until(t, "a zygote is ready", func() bool { return w.status().Cells.Zygotes == 1 })
	if holders := w.remember(word); len(holders) > 0 {
		t.Errorf("before the first start %d processes know of the function", len(holders))
	}
	resp, err := http.Post(w.url+"/fn/f/", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if from := resp.Header.Get("X-Rouse-Start"); from != "zygote" {
		t.Errorf("it began from %q", from)
	}
	if holders := w.remember(word); len(holders) == 0 {
		t.Error("not even the function knows of itself: this test shows nothing")
	}
}
