package docker_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// groups are the memory groups of a sandbox's processes: pid → path, the
// agent's first.
func groups(t *testing.T, agent int) map[int]string {
	t.Helper()
	found := map[int]string{}
	pids := []string{strconv.Itoa(agent)}
	threads, err := filepath.Glob("/proc/" + pids[0] + "/task/*/children") // of each thread
	if err != nil || len(threads) == 0 {
		t.Fatalf("process %d has %d threads, %v", agent, len(threads), err)
	}
	for _, thread := range threads {
		b, err := os.ReadFile(thread)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, strings.Fields(string(b))...)
	}
	for _, word := range pids {
		pid, _ := strconv.Atoi(word)
		b, err := os.ReadFile("/proc/" + word + "/cgroup")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
			if fields[1] == "memory" {
				found[pid] = "/sys/fs/cgroup/memory" + fields[2]
			} else if fields[0] == "0" && found[pid] == "" {
				found[pid] = "/sys/fs/cgroup" + fields[2]
			}
		}
	}
	return found
}

func TestTheAgentIsOutsideOfTheFunctionsMemoryLimit(t *testing.T) {
	api := engine(t)
	d, spare, rev := cellOf(t, api, newImages(t))
	plain, err := d.Make(t.Context(), driver.Plain(rev))
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]driver.Sandbox{"Cell": spare, "Container": plain} {
		t.Run(name, func(t *testing.T) {
			endpoint, err := s.Assign(t.Context(), rev)
			if err != nil {
				t.Fatal(err)
			}
			defer endpoint.Stdout.Close()
			defer endpoint.Stderr.Close()
			answers(t, endpoint)
			r, err := api.ContainerInspect(t.Context(), "rouse-"+string(s.ID()))
			if err != nil {
				t.Fatal(err)
			}
			inside := ""
			for pid, dir := range groups(t, r.State.Pid) {
				if in := filepath.Base(dir) == "function"; in == (pid == r.State.Pid) {
					t.Errorf("process %d is in %s, and the agent is %d", pid, dir, r.State.Pid)
				} else if in {
					inside = dir
				}
			}
			limit := ""
			for _, file := range []string{"memory.limit_in_bytes", "memory.max"} {
				if b, err := os.ReadFile(filepath.Join(inside, file)); err == nil {
					limit = strings.TrimSpace(string(b))
				}
			}
			if want := strconv.FormatInt(int64(rev.Spec.Memory), 10); limit != want {
				t.Errorf("the limit of %s is %q, want %s", inside, limit, want)
			}
			if err := s.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Dir(inside)); err == nil {
				t.Errorf("%s is left", inside)
			}
		})
	}
}

// answers waits until the function listens.
func answers(t *testing.T, endpoint rouse.Endpoint) {
	t.Helper()
	for {
		conn, err := endpoint.Dial(t.Context())
		if err == nil {
			conn.Close()
			return
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}
