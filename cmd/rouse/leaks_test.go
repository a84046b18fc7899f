package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// starts is how many starts and stops a search for leaks takes.
func starts(t *testing.T) int {
	t.Helper()
	if text := os.Getenv("ROUSE_STARTS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if os.Getenv("CI") != "" {
		return 200
	}
	return 15
}

// holdings are what a server has of the host at one moment.
type holdings struct {
	descriptors, goroutines, mounts, containers int
	files                                       int
	bytes                                       int64
}

func (w world) holdings() holdings {
	w.t.Helper()
	h := holdings{descriptors: open(w.t), goroutines: runtime.NumGoroutine(), containers: len(w.docker.containers(w.data))}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		w.t.Fatal(err)
	}
	h.mounts = strings.Count(string(mounts), w.data)
	err = filepath.WalkDir(w.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == filepath.Join(w.data, "logs") { // which are bounded, and grow until then
			return fs.SkipDir
		}
		h.files++
		if info, err := d.Info(); err == nil {
			h.bytes += info.Size()
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

// trace is what the kernel keeps for a container while it is there: its control
// groups and its network namespace.
func (e *engine) trace(id string) []string {
	e.t.Helper()
	var c struct {
		NetworkSettings struct{ SandboxKey string }
	}
	_ = json.Unmarshal(e.call("GET", "/containers/"+id+"/json", nil, 200, 404), &c)
	var paths []string
	for _, pattern := range []string{"/sys/fs/cgroup/*/docker/" + id, "/sys/fs/cgroup/docker/" + id, "/sys/fs/cgroup/system.slice/docker-" + id + ".scope"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			e.t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	if key := c.NetworkSettings.SandboxKey; key != "" {
		paths = append(paths, key)
	}
	return paths
}

// there says whether a control group or a network namespace exists. The engine
// removes the file on which it held a namespace a minute later.
func there(path string) bool {
	if !strings.Contains(path, "/netns/") {
		_, err := os.Stat(path)
		return err == nil
	}
	var s unix.Statfs_t
	return unix.Statfs(path, &s) == nil && s.Type == unix.NSFS_MAGIC
}

// leaving is a handler that starts a process and leaves it.
const leaving = `
import os, subprocess, sys

def handler(event, context):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)", os.environ["MARK"]], start_new_session=True)
    return {"calls": 1}
`

func TestStartsAndStopsInCellsLeaveNothing(t *testing.T) {
	const spares = 4
	w := onPython(t, "--cells", strconv.Itoa(spares))
	w.docker.importRogue()
	w.spares(spares)
	// What they leave behind goes with their cells.
	orders := map[string]order{
		"daemons": {Do: "daemons", Text: mark(t), N: 2}, "litter": {Do: "litter"}, "files": {Do: "fill", N: 1}, "zygote": {},
	}
	for name := range orders {
		if name != "zygote" {
			w.rogue(name, "--idle", "1ms", "--freeze", "--no-wait")
		}
	}
	code := tree(t, map[string]string{"app.py": leaving})
	w.must("deploy", "zygote", "--code", code, "--runtime", "python3.11", "--handler", "app.handler", "--zygote", "json,ssl",
		"--idle", "1ms", "--no-wait", "--env", "MARK="+mark(t))
	traces := map[string][]string{} // by container
	seen := 0
	note := func() {
		for _, id := range w.docker.containers(w.data) {
			if traces[id] == nil {
				traces[id] = w.docker.trace(id)
				seen += len(traces[id])
			}
		}
	}
	tiers := map[string]int{}
	round := func() {
		until(t, "spares are ready", func() bool { c := w.status().Cells; return c.Ready == spares && c.Zygotes == 1 })
		note()
		began := make(chan string)
		for name, o := range orders {
			go func() {
				r, err := w.try(name, o)
				if err != nil || r.status != 200 {
					t.Errorf("%s: %v, %d %s", name, err, r.status, r.body)
				}
				began <- r.begin()
			}()
		}
		for range orders {
			tiers[<-began]++
		}
		until(t, "all sleep again", func() bool { return strings.TrimSpace(w.must("ps", "--json")) == "[]" })
	}
	for range 2 { // so that what is made once is there
		round()
	}
	settled := func() bool {
		c := w.status().Cells
		return c.Ready == spares && c.Zygotes == 1 && len(w.docker.containers(w.data)) == spares
	}
	until(t, "only the spares are left", settled)
	before := w.holdings()
	clear(tiers)
	rounds := (starts(t) + len(orders) - 1) / len(orders)
	for range rounds {
		round()
	}
	until(t, "only the spares are left", settled)
	after := w.holdings()
	// Idle connections to the engine come and go, a few at a time.
	const few = 10
	if after.descriptors > before.descriptors+few || after.goroutines > before.goroutines+few ||
		after.mounts > before.mounts || after.containers != before.containers ||
		after.files > before.files+few || after.bytes > before.bytes+1<<20 {
		t.Errorf("%d starts and stops: %+v before, %+v after", rounds*len(orders), before, after)
	}
	if left := withArgument(t, mark(t)); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
	now := w.docker.containers(w.data)
	for id, paths := range traces {
		for _, path := range paths {
			if !slices.Contains(now, id) && there(path) {
				t.Errorf("a container is gone, and %s is not", path)
			}
		}
	}
	if seen < 2*rounds*len(orders) {
		t.Errorf("%d groups and namespaces were seen in %d rounds: what is looked for is not there", seen, rounds)
	}
	if tiers["zygote"] < rounds*3/4 || tiers["cell"] < rounds*9/4 {
		t.Errorf("starts %v in %d rounds, want one from a zygote and three from cells in each", tiers, rounds)
	}
	t.Logf("%d starts and stops %v: %+v before, %+v after", rounds*len(orders), tiers, before, after)
}
