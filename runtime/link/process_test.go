package link

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rousehq/rouse"
)

func TestExitsAreReportedWithCodeAndSignal(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		o := newBox(t, w).launch("sh", "-c", "echo hello; echo oops >&2; exit 7")
		if got := o.wait(); got != (rouse.Exit{Code: 7}) {
			t.Errorf("exit %+v", got)
		}
		if got := o.line(); got != "hello" {
			t.Errorf("stdout %q", got)
		}
		if got, _ := o.errs.ReadString('\n'); got != "oops\n" {
			t.Errorf("stderr %q", got)
		}
		if got := o.wait(); got.Code != 7 {
			t.Errorf("a run that ended before is reported as %+v", got)
		}
	})
	t.Run("signal", func(t *testing.T) {
		o := newBox(t, way{}).launch("sh", "-c", "kill -SEGV $$")
		if got := o.wait(); got != (rouse.Exit{Code: -1, Signal: "segmentation fault"}) {
			t.Errorf("exit %+v", got)
		}
	})
}

func TestInspectCompletesExits(t *testing.T) {
	o := newBox(t, way{}).start(rouse.Launch{
		Contract: rouse.ContractHTTP, Port: 8080,
		Command: rouse.Command{Argv: []string{"true"}},
		Inspect: func(e rouse.Exit) rouse.Exit { e.OOM = true; return e },
	})
	if !o.wait().OOM {
		t.Error("the exit was not inspected")
	}
}

func TestAProgramThatCannotStartSaysWhy(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	noInterpreter := write("no-interpreter", "#!/does/not/exist\n", 0o755)
	garbage := write("garbage", "\x00\x01\x02", 0o755)
	plain := write("plain", "text", 0o644)
	for _, c := range []struct {
		name    string
		command rouse.Command
		code    int
		want    string
	}{
		{"missing file", rouse.Command{Argv: []string{"/does/not/exist"}}, 127, "exec: /does/not/exist: no such file"},
		{"missing in PATH", rouse.Command{Argv: []string{"nonesuch"}}, 127, "exec: nonesuch: not found in PATH /usr/bin:/bin"},
		{"missing directory", rouse.Command{Argv: []string{"true"}, Dir: "/does/not"}, 126, "directory /does/not: no such file"},
		{"no interpreter", rouse.Command{Argv: []string{noInterpreter}}, 126, "does not exist"},
		{"no program", rouse.Command{Argv: []string{garbage}}, 126, "not a program"},
		{"not executable", rouse.Command{Argv: []string{plain}}, 126, "permission denied"},
		{"not executable in PATH", rouse.Command{Argv: []string{"plain"}, Env: []string{"PATH=" + dir}}, 126, plain + ": permission denied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newBox(t, way{}).start(rouse.Launch{Contract: rouse.ContractHTTP, Port: 8080, Command: c.command})
			got := o.wait()
			if got.Code != c.code || !strings.Contains(got.Error, c.want) {
				t.Errorf("exit %+v, want code %d and %q", got, c.code, c.want)
			}
		})
	}
}

func TestNothingOfTheAgentReachesTheFunction(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		o := newBox(t, w).start(rouse.Launch{
			Contract: rouse.ContractHTTP, Port: 8080,
			Command: rouse.Command{
				Argv: []string{"sh", "-c", `ls /proc/self/fd | tr '\n' ' '; echo; env | sort | tr '\n' ' '; echo; grep -E 'Cap(Inh|Prm|Eff|Amb)|NoNewPrivs' /proc/self/status | tr '\n\t' '  '; echo; cat /proc/self/oom_score_adj; pwd`},
				Env:  []string{"PATH=/usr/bin:/bin", "MINE=1"},
				Dir:  "/usr",
			},
		})
		// ls itself has 3 open, on the folder.
		if got := o.line(); got != "0 1 2 3 " {
			t.Errorf("descriptors %q", got)
		}
		if got := o.line(); got != "MINE=1 PATH=/usr/bin:/bin PWD=/usr " {
			t.Errorf("environment %q", got)
		}
		const none = "0000000000000000"
		if got := o.line(); got != "CapInh: "+none+" CapPrm: "+none+" CapEff: "+none+" CapAmb: "+none+" NoNewPrivs: 1 " {
			t.Errorf("rights %q", got)
		}
		if got := o.line(); got != "0" {
			t.Errorf("oom_score_adj %q", got)
		}
		if got := o.line(); got != "/usr" {
			t.Errorf("directory %q", got)
		}
	})
}

func TestTheFunctionRunsAsItsUserWithinItsLimits(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("changing the user takes root")
	}
	o := newBox(t, way{}).start(rouse.Launch{
		Contract: rouse.ContractHTTP, Port: 8080,
		Command: rouse.Command{Argv: []string{"sh", "-c", "id -u; id -g; id -G; ulimit -n; ulimit -Hn; echo again > /dev/stdout"}},
		UID:     4321, GID: 8765, Groups: []int{8765, 99},
		Limits: []rouse.Limit{{Resource: syscall.RLIMIT_NOFILE, Soft: 123, Hard: 456}},
	})
	for _, want := range []string{"4321", "8765", "8765 99", "123", "456", "again"} {
		if got := o.line(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// family starts processes in three sessions, one of them with a dead parent,
// and prints their pids as this namespace sees them.
const family = `
sleep 1000 & 
setsid sleep 1000 &
(setsid sh -c 'trap "" TERM HUP; sleep 1000' &)
echo ready; wait`

func TestKillEndsEveryDescendant(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		b := newBox(t, w)
		o := b.launch("sh", "-c", family)
		o.line()
		waitFor(t, func() bool { return len(b.descendants()) >= 5 })
		if err := o.Process.Kill(soon(t)); err != nil {
			t.Fatal(err)
		}
		if left := b.descendants(); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		if got := o.wait(); got != (rouse.Exit{Code: -1, Signal: "killed"}) {
			t.Errorf("exit %+v", got)
		}
		if err := o.Process.Kill(soon(t)); err != nil {
			t.Errorf("killing what is dead: %v", err)
		}
	})
}

func TestTheEndOfTheMainProcessEndsItsDaemons(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		b := newBox(t, w)
		o := b.launch("sh", "-c", "setsid sleep 1000 & exit 0")
		o.wait()
		waitFor(t, func() bool { return len(b.descendants()) == 0 })
	})
}

// bomb forks again and again, each time into a session of its own.
const bomb = `$| = 1; print "ready\n"; while (1) { my $pid = fork; POSIX::setsid() if defined $pid && !$pid; select(undef, undef, undef, 0.002) }`

func TestKillEndsAForkBomb(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a user of its own takes root")
	}
	for _, w := range ways()[:2] {
		t.Run(w.name, func(t *testing.T) {
			b := newBox(t, w)
			o := b.start(rouse.Launch{
				Contract: rouse.ContractHTTP, Port: 8080, UID: 54321, GID: 54321,
				Command: rouse.Command{Argv: []string{"perl", "-MPOSIX", "-e", bomb}},
				Limits:  []rouse.Limit{{Resource: 6 /* NPROC */, Soft: 60, Hard: 60}},
			})
			o.line()
			waitFor(t, func() bool { return len(b.descendants()) >= 50 })
			if err := o.Process.Kill(soon(t)); err != nil {
				t.Fatal(err)
			}
			if left := b.descendants(); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func TestRestartBeginsANewRunInTheSameSandbox(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		b := newBox(t, w)
		o := b.launch("sh", "-c", "echo run; exec sleep 1000")
		o.line()
		for range 3 {
			if err := o.Process.Restart(soon(t)); err != nil {
				t.Fatal(err)
			}
			if got := o.line(); got != "run" {
				t.Errorf("got %q", got)
			}
		}
		if err := o.Process.Kill(soon(t)); err != nil {
			t.Fatal(err)
		}
		if got := o.wait(); got.Signal != "killed" {
			t.Errorf("exit %+v", got)
		}
		if err := o.Process.Restart(soon(t)); err != nil {
			t.Fatalf("restarting what ended: %v", err)
		}
		o.line()
	})
}

func TestFreezeStopsEveryProcessUntilThaw(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		b := newBox(t, w)
		o := b.launch("sh", "-c", family)
		o.line()
		waitFor(t, func() bool { return len(b.descendants()) >= 5 })
		for range 2 { // it is idempotent
			if err := o.Process.Freeze(soon(t)); err != nil {
				t.Fatal(err)
			}
		}
		// D: it waits for a child of vfork, which is stopped.
		waitFor(t, func() bool { return b.allIn("TD") })
		for range 2 {
			if err := o.Process.Thaw(soon(t)); err != nil {
				t.Fatal(err)
			}
		}
		waitFor(t, func() bool { return b.allIn("SR") })
		if err := o.Process.Freeze(soon(t)); err != nil {
			t.Fatal(err)
		}
		if err := o.Process.Kill(soon(t)); err != nil {
			t.Errorf("killing the frozen: %v", err)
		}
	})
}

func TestRestartsLeakNothing(t *testing.T) {
	b := newBox(t, way{})
	o := b.launch("sleep", "1000")
	if err := o.Process.Restart(soon(t)); err != nil {
		t.Fatal(err)
	}
	agentPID := b.agent.Process.Pid
	ours, theirs := openFiles(t, os.Getpid()), openFiles(t, agentPID)
	for range 200 {
		if err := o.Process.Restart(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	if now := openFiles(t, os.Getpid()); now > ours {
		t.Errorf("the host had %d descriptors and has %d", ours, now)
	}
	if now := openFiles(t, agentPID); now > theirs {
		t.Errorf("the agent had %d descriptors and has %d", theirs, now)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.runs) != 1 || len(b.asked) != 0 {
		t.Errorf("%d runs and %d requests are remembered", len(b.runs), len(b.asked))
	}
}

func openFiles(t *testing.T, pid int) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		t.Skip("cannot look into the agent: ", err)
	}
	return len(entries)
}
