package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

// Every function here does wrong; each test calls another function as well,
// whose warm instance must not notice.

func TestGarbageOnTheRuntimeAPIIsRefusedAndChangesNothing(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		w.rogue("f")
		r := w.do("f", order{Do: "garbage"})
		if got, want := fmt.Sprint(r.Value), "[400 505 400 400 400 505 431]"; got != want {
			t.Errorf("garbage was answered with %s, want %s", got, want)
		}
		if again := w.do("f", order{}); again.PID != r.PID || again.Calls != 2 {
			t.Errorf("the process was not gone on with: %+v", again)
		}
	})
}

func TestAnAnswerIsTakenOnceAndForItsOwnEventOnly(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		w.rogue("f")
		first := w.do("f", order{Do: "twice"})
		if said := w.do("f", order{Do: "said"}).Value; said != "403" {
			t.Errorf("the second answer was met with %v, want 403", said)
		}
		r := w.do("f", order{Do: "unknown"})
		if r.Value != "400" {
			t.Errorf("an answer to an unknown id was met with %v, want 400", r.Value)
		}
		if r.PID != first.PID || r.Calls != 3 {
			t.Errorf("the process was not gone on with: %+v", r)
		}
	})
}

func TestATimeoutEndsTheProcessAndKeepsItsTmp(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		w.rogue("f", "--timeout", "1s")
		w.rogue("g")
		neighbour := w.do("g", order{})
		first := w.do("f", order{Do: "write", Text: "kept"})
		mark := mark(t)
		w.do("f", order{Do: "daemons", Text: mark, N: 2})
		w.refused(w.ask("f", order{Do: "never"}), rouse.Timeout, "Task timed out after 1.00 seconds")
		r := w.do("f", order{Do: "read"})
		if r.Value != "kept" || r.PID == first.PID && w.docker == nil || r.Calls != 1 {
			t.Errorf("after the timeout: %+v", r)
		}
		if left := withArgument(t, mark); len(left) > 0 {
			t.Errorf("the process's descendants outlived it: %v", left)
		}
		if again := w.do("g", order{}); again.PID != neighbour.PID || again.Calls != 2 {
			t.Errorf("the neighbour: %+v", again)
		}
	})
}

func TestAProcessThatEndsMidEventIsAnErrorAndStartsAnew(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		w.rogue("f", "--timeout", "2s")
		w.do("f", order{Do: "write", Text: "kept"})
		r := w.ask("f", order{Do: "exit", Text: "last words", N: 7})
		w.refused(r, rouse.FunctionError, "exit status 7", r.header.Get("X-Request-Id"))
		w.waitForLog("f", "last words")
		if r := w.do("f", order{Do: "read"}); r.Value != "kept" || r.Calls != 1 {
			t.Errorf("after the exit: %+v", r)
		}
		w.refused(w.ask("f", order{Do: "half"}), rouse.Timeout, "timed out")
		w.refused(w.ask("f", order{Do: "big", N: 7 << 20}), rouse.FunctionError, "payload size")
		if r := w.do("f", order{Do: "read"}); r.Value != "kept" {
			t.Errorf("after the rest: %+v", r)
		}
	})
}

func TestDaemonsEndWithTheirSandbox(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		mark := mark(t)
		w.rogue("f", "--env", "STUBBORN=1")
		w.do("f", order{Do: "daemons", Text: mark, N: 3})
		if n := len(withArgument(t, mark)); n != 3 {
			t.Fatalf("%d daemons run, want 3", n)
		}
		w.must("rm", "f")
		if code := w.end(); code != 0 {
			t.Errorf("exit code %d:\n%s", code, w.stderr)
		}
		if left := withArgument(t, mark); len(left) > 0 {
			t.Errorf("daemons are left: %v", left)
		}
		nothingLeft(t, w.data)
	})
}

func TestAFullTmpIsTheFunctionsOwnTrouble(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		w.rogue("f", "--tmp", "8MB")
		w.rogue("g", "--tmp", "8MB")
		filled, _ := w.do("f", order{Do: "fill", N: 100}).Value.(map[string]any)
		want := "no space left on device"
		if w.docker == nil {
			want = "file too large" // all that a process can be held to
		}
		if text := fmt.Sprint(filled["error"]); !strings.Contains(text, want) || filled["mb"] != 8.0 {
			t.Errorf("filling /tmp: %v, want 8 MB and %q", filled, want)
		}
		w.do("f", order{})
		w.do("g", order{Do: "write", Text: "room"})
	})
}

func TestMemoryBeyondTheLimitIsSaid(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		w.rogue("f")
		w.rogue("g")
		neighbour := w.do("g", order{})
		w.refused(w.ask("f", order{Do: "eat", N: 512}), rouse.FunctionError, "out of memory at ")
		if r := w.do("f", order{}); r.Calls != 1 {
			t.Errorf("after it: %+v", r)
		}
		if again := w.do("g", order{}); again.PID != neighbour.PID || again.Calls != 2 {
			t.Errorf("the neighbour: %+v", again)
		}
	})
}

func TestAStartThatKeepsFailingIsAnErrorAtOnce(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		w.rogue("f", "--no-wait", "--env", "CRASH=no config", "--hold", "30s")
		for range 8 {
			r := w.ask("f", order{})
			w.refused(r, rouse.StartFailed, "exit status 3", "no config")
			if r.header.Get("Retry-After") == "" {
				t.Errorf("no Retry-After:\n%s", r.body)
			}
		}
		if n := strings.Count(w.stderr.String(), "start failed"); n > 4 {
			t.Errorf("%d starts for 8 requests in a row: there is no back-off", n)
		}
		r := w.rouse("invoke", "f")
		if r.code != exitFailed || !strings.Contains(r.stderr, "no config") {
			t.Errorf("invoke: %+v", r)
		}
	})
}

func TestEndlessOutputIsBoundedAndDisturbsNobody(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		w.rogue("f")
		w.rogue("g")
		w.do("f", order{Do: "flood"})
		w.waitForLog("f", "flood")
		for range 20 {
			w.do("f", order{})
			w.do("g", order{})
		}
		if size := folderSize(t, w.data+"/logs/f"); size > 40<<20 {
			t.Errorf("the log has %d bytes", size)
		}
		w.must("rm", "f")
		w.do("g", order{})
	})
}

func TestConnectionsToTheRuntimeAPIAreBounded(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		w.rogue("f")
		r := w.do("f", order{Do: "conns", N: 500})
		if again := w.do("f", order{}); again.PID != r.PID {
			t.Errorf("the process was not gone on with: %+v", again)
		}
	})
}

func TestRudeServersEndInDocumentedErrors(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		w.rogue("web", "--contract", "http", "--timeout", "1s", "--concurrency", "4")
		first := w.do("web", order{})
		for _, rudeness := range []string{"garbage", "slam", "headers"} {
			w.refused(w.ask("web", order{Do: rudeness}), rouse.FunctionError, "the function")
		}
		w.refused(w.ask("web", order{Do: "never"}), rouse.Timeout, "within its timeout of 1s")
		w.halfAnswered("web", order{Do: "cut"})
		if r := w.do("web", order{}); r.PID != first.PID {
			t.Errorf("the process was not gone on with: %+v", r)
		}
		w.halfAnswered("web", order{Do: "die"})
		w.refused(w.ask("web", order{Do: "exit", N: 7}), rouse.FunctionError, "exit status 7")
		if r := w.do("web", order{}); r.Calls != 1 {
			t.Errorf("after its exit: %+v", r)
		}
	})
}

// halfAnswered checks that a client can tell the answer from a whole one.
func (s *server) halfAnswered(name string, o order) {
	s.t.Helper()
	if r, err := s.try(name, o); err == nil {
		s.t.Errorf("%s: half an answer was taken for a whole one: %+v", o.Do, r)
	}
}

func TestABootstrapThatCannotRunSaysSoWithoutTheHostsPaths(t *testing.T) {
	s := serve(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bootstrap"), []byte("not a program"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, contract := range []string{"lambda", "http"} {
		s.must("deploy", contract, "--no-wait", "--contract", contract, "--code", dir, "--runtime", "provided")
		s.refused(s.ask(contract, order{}), rouse.StartFailed, "/var/task/bootstrap: not a program for this machine")
	}
}
