package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

// firstProcess is the pid of a container's agent, as the host sees it; 0 when
// the container has gone.
func (e *engine) firstProcess(id string) int {
	e.t.Helper()
	var c struct{ State struct{ Pid int } }
	if err := json.Unmarshal(e.call("GET", "/containers/"+id+"/json", nil, 200, 404), &c); err != nil {
		e.t.Fatal(err)
	}
	return c.State.Pid
}

// begin is the state in which a call met its function.
func (r reply) begin() string { return r.header.Get("X-Rouse-Start") }

func TestWithoutItsEngineRouseGoesOnWithTheCellsThatItHas(t *testing.T) {
	e := findEngine(t)
	e.importRogue()
	line := newWire(t, e)
	w := world{serve(t, "--driver", "docker", "--cells", "2"), e}
	w.leavesNothing()
	w.spares(2)
	for _, name := range []string{"a", "b", "c"} {
		w.rogue(name, "--no-wait", "--hold", "1s")
	}

	line.cut()
	for _, name := range []string{"a", "b"} {
		if r := w.do(name, order{}); r.begin() != "cell" {
			t.Errorf("%s, without an engine: began with %q", name, r.begin())
		}
		// While there is no other one, what was used waits for the same function.
		if r := w.do(name, order{}); r.begin() != "warm" || r.Calls != 2 {
			t.Errorf("%s, again: began with %q, call %d", name, r.begin(), r.Calls)
		}
	}
	w.refused(w.ask("c", order{}), rouse.Unavailable, "the Docker engine does not answer")

	line.mend()
	until(t, "the third function starts", func() bool { return w.ask("c", order{}).status == http.StatusOK })
	w.spares(2)
	if r := w.do("a", order{}); r.Calls != 3 {
		t.Errorf("what ran was disturbed: %+v", r)
	}
}

func TestAnEngineThatIsCutUnderLoadLosesNoWarmRequest(t *testing.T) {
	e := findEngine(t)
	e.importRogue()
	line := newWire(t, e)
	w := world{serve(t, "--driver", "docker", "--cells", "2"), e}
	w.leavesNothing()
	w.spares(2)
	w.rogue("warm")
	const burst, functions = 40, 6
	for n := range functions {
		w.rogue(fmt.Sprint("cold", n), "--no-wait", "--hold", "2s")
	}
	answers := make(chan error, burst+functions)
	go func() {
		for range burst { // one after another, over the whole fault
			r, err := w.try("warm", order{})
			if err == nil && r.status != http.StatusOK {
				err = fmt.Errorf("a warm request: %d %s", r.status, r.body)
			}
			answers <- err
		}
	}()
	for n := range functions {
		go func() {
			r, err := w.try(fmt.Sprint("cold", n), order{})
			switch {
			case err != nil:
			case r.status == http.StatusOK:
			case r.err.Code != rouse.Unavailable && r.err.Code != rouse.Timeout && r.err.Code != rouse.StartFailed:
				err = fmt.Errorf("a cold request: %d %s", r.status, r.body)
			}
			answers <- err
		}()
	}
	line.cut()
	for range burst + functions {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	line.mend()
	for n := range functions {
		until(t, "all functions start", func() bool { return w.ask(fmt.Sprint("cold", n), order{}).status == http.StatusOK })
	}
	w.spares(2)
	until(t, "nothing is left of what failed", func() bool {
		const all = functions + 1 + 2
		records, err := os.ReadDir(filepath.Join(w.data, "run"))
		return err == nil && len(records) == all && len(e.containers(w.data)) == all
	})
}

func TestAnAgentThatIsKilledCostsNoMoreThanItsOwnRequest(t *testing.T) {
	w := onDockerWith(t, dataDir(t), "--cells", "1")
	w.leavesNothing()
	w.rogue("f", "--no-wait")
	kill := func() {
		for _, id := range w.docker.containers(w.data) {
			if pid := w.docker.firstProcess(id); pid > 0 {
				_ = unix.Kill(pid, unix.SIGKILL) // which may have ended just now
			}
		}
	}
	w.spares(1)
	kill() // of a spare; who comes at once may still be given it
	if r := w.do("f", order{}); r.begin() != "cell" && r.begin() != "cold" {
		t.Errorf("began with %q", r.begin())
	}
	kill() // of an instance that nobody uses
	until(t, "the function is served again", func() bool { return w.ask("f", order{}).status == http.StatusOK })
	until(t, "nothing is at work", func() bool { return w.status().InFlight == 0 }) // an answer is out before its slot is back

	served := make(chan reply, 1)
	go func() { // of one in the middle of a request
		r, err := w.try("f", order{Do: "never"})
		if err != nil {
			t.Error(err)
		}
		served <- r
	}()
	until(t, "it is at work", func() bool { return w.status().InFlight == 1 })
	kill()
	w.refused(<-served, rouse.FunctionError)
	until(t, "the function is served again", func() bool { return w.ask("f", order{}).status == http.StatusOK })
}

// processor is how many ticks of the processor the processes of a container's
// function have used, and the pid of one of them; 0 when there is none.
func (e *engine) processor(id string) (ticks, pid int) {
	e.t.Helper()
	agent := strconv.Itoa(e.firstProcess(id))
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		e.t.Fatal(err)
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state parent …, of which the 14th and the 15th are ticks
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if fields[1] != agent {
			continue
		}
		for _, field := range fields[11:13] {
			n, err := strconv.Atoi(field)
			if err != nil {
				e.t.Fatal(err)
			}
			ticks += n
		}
		pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(path)))
	}
	return ticks, pid
}

func TestFrozenTimeTakesNothingOfTheProcessor(t *testing.T) {
	w := onDockerWith(t, dataDir(t), "--cells", "1")
	w.leavesNothing()
	w.spares(1)
	w.rogue("busy", "--no-wait")
	there := w.docker.containers(w.data)
	w.do("busy", order{Do: "flood"}) // which goes on after its answer
	var id string
	for _, one := range there {
		if _, pid := w.docker.processor(one); pid > 0 {
			id = one
		}
	}
	if id == "" {
		t.Fatal("the function's process was not found")
	}
	began, pid := w.docker.processor(id)
	until(t, "it is at work", func() bool { now, _ := w.docker.processor(id); return now > began+5 })

	w.must("scale", "busy", "--freeze")
	w.frozen("busy")
	until(t, "the kernel has stopped it", func() bool { return stopped(t, pid) })
	before, _ := w.docker.processor(id)
	w.rogue("clock", "--no-wait")
	for range 300 { // so that there is time in which it could run
		w.do("clock", order{})
	}
	if now, same := w.docker.processor(id); now != before || same != pid {
		t.Errorf("frozen, process %d took %d ticks of the processor", same, now-before)
	}
}
