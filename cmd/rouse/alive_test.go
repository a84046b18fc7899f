package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

// patience is how long a test waits for what has to happen by itself.
const patience = 30 * time.Second

// until looks again and again whether is holds. It is for what nobody announces.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !is() {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// program is rouse serve as a process of its own.
type program struct {
	*server
	cmd   *exec.Cmd
	ended bool
}

func newProgram(t *testing.T, data, driver string, more ...string) *program {
	t.Helper()
	p := &program{server: &server{t: t, data: data, stderr: &output{written: make(chan struct{}, 1)}}}
	p.cmd = exec.Command(filepath.Join(built, "rouse"), append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--driver", driver}, more...)...)
	p.cmd.Stderr = p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.signal(unix.SIGKILL) })
	if _, err := stdout.Read(make([]byte, 100)); err != nil {
		t.Fatalf("serve said nothing: %v\n%s", err, p.stderr)
	}
	b, err := os.ReadFile(filepath.Join(data, "address"))
	if err != nil {
		t.Fatal(err)
	}
	p.url = strings.TrimSpace(string(b))
	return p
}

// signal sends s, unless the program has ended, and waits for its end.
func (p *program) signal(s os.Signal) error {
	if p.ended {
		return nil
	}
	p.ended = true
	return errors.Join(p.cmd.Process.Signal(s), p.cmd.Wait())
}

func TestSIGTERMEndsTheProgramAndLeavesNothing(t *testing.T) {
	data := dataDir(t)
	p := newProgram(t, data, "process")
	w := world{server: p.server}
	w.rogue("f", "--env", "STUBBORN=1")
	w.do("f", order{Do: "daemons", Text: mark(t), N: 1})
	if err := p.signal(unix.SIGTERM); err != nil {
		t.Errorf("%v\n%s", err, p.stderr)
	}
	if left := withArgument(t, mark(t)); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
	nothingLeft(t, data)
}

// rests waits until all but so many requests are over for their instances too,
// which is a moment after their answers.
func (s *server) rests(but int) {
	s.t.Helper()
	until(s.t, "instances rest", func() bool {
		left := but
		var instances []rouse.Instance
		if err := json.Unmarshal([]byte(s.must("ps", "--json")), &instances); err != nil {
			s.t.Fatal(err)
		}
		for _, i := range instances {
			left -= i.InFlight
		}
		return left == 0
	})
}

func TestWarmInstancesSurviveKillsAndOrphansDoNot(t *testing.T) {
	survive := func(t *testing.T, driver string, e *engine, more ...string) {
		data, mark := dataDir(t), mark(t)
		p := newProgram(t, data, driver, more...)
		w := world{p.server, e}
		w.rogue("idle")
		w.rogue("busy", "--timeout", "1m")
		w.rogue("web", "--contract", "http")
		w.rogue("starting", "--no-wait", "--env", "INIT=600000")
		pids := map[string]int{}
		for _, name := range []string{"idle", "busy", "web"} {
			pids[name] = w.do(name, order{Do: "write", Text: name}).PID
		}
		w.do("busy", order{Do: "daemons", Text: mark, N: 1})
		lost := make(chan error, 2)
		for _, name := range []string{"busy", "starting"} {
			go func() {
				_, err := p.try(name, order{Do: "never"})
				lost <- err
			}()
		}
		w.waitForLog("busy", "never")
		until(t, "all four are there", func() bool { return strings.Count(w.must("ps"), "starting") >= 2 })
		w.rests(1)
		_ = p.signal(unix.SIGKILL) // says that it was killed
		for range 2 {
			if err := <-lost; err == nil {
				t.Error("a request was answered")
			}
		}

		p = newProgram(t, data, driver, more...)
		w = world{p.server, e}
		for _, name := range []string{"idle", "web"} {
			if r := w.do(name, order{Do: "read"}); r.PID != pids[name] || r.Calls != 2 || r.Value != name {
				t.Errorf("%s was not taken over warm: %+v", name, r)
			}
		}
		if r := w.do("busy", order{Do: "read"}); r.Calls != 1 || r.Value != "busy" {
			t.Errorf("the interrupted one was not restarted in its sandbox: %+v", r)
		}
		if left := withArgument(t, mark); len(left) > 0 {
			t.Errorf("what it had started is left: %v", left)
		}
		w.rests(0)
		_ = p.signal(unix.SIGKILL) // says that it was killed

		w = world{serveIn(t, data, append([]string{"--driver", driver}, more...)...), e}
		w.leavesNothing()
		for calls, name := range map[int]string{2: "busy", 3: "idle"} {
			if r := w.do(name, order{}); r.Calls != calls {
				t.Errorf("%s was not taken over the second time: %+v", name, r)
			}
		}
		if r := w.do("web", order{}); r.Calls != 3 || r.PID != pids["web"] {
			t.Errorf("web was not taken over the second time: %+v", r)
		}
		w.waitForLog("busy", "never") // the log goes on where it was
	}
	t.Run("process", func(t *testing.T) { survive(t, "process", nil) })
	t.Run("docker", func(t *testing.T) {
		e := findEngine(t)
		e.importRogue()
		survive(t, "docker", e)
	})
	t.Run("docker, relayed", func(t *testing.T) {
		e := findEngine(t)
		e.importRogue()
		survive(t, "docker", e, "--sockets", "relay")
	})
}

func TestStoppingFinishesWhatRunsAndTakesNothingNew(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		mark := mark(t)
		w.rogue("f", "--env", "STUBBORN=1")
		w.rogue("g", "--contract", "http")
		w.do("f", order{Do: "daemons", Text: mark, N: 2})
		type outcome struct {
			reply
			err error
		}
		answered := make(chan outcome, 2)
		for _, name := range []string{"f", "g"} {
			go func() {
				r, err := w.try(name, order{Do: "sleep", N: 500})
				answered <- outcome{r, err}
			}()
			w.waitForLog(name, "asleep")
		}
		w.stop()
		until(t, "new requests are refused", func() bool {
			r, err := w.try("g", order{})
			return err != nil || r.status == http.StatusServiceUnavailable
		})
		if code := w.end(); code != 0 {
			t.Errorf("exit code %d:\n%s", code, w.stderr)
		}
		for range 2 {
			if o := <-answered; o.err != nil || o.status != http.StatusOK {
				t.Errorf("a request that ran: %v, %+v", o.err, o.reply)
			}
		}
		if left := withArgument(t, mark); len(left) > 0 {
			t.Errorf("processes are left: %v", left)
		}
		nothingLeft(t, w.data)
		if w.docker != nil && len(w.docker.containers(w.data)) > 0 {
			t.Error("containers are left")
		}
		if mounts, err := os.ReadFile("/proc/self/mountinfo"); err != nil || strings.Contains(string(mounts), w.data) {
			t.Errorf("mounts are left: %v\n%s", err, mounts)
		}
	})
}

func TestAnEngineThatVanishesIsAnErrorAndComesBack(t *testing.T) {
	e := findEngine(t)
	e.importRogue()
	line := newWire(t, e)
	w := world{serve(t, "--driver", "docker"), e}
	w.leavesNothing()
	w.rogue("warm")
	w.rogue("removed")
	w.rogue("cold", "--no-wait", "--hold", "1s")
	w.do("warm", order{})

	line.cut()
	w.do("warm", order{}) // what runs does not need the engine
	w.refused(w.ask("cold", order{}), rouse.Unavailable, "the Docker engine does not answer")
	w.must("rm", "removed")
	r := w.rouse("deploy", "new", "--image", rogueImage())
	if r.code != exitFailed || !strings.Contains(r.stderr, "the Docker engine does not answer") {
		t.Errorf("deploy: %+v", r)
	}

	line.stall()
	if r := w.ask("cold", order{}); r.err.Code != rouse.Timeout && r.err.Code != rouse.Unavailable {
		t.Errorf("an engine that says nothing: %+v", r)
	}

	line.mend()
	until(t, "the cold function starts", func() bool { return w.ask("cold", order{}).status == http.StatusOK })
	until(t, "what could not be removed goes, and spares come back", func() bool {
		const instances, spares = 2, 2
		records, err := os.ReadDir(filepath.Join(w.data, "run"))
		return err == nil && len(records) == instances+spares && len(e.containers(w.data)) == instances+spares
	})
	if r := w.do("warm", order{}); r.Calls != 3 {
		t.Errorf("the warm function was disturbed: %+v", r)
	}
}

func TestAContainerRemovedFromOutsideIsReplaced(t *testing.T) {
	w := onDocker(t)
	for _, contract := range []string{"lambda", "http"} {
		w.rogue(contract, "--contract", contract)
		w.do(contract, order{})
		for _, id := range w.docker.containers(w.data) {
			w.docker.call("DELETE", "/containers/"+id+"?force=1", nil, 204, 404, 409) // Rouse removes a dead spare too
		}
		if r := w.ask(contract, order{}); r.status != http.StatusOK {
			w.refused(r, rouse.FunctionError)
			until(t, "another one serves", func() bool { return w.ask(contract, order{}).status == http.StatusOK })
		}
		// In the middle of a request.
		ended := make(chan reply, 1)
		go func() {
			r, err := w.try(contract, order{Do: "never"})
			if err != nil {
				t.Error(err)
			}
			ended <- r
		}()
		w.waitForLog(contract, "never")
		for _, id := range w.docker.containers(w.data) {
			w.docker.call("DELETE", "/containers/"+id+"?force=1", nil, 204, 404, 409) // Rouse removes a dead spare too
		}
		w.refused(<-ended, rouse.FunctionError, "sandbox is gone")
		until(t, "another one serves", func() bool { return w.ask(contract, order{}).status == http.StatusOK })
		w.must("rm", contract)
	}
}

func TestAFullDiskIsAnErrorAndThenForgotten(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small disk")
	}
	disk := filepath.Dir(dataDir(t))
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=64m,mode=0755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	w := world{server: serveIn(t, filepath.Join(disk, "data"))}
	w.leavesNothing()
	w.rogue("warm")
	w.rogue("cold", "--no-wait")
	w.do("warm", order{})

	full := filepath.Join(disk, "full")
	f, err := os.Create(full)
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 64<<10); err == nil; {
		_, err = f.Write(block)
	}
	for err = nil; err == nil; {
		_, err = f.Write([]byte{0})
	}
	f.Close()
	for range 20 {
		w.do("warm", order{Do: "say", Text: strings.Repeat("lost ", 1000)})
	}
	w.refused(w.ask("cold", order{}), rouse.Unavailable, "disk is full")
	r := w.rouse(append([]string{"deploy", "new"}, w.rogueCode()...)...)
	if r.code != exitFailed || !strings.Contains(r.stderr, "disk") || strings.Contains(r.stderr, disk) {
		t.Errorf("deploy: %+v", r)
	}

	if err := os.Remove(full); err != nil {
		t.Fatal(err)
	}
	until(t, "the cold function starts", func() bool { return w.ask("cold", order{}).status == http.StatusOK })
	w.rogue("new")
	w.do("warm", order{Do: "say", Text: "found"})
	w.waitForLog("warm", "found")
}
