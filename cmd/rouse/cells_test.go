package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/rousehq/rouse/gateway/adminapi"
)

// status is the server's own.
func (w world) status() (status adminapi.Status) {
	w.t.Helper()
	resp, err := http.Get(w.url + "/api/v1/status")
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&status); err != nil {
		w.t.Fatal(err)
	}
	return status
}

// spares waits until n spare cells are ready. Where there can be none the test
// is skipped.
func (w world) spares(n int) {
	w.t.Helper()
	cells := w.status().Cells
	if cells == nil {
		w.t.Fatal("the driver keeps no cells")
	}
	if cells.Unused != "" {
		if os.Getenv("CI") != "" {
			w.t.Fatalf("cells cannot be used here: %s", cells.Unused)
		}
		w.t.Skipf("cells cannot be used here: %s", cells.Unused)
	}
	until(w.t, "spare cells are ready", func() bool { return w.status().Cells.Ready == n })
}

func onDockerWith(t *testing.T, data string, args ...string) world {
	t.Helper()
	e := findEngine(t)
	e.importRogue()
	return world{serveIn(t, data, append([]string{"--driver", "docker"}, args...)...), e}
}

func TestAFunctionThatNeverRanStartsFromACell(t *testing.T) {
	data := dataDir(t)
	w := onDockerWith(t, data, "--cells", "2")
	w.spares(2)
	for _, contract := range []string{"lambda", "http"} {
		w.rogue(contract, "--contract", contract, "--no-wait")
		r := w.do(contract, order{})
		if got := r.header.Get("X-Rouse-Start"); got != "cell" {
			t.Errorf("%s: the first start was %q, want cell", contract, got)
		}
		for _, phase := range []string{"queue;", "sandbox;", "mount;", "start;", "init;", "first-byte;"} {
			if timing := r.header.Get("Server-Timing"); !strings.Contains(timing, phase) {
				t.Errorf("%s: the timing %q lacks %s", contract, timing, phase)
			}
		}
		if got := w.do(contract, order{}).header.Get("X-Rouse-Start"); got != "warm" {
			t.Errorf("%s: the second call was %q, want warm", contract, got)
		}
		w.spares(2)
	}
	if r := w.rouse("ps"); strings.Count(r.stdout, "  cell  ") != 2 || !strings.Contains(r.stderr, "2 of 2 ready") {
		t.Errorf("ps:\n%s%s", r.stdout, r.stderr)
	}
	resp, err := http.Get(w.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	metrics, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(metrics), `rouse_cells{kind="none",state="ready"} 2`) {
		t.Errorf("metrics lack the spare cells: %v", err)
	}
	if code := w.end(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, w.stderr)
	}

	// Another process, which has never asked the engine for the image.
	again := onDockerWith(t, data, "--cells", "1")
	again.leavesNothing()
	again.spares(1)
	if got := again.do("lambda", order{}).header.Get("X-Rouse-Start"); got != "cell" {
		t.Errorf("after a restart of Rouse the first start was %q, want cell", got)
	}
}

func TestWithoutCellsAStartIsCold(t *testing.T) {
	w := onDockerWith(t, dataDir(t), "--cells", "0")
	w.leavesNothing()
	w.rogue("f", "--no-wait")
	if got := w.do("f", order{}).header.Get("X-Rouse-Start"); got != "cold" {
		t.Errorf("the first start was %q, want cold", got)
	}
	if w.status().Cells != nil {
		t.Error("cells that nobody wanted")
	}
}

func TestABurstOfFunctionsIsServedWithFewCells(t *testing.T) {
	w := onDockerWith(t, dataDir(t), "--cells", "3")
	w.leavesNothing()
	w.spares(3)
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for _, name := range names {
		w.rogue(name, "--no-wait")
	}
	var mu sync.Mutex
	tiers := map[string]int{}
	var all sync.WaitGroup
	for _, name := range names {
		all.Go(func() {
			r, err := w.try(name, order{})
			mu.Lock()
			defer mu.Unlock()
			if err != nil || r.status != http.StatusOK {
				t.Errorf("%s: %v, %d %s", name, err, r.status, r.body)
			}
			tiers[r.header.Get("X-Rouse-Start")]++
		})
	}
	all.Wait()
	if tiers["cell"] < 3 || tiers["cell"]+tiers["cold"] != len(names) {
		t.Errorf("starts %v, want at least 3 from cells and the rest cold", tiers)
	}
	w.spares(3)
}

// open counts this process' descriptors.
func open(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
