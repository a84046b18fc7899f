package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/phases"
)

// benched runs rouse bench and returns what it printed.
func (w world) benched(args ...string) (sum phases.Summary) {
	w.t.Helper()
	out := w.must(append([]string{"bench", "--json", "-n", "3"}, args...)...)
	if err := json.Unmarshal([]byte(out), &sum); err != nil {
		w.t.Fatalf("%v in %s", err, out)
	}
	return sum
}

// seen checks that every call began with from and went through the phases.
func seen(t *testing.T, sum phases.Summary, from rouse.Tier, want ...rouse.Phase) {
	t.Helper()
	if sum.Met[from] != 3 || len(sum.Met) != 1 {
		t.Errorf("from %s: met %v", from, sum.Met)
	}
	var got []rouse.Phase
	for _, r := range sum.Rows {
		got = append(got, r.Phase)
		if r.Median < 0 || r.P99 < r.P90 || r.P90 < r.Median {
			t.Errorf("%+v", r)
		}
	}
	for i, p := range want {
		if i >= len(got) || got[i] != p {
			t.Errorf("from %s: phases %v, want %v", from, got, want)
			return
		}
	}
}

var (
	thawed = []rouse.Phase{rouse.PhaseThaw, "first-byte", phases.Elsewhere, phases.Total}
	begun  = []rouse.Phase{rouse.PhaseQueue, rouse.PhaseSandbox, rouse.PhaseStart, rouse.PhaseInit, "first-byte", phases.Elsewhere, phases.Total}
	laid   = []rouse.Phase{rouse.PhaseQueue, rouse.PhaseSandbox, rouse.PhaseMount, rouse.PhaseStart, rouse.PhaseInit, "first-byte", phases.Elsewhere, phases.Total}
)

func TestBenchTellsWhereTheTimeOfAnyStartWent(t *testing.T) {
	w := world{server: serve(t)}
	w.rogue("f", "--freeze")
	w.rogue("web", "--contract", "http")
	for _, name := range []string{"f", "web"} {
		seen(t, w.benched(name, "--from", "gone"), rouse.TierCold, begun...)
	}
	seen(t, w.benched("f", "--from", "frozen", "-d", `{"do":"read"}`), rouse.TierFrozen, thawed...)
	seen(t, w.benched("web", "--from", "warm", "--path", "/somewhere?a=b"), rouse.TierWarm, phases.Total)
	if out := w.must("bench", "web", "--from", "gone", "-n", "1"); !strings.HasPrefix(out, "web from gone, 1 calls") || !strings.Contains(out, "\nqueue ") {
		t.Errorf("printed %s", out)
	}
}

func TestBenchWithSpareCells(t *testing.T) {
	w := onDockerWith(t, dataDir(t), "--cells", "1")
	w.leavesNothing()
	w.spares(1)
	w.rogue("f", "--no-wait")
	w.rogue("web", "--no-wait", "--contract", "http")
	for _, name := range []string{"f", "web"} {
		seen(t, w.benched(name), rouse.TierCell, laid...)
	}
	seen(t, w.benched("f", "--from", "gone"), rouse.TierCold, laid...)
	w.spares(1)
}

func TestBenchSaysWhatItCannotBegin(t *testing.T) {
	w := world{server: serve(t)}
	w.rogue("f")
	w.rogue("kept", "--provisioned", "1")
	for _, c := range []struct {
		args []string
		code int
		say  string
	}{
		{[]string{"nobody"}, exitFailed, "does not exist"},
		{[]string{"f"}, exitFailed, "no spare sandboxes are kept here"},
		{[]string{"f", "--from", "zygote"}, exitFailed, "no spare sandboxes are kept here"},
		{[]string{"f", "--from", "frozen"}, exitFailed, "freeze"},
		{[]string{"kept", "--from", "gone"}, exitFailed, "1 provisioned instances"},
		{[]string{"f", "--from", "hell"}, exitUsage, "must be warm, frozen, zygote, cell or gone"},
		{[]string{"f", "-n", "0"}, exitUsage, "must be 1 to 10000"},
		{[]string{"f", "--from", "gone", "--path", "/x"}, exitUsage, "only an http function"},
		{[]string{"f", "--path", "x"}, exitUsage, "must start with /"},
	} {
		if r := w.rouse(append([]string{"bench"}, c.args...)...); r.code != c.code || !strings.Contains(r.stderr, c.say) || r.stdout != "" {
			t.Errorf("bench %v: exit code %d, %s%s", c.args, r.code, r.stdout, r.stderr)
		}
	}
}

func TestBenchLeavesABusyFunctionAlone(t *testing.T) {
	w := world{server: serve(t)}
	w.rogue("f", "--timeout", "20s")
	gate := newGate(t)
	served := make(chan reply, 1)
	go func() {
		r, err := w.try("f", order{Do: "gate", Text: gate})
		if err != nil {
			t.Error(err)
		}
		served <- r
	}()
	until(t, "it is busy", func() bool { return w.status().InFlight == 1 })
	if r := w.rouse("bench", "f", "--from", "gone"); r.code != exitFailed || !strings.Contains(r.stderr, "the function is busy") {
		t.Errorf("%+v", r)
	}
	forced := make(chan result, 1)
	go func() { forced <- w.rouse("bench", "f", "--from", "gone", "--force", "-n", "1") }()
	until(t, "its instance drains", func() bool { return w.status().Instances["draining"] == 1 })
	openGate(t, gate)
	if r := <-served; r.status != 200 {
		t.Errorf("the request that was running: %d %s", r.status, r.body)
	}
	if r := <-forced; r.code != exitDone {
		t.Errorf("%+v", r)
	}
}
