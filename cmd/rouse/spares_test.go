package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

func TestSpareCellsSurviveAKillOfRouse(t *testing.T) {
	e := findEngine(t)
	e.importRogue()
	data := dataDir(t)
	p := newProgram(t, data, "docker")
	w := world{p.server, e}
	w.spares(2)
	w.rogue("f", "--no-wait")
	if got := w.do("f", order{}).header.Get("X-Rouse-Start"); got != "cell" {
		t.Fatalf("the first start was %q, want cell", got)
	}
	w.spares(2)
	before := e.containers(data)
	_ = p.signal(unix.SIGKILL) // says that it was killed

	w = world{serveIn(t, data, "--driver", "docker"), e}
	w.leavesNothing()
	w.spares(2)
	if after := e.containers(data); !same(before, after) {
		t.Errorf("containers %v before, %v after: the spares were not taken over", before, after)
	}
	w.rogue("g", "--no-wait", "--env", "WORD=mine")
	if r := w.do("g", order{}); r.header.Get("X-Rouse-Start") != "cell" || r.Word != "mine" {
		t.Errorf("a start from a cell that was taken over: %+v", r)
	}
	if r := w.do("f", order{}); r.Calls != 2 {
		t.Errorf("the instance was not taken over: %+v", r)
	}
}

func same(a, b []string) bool {
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func TestSparesMakeRoomForInstances(t *testing.T) {
	w := onDockerWith(t, dataDir(t), "--cells", "2", "--memory-budget", "132MB")
	w.leavesNothing()
	w.spares(1) // of some 6 MB: two do not fit beside what functions could need
	for _, name := range []string{"a", "b"} {
		w.rogue(name, "--no-wait")
	}
	for _, name := range []string{"a", "b"} {
		w.do(name, order{})
	}
	var running []rouse.Instance
	if err := json.Unmarshal([]byte(w.must("ps", "--json")), &running); err != nil || len(running) != 2 {
		t.Errorf("%d instances run, want both: %v", len(running), err)
	}
	until(t, "the spares are gone", func() bool { return w.status().Cells.Ready == 0 })
	w.must("rm", "a")
	until(t, "there are spares again", func() bool { return w.status().Cells.Ready == 2 })
}

// kill ends a container as somebody at the engine would.
func (e *engine) kill(id string) { e.call("POST", "/containers/"+id+"/kill", nil, 204, 404, 409) }

func TestACellThatIsKilledCostsNobodyAnything(t *testing.T) {
	w := onDockerWith(t, dataDir(t), "--cells", "2")
	w.leavesNothing()
	w.spares(2)
	w.rogue("f", "--no-wait")

	// While it is spare: another takes its place.
	spare := w.docker.containers(w.data)[0]
	w.docker.kill(spare)
	until(t, "it is gone", func() bool { return !slices.Contains(w.docker.containers(w.data), spare) })
	w.spares(2)

	// While it is handed out: both at the very moment of a start.
	for n := range 5 {
		for _, id := range w.docker.containers(w.data) {
			go w.docker.kill(id)
		}
		name := fmt.Sprint("burst", n)
		w.rogue(name, "--no-wait")
		if r := w.ask(name, order{}); r.status != 200 {
			// A kill that comes after the process has begun ends the start that it met,
			// and nothing else: the next call is served.
			w.refused(r, r.err.Code)
			until(t, "the next call is served", func() bool { return w.ask(name, order{}).status == 200 })
		} else if from := r.header.Get("X-Rouse-Start"); from != "cell" && from != "cold" {
			t.Errorf("%s started from %q", name, from)
		}
		w.must("rm", name)
		until(t, "the killed are gone", func() bool { return strings.TrimSpace(w.must("ps", "--json")) == "[]" })
		w.spares(2)
	}

	// After it was handed out: its instance is gone, and the function is not.
	w.do("f", order{})
	for _, id := range w.docker.containers(w.data) {
		w.docker.kill(id)
	}
	until(t, "the function is served again", func() bool { return w.ask("f", order{}).status == 200 })
}
