package agent_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/runtime/bootstrap"
	"github.com/rousehq/rouse/runtime/wire"
)

// python is an interpreter that is no version manager's script.
func python(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("python3.11", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("python3.11 is not installed")
		}
		t.Skip("python3.11 is not installed")
	}
	return strings.TrimSpace(string(out))
}

// hatch has the agent load modules ahead, and returns what it answers.
func (h *host) hatch(modules ...string) wire.Message {
	h.t.Helper()
	command, err := bootstrap.Planner{}.Zygote("python3.11", rouse.ContractLambda, modules, rouse.Layout{Task: "/var/task"})
	if err != nil {
		h.t.Fatal(err)
	}
	command.Argv[0] = python(h.t)
	reply, _ := h.ask(wire.Message{Kind: wire.KindZygote, Start: &wire.Start{
		Argv: command.Argv, Env: command.Env, Dir: command.Dir, UID: os.Getuid(), GID: os.Getgid(),
	}})
	return reply
}

// forkInto asks for a fork that runs a script, and returns what it prints and
// what the agent answers.
func (h *host) forkInto(script string, env ...string) (*bufio.Reader, wire.Message) {
	h.t.Helper()
	file := filepath.Join(h.t.TempDir(), "script.py")
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		h.t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		h.t.Fatal(err)
	}
	defer w.Close()
	h.t.Cleanup(func() { r.Close() })
	_ = r.SetReadDeadline(time.Now().Add(20 * time.Second))
	out, err := syscall.Dup(int(w.Fd()))
	if err != nil {
		h.t.Fatal(err)
	}
	defer syscall.Close(out)
	h.seq++
	h.tell(wire.Message{Kind: wire.KindStart, Seq: h.seq, Start: &wire.Start{
		Argv: []string{python(h.t), "-S", "-u", file, "arg"}, Env: env, Dir: filepath.Dir(file), UID: os.Getuid(), GID: os.Getgid(), Fork: true,
	}}, out, out, out, out)
	reply, _, err := h.Recv()
	if err != nil || reply.Kind != wire.KindReply || reply.Seq != h.seq {
		h.t.Fatalf("asked to fork, got %+v, %v", reply, err)
	}
	return bufio.NewReader(r), reply
}

func line(t *testing.T, out *bufio.Reader) string {
	t.Helper()
	s, err := out.ReadString('\n')
	if err != nil {
		t.Fatalf("read %q: %v", s, err)
	}
	return strings.TrimSpace(s)
}

func (h *host) exit() wire.Exit {
	h.t.Helper()
	m, _, err := h.Recv()
	if err != nil || m.Kind != wire.KindExit {
		h.t.Fatalf("got %+v, %v", m, err)
	}
	return *m.Exit
}

func TestAForkOfAZygoteIsTheFunction(t *testing.T) {
	h := newHost(t).welcome()
	if reply := h.hatch("json", "decimal"); reply.Error != "" {
		t.Fatal(reply.Error)
	}
	out, reply := h.forkInto(`
import sys, os
print("decimal" in sys.modules, os.environ["A"], sys.argv[1:], os.getppid(), os.getsid(0) == os.getpid())
sys.stdin.read()
sys.exit(3)
`, "A=b")
	if reply.Error != "" {
		t.Fatal(reply.Error)
	}
	if got := line(t, out); !strings.HasPrefix(got, "True b ['arg'] ") || !strings.HasSuffix(got, " True") {
		t.Errorf("it says %q", got)
	}
	if e := h.exit(); e != (wire.Exit{Run: 1, Code: 3}) {
		t.Errorf("exit %+v", e)
	}
	if reply, _ := h.ask(wire.Message{Kind: wire.KindRestart, Run: 2}); reply.Error != "" {
		t.Fatal(reply.Error)
	}
	if got := line(t, out); !strings.HasPrefix(got, "False b ") {
		t.Errorf("after a restart it says %q", got)
	}
	if e := h.exit(); e != (wire.Exit{Run: 2, Code: 3}) {
		t.Errorf("exit %+v", e)
	}
}

func TestAModuleThatCannotBeForkedIsRefusedByName(t *testing.T) {
	dir := t.TempDir()
	for name, source := range map[string]string{
		"rouse_threads": "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
		"rouse_session": "import socket\ns = socket.socket()",
		"rouse_raises":  "raise ValueError('at import')",
		"rouse_exits":   "import sys\nsys.exit(7)",
		"rouse_dies":    "import os\nos._exit(9)",
		"rouse_leaves":  "import os, time\nif os.fork():\n    os._exit(9)\ntime.sleep(600)",
	} {
		if err := os.WriteFile(filepath.Join(dir, name+".py"), []byte(source), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for module, want := range map[string]string{
		"rouse_threads": "module rouse_threads: it starts a thread",
		"rouse_session": "module rouse_session: it opens a connection",
		"rouse_raises":  "module rouse_raises: it cannot be imported: ValueError: at import",
		"rouse_exits":   "module rouse_exits: it cannot be imported: SystemExit: 7",
		"rouse_dies":    "the interpreter ended while it imported modules",
		"rouse_leaves":  "the interpreter ended while it imported modules",
		"rouse_missing": "module rouse_missing: it cannot be imported: ModuleNotFoundError",
	} {
		t.Run(module, func(t *testing.T) {
			h := newHost(t).welcome()
			command, err := bootstrap.Planner{}.Zygote("python3.11", rouse.ContractLambda, []string{"json", module}, rouse.Layout{Task: "/var/task"})
			if err != nil {
				t.Fatal(err)
			}
			command.Argv[0] = python(t)
			reply, _ := h.ask(wire.Message{Kind: wire.KindZygote, Start: &wire.Start{
				Argv: command.Argv, Env: append(command.Env, "PYTHONPATH="+dir), Dir: "/", UID: os.Getuid(), GID: os.Getgid(),
			}})
			if !strings.HasPrefix(reply.Error, want) {
				t.Errorf("got %q, want %q", reply.Error, want)
			}
			out, reply := h.forkInto("print('runs all the same')")
			if reply.Error == "" {
				t.Error("the fork is said to have come about")
			}
			if got := line(t, out); got != "runs all the same" {
				t.Errorf("it says %q", got)
			}
		})
	}
}

func TestAnInterpreterThatIsNotThereIsNoZygote(t *testing.T) {
	h := newHost(t).welcome()
	reply, _ := h.ask(wire.Message{Kind: wire.KindZygote, Start: &wire.Start{Argv: []string{"/no/such/python"}, UID: os.Getuid(), GID: os.Getgid()}})
	if !strings.Contains(reply.Error, "/no/such/python") {
		t.Errorf("got %q", reply.Error)
	}
}

func TestAZygoteThatWasKilledIsReplacedByAPlainStart(t *testing.T) {
	h := newHost(t).welcome()
	if reply := h.hatch("json"); reply.Error != "" {
		t.Fatal(reply.Error)
	}
	if reply, _ := h.ask(wire.Message{Kind: wire.KindKill}); reply.Error != "" {
		t.Fatal(reply.Error)
	}
	out, reply := h.forkInto("import sys\nprint('json' in sys.modules)")
	if reply.Error == "" || line(t, out) != "False" {
		t.Errorf("answered %q", reply.Error)
	}
	if e := h.exit(); e != (wire.Exit{Run: 1}) {
		t.Errorf("exit %+v", e)
	}
}

func TestKillWhileForkingEndsTheRun(t *testing.T) {
	h := newHost(t).welcome()
	if reply := h.hatch("json"); reply.Error != "" {
		t.Fatal(reply.Error)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	fd := int(null.Fd())
	h.tell(wire.Message{Kind: wire.KindStart, Seq: 90, Start: &wire.Start{
		Argv: []string{python(t), "-c", "import time; time.sleep(600)"}, UID: os.Getuid(), GID: os.Getgid(), Fork: true,
	}}, fd, fd, fd, fd)
	h.tell(wire.Message{Kind: wire.KindKill, Seq: 91})
	seen := map[string]bool{}
	for len(seen) < 3 {
		m, _, err := h.Recv()
		if err != nil {
			t.Fatalf("after %v: %v", seen, err)
		}
		if m.Kind == wire.KindExit {
			seen["exit"] = true
			continue
		}
		seen[map[uint64]string{90: "start", 91: "kill"}[m.Seq]] = true
	}
	if !seen["exit"] || !seen["start"] || !seen["kill"] {
		t.Errorf("heard %v", seen)
	}
}

func TestAStartThatWantsNoForkEndsTheZygote(t *testing.T) {
	h := newHost(t).welcome()
	if reply := h.hatch("json"); reply.Error != "" {
		t.Fatal(reply.Error)
	}
	out := h.start("echo alone; exec sleep 1000")
	if got := line(t, out); got != "alone" {
		t.Errorf("it says %q", got)
	}
	pid := strconv.Itoa(h.agent.Process.Pid)
	children, err := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children")
	if err == nil && len(strings.Fields(string(children))) > 1 {
		t.Errorf("the agent has children %q", children)
	}
}
