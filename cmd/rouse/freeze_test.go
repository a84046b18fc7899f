package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

// frozen waits until the one instance of a function is stopped.
func (s *server) frozen(name string) {
	s.t.Helper()
	until(s.t, name+" is frozen", func() bool { return strings.Contains(s.must("ps", name), "  frozen  ") })
}

// stopped says whether the kernel has stopped a process of the host.
func stopped(t *testing.T, pid int) bool {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	return strings.HasPrefix(string(b[strings.LastIndexByte(string(b), ')')+1:]), " T ")
}

func TestAFrozenFunctionRunsOnlyForItsRequests(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		w.rogue("f", "--freeze", "--timeout", "1s")
		w.frozen("f")
		first := w.do("f", order{Do: "write", Text: "kept"})
		if got := first.header.Get("X-Rouse-Start"); got != "frozen" {
			t.Errorf("the call met an instance that was %q", got)
		}
		if timing := first.header.Get("Server-Timing"); !strings.HasPrefix(timing, "thaw;dur=") {
			t.Errorf("timing %q", timing)
		}
		w.frozen("f")
		if w.docker == nil {
			until(t, "the kernel has stopped it", func() bool { return stopped(t, first.PID) })
		}
		for n := range 20 { // close behind one another, so that stops and calls meet
			if r := w.do("f", order{Do: "read"}); r.PID != first.PID || r.Value != "kept" {
				t.Fatalf("call %d: %+v", n, r)
			}
		}
		w.frozen("f")
		w.refused(w.ask("f", order{Do: "never"}), rouse.Timeout)
		w.frozen("f")
		if r := w.do("f", order{Do: "read"}); r.Calls != 1 || r.Value != "kept" {
			t.Errorf("after a timeout: %+v", r)
		}
		w.must("scale", "f", "--freeze=false")
		w.do("f", order{})
		if got := w.do("f", order{}).header.Get("X-Rouse-Start"); got != "warm" {
			t.Errorf("no longer frozen, and %q", got)
		}
	})
}

func TestAFrozenFunctionHearsThatItShallEnd(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		w.rogue("f", "--freeze")
		w.frozen("f")
		began := time.Now()
		w.must("scale", "f", "--idle", "1ms")
		until(t, "it sleeps", func() bool { return strings.TrimSpace(w.must("ps", "f", "--json")) == "[]" })
		if took := time.Since(began); took > 1900*time.Millisecond { // the grace that a process has which does not hear
			t.Errorf("the end took %s", took)
		}
		if r := w.do("f", order{}); r.Calls != 1 {
			t.Errorf("after scale to zero: %+v", r)
		}
	})
}

func TestAFrozenFunctionSurvivesAKillOfRouse(t *testing.T) {
	survive := func(t *testing.T, driver string, e *engine) {
		data := dataDir(t)
		p := newProgram(t, data, driver)
		w := world{p.server, e}
		w.rogue("f", "--freeze")
		before := w.do("f", order{})
		w.frozen("f")
		_ = p.signal(unix.SIGKILL) // says that it was killed

		w = world{serveIn(t, data, "--driver", driver), e}
		w.leavesNothing()
		if r := w.do("f", order{}); r.PID != before.PID || r.Calls != 2 {
			t.Errorf("it was not taken over: %+v", r)
		}
		w.frozen("f")
	}
	t.Run("process", func(t *testing.T) { survive(t, "process", nil) })
	t.Run("docker", func(t *testing.T) {
		e := findEngine(t)
		e.importRogue()
		survive(t, "docker", e)
	})
}

func TestAFrozenProcessThatIsKilledIsNoticed(t *testing.T) {
	w := world{server: serve(t)}
	w.rogue("f", "--freeze")
	pid := w.do("f", order{}).PID
	w.frozen("f")
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "it is gone", func() bool { return strings.TrimSpace(w.must("ps", "f", "--json")) == "[]" })
	if r := w.do("f", order{}); r.Calls != 1 || r.PID == pid {
		t.Errorf("%+v", r)
	}
}

func TestOnlyLambdaFunctionsAreFrozen(t *testing.T) {
	w := world{server: serve(t)}
	r := w.rouse(append([]string{"deploy", "web", "--contract", "http", "--freeze"}, w.rogueCode()...)...)
	if r.code != exitFailed || !strings.Contains(r.stderr, "freeze: only for contract lambda") {
		t.Errorf("%+v", r)
	}
}
