package cgroup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

// hierarchy writes files that look like a control group file system.
func hierarchy(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestMembershipIsFoundInBothVersions(t *testing.T) {
	root := hierarchy(t, map[string]string{
		"v1":   "4:memory:/docker/abc\n8:pids:/docker/abc\n2:cpu,cpuacct:/docker/abc\n0::/\n",
		"v2":   "0::/docker/abc\n",
		"junk": "what is this\n",
	})
	v1, err := of(root, filepath.Join(root, "v1"))
	if err != nil || v1.V2 || v1.Memory != root+"/memory/docker/abc" || v1.CPU != root+"/cpu/docker/abc" || v1.Pids != root+"/pids/docker/abc" {
		t.Errorf("version 1: %+v, %v", v1, err)
	}
	v2, err := of(root, filepath.Join(root, "v2"))
	if err != nil || !v2.V2 || v2.Memory != root+"/docker/abc" {
		t.Errorf("version 2: %+v, %v", v2, err)
	}
	if _, err := of(root, filepath.Join(root, "junk")); err == nil {
		t.Error("junk was accepted")
	}
}

func TestAProcessOfAnotherGroupIsRefused(t *testing.T) {
	if _, err := Of(os.Getpid(), "no-such-container"); err == nil {
		t.Fatal("this process was taken for a container's")
	}
}

func TestGaugeJudgesEachRunAnew(t *testing.T) {
	for _, version := range []struct {
		name, events, peak string
		v2                 bool
	}{
		{"version 1", "memory.oom_control", "memory.max_usage_in_bytes", false},
		{"version 2", "memory.events", "memory.peak", true},
	} {
		t.Run(version.name, func(t *testing.T) {
			set := func(dir, file, content string) {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			dir := hierarchy(t, map[string]string{version.events: "low 0\noom_kill 2\n", version.peak: "1\n"})
			g, err := NewGauge(Group{Memory: dir, V2: version.v2})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			killed := rouse.Exit{Code: -1, Signal: "killed"}
			if e := g.Inspect(killed); e.OOM {
				t.Error("kills before the run were counted")
			}
			set(dir, version.events, "oom_kill 3\n")
			set(dir, version.peak, "4096\n")
			if e := g.Inspect(killed); !e.OOM || e.PeakMemory != 4096 {
				t.Errorf("a run that was killed for its memory: %+v", e)
			}
			if e := g.Inspect(killed); e.OOM {
				t.Error("a kill was counted for two runs")
			}
			set(dir, version.events, "oom_kill 4\n")
			if e := g.Inspect(rouse.Exit{}); e.OOM {
				t.Error("a run that ended well was called killed, since a child of it was")
			}
		})
	}
}

func TestAGroupInUseIsLimitedInBothVersions(t *testing.T) {
	for _, version := range []struct {
		v2    bool
		files map[string]string
	}{
		{false, map[string]string{
			"memory.limit_in_bytes": "67108864", "memory.memsw.limit_in_bytes": "67108864",
			"cpu.cfs_quota_us": "150000", "cpu.cfs_period_us": "100000", "cpu.shares": "512",
		}},
		{true, map[string]string{
			"memory.max": "67108864", "memory.swap.max": "0", "cpu.max": "150000 100000", "cpu.weight": "20",
		}},
	} {
		empty := make(map[string]string)
		for file := range version.files {
			empty[file] = ""
		}
		dir := hierarchy(t, empty)
		g := Group{Memory: dir, CPU: dir, V2: version.v2}
		if err := g.Limit(Limits{Memory: 64 * rouse.MB, CPU: 1.5, Shares: 512}); err != nil {
			t.Fatal(err)
		}
		for file, want := range version.files {
			if b, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(b) != want {
				t.Errorf("%s: %q, %v; want %q", file, b, err, want)
			}
		}
		if err := (Group{V2: version.v2}).Limit(Limits{Memory: rouse.MB}); err == nil {
			t.Error("a limit without a controller was taken")
		}
	}
}

func TestMakeLimitsAndRemoves(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may make groups")
	}
	g, err := Make("rouse-cgroup-test", t.Name(), Limits{Memory: 64 * rouse.MB, Pids: 7, CPU: 0.5})
	if err != nil {
		t.Skipf("no writable control groups here: %v", err)
	}
	file := "memory.limit_in_bytes"
	if g.V2 {
		file = "memory.max"
	}
	if b, err := os.ReadFile(filepath.Join(g.Memory, file)); err != nil || strings.TrimSpace(string(b)) != "67108864" {
		t.Errorf("memory limit: %q, %v", b, err)
	}
	if g.Pids != "" {
		if b, err := os.ReadFile(filepath.Join(g.Pids, "pids.max")); err != nil || strings.TrimSpace(string(b)) != "7" {
			t.Errorf("pids limit: %q, %v", b, err)
		}
	}
	if pids, err := g.Procs(); err != nil || len(pids) != 0 {
		t.Errorf("processes of a new group: %v, %v", pids, err)
	}
	for range 2 {
		if err := g.Remove(); err != nil {
			t.Fatalf("Remove: %v", err)
		}
	}
	for _, dir := range g.dirs() {
		if _, err := os.Stat(filepath.Dir(dir)); err == nil {
			t.Errorf("%s is left", filepath.Dir(dir))
		}
	}
}
