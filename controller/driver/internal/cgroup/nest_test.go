package cgroup

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

func TestAnInnerGroupHasADoor(t *testing.T) {
	v1 := Group{Memory: hierarchy(t, map[string]string{"function/tasks": ""})}
	inner, door, err := v1.Nest(7)
	if err != nil {
		t.Fatal(err)
	}
	door.Close()
	if want := filepath.Join(v1.Memory, "function"); inner.Memory != want || door.Name() != want+"/tasks" || inner.Pids != "" {
		t.Errorf("version 1: %+v with door %s", inner, door.Name())
	}

	v2 := Group{V2: true, Memory: hierarchy(t, map[string]string{
		"cgroup.subtree_control": "", "agent/cgroup.procs": "", "function/cgroup.procs": "",
	})}
	if inner, door, err = v2.Nest(7); err != nil {
		t.Fatal(err)
	}
	door.Close()
	for file, want := range map[string]string{"agent/cgroup.procs": "7", "cgroup.subtree_control": "+memory", "function/cgroup.procs": ""} {
		if b, err := os.ReadFile(filepath.Join(v2.Memory, file)); string(b) != want {
			t.Errorf("version 2: %s holds %q, want %q, %v", file, b, want, err)
		}
	}
	if found, ok := v2.Nested(); !ok || found != inner || !found.V2 {
		t.Errorf("it is found as %+v, %t", found, ok)
	}
	if _, ok := (Group{Memory: t.TempDir()}).Nested(); ok {
		t.Error("an inner group was found where none is")
	}
}

// nested makes a group in which a process, the agent, has made an inner one with
// half of its memory. It skips the test where control groups cannot be written.
func nested(t *testing.T, name string) (outer, inner Group, door *os.File, agent int) {
	t.Helper()
	outer, err := Make("rouse-test", name+strconv.Itoa(os.Getpid()), Limits{Memory: 64 * rouse.MB})
	if err != nil {
		t.Skip("control groups cannot be made here: ", err)
	}
	t.Cleanup(func() {
		for _, name := range []string{functionGroup, agentGroup} {
			_ = os.Remove(filepath.Join(outer.Memory, name))
		}
		if err := outer.Remove(); err != nil {
			t.Error(err)
		}
	})
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(cmd) })
	if err := outer.Add(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	inner, door, err = outer.Nest(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	if err := inner.Limit(Limits{Memory: 32 * rouse.MB}); err != nil {
		t.Fatal(err)
	}
	return outer, inner, door, cmd.Process.Pid
}

func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func TestWhoGoesThroughTheDoorIsLimited(t *testing.T) {
	_, _, door, agent := nested(t, "door-")
	function := exec.Command("sh", "-c", "printf 0 >&3 && echo in && exec sleep 1000")
	function.ExtraFiles = []*os.File{door}
	ready, err := function.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := function.Start(); err != nil {
		t.Fatal(err)
	}
	defer end(function)
	if _, err := ready.Read(make([]byte, 2)); err != nil {
		t.Fatalf("it did not get in: %v", err)
	}
	for pid, want := range map[int]bool{function.Process.Pid: true, agent: false} {
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
		if in := strings.Contains(string(b), "/"+functionGroup+"\n"); err != nil || in != want {
			t.Errorf("process %d is inside: %t, want %t (%v)\n%s", pid, in, want, err, b)
		}
	}
}

func TestWhoEatsMoreThanItMayIsKnownToHaveBeenKilledForIt(t *testing.T) {
	outer, inner, door, agent := nested(t, "hungry-")
	gauge, err := NewGauge(inner)
	if err != nil {
		t.Fatal(err)
	}
	defer gauge.Close()
	function := exec.Command("sh", "-c", "printf 0 >&3 && exec tail /dev/zero") // which looks for the last line
	function.ExtraFiles = []*os.File{door}
	if err := function.Run(); err == nil || function.ProcessState.Success() {
		t.Fatalf("it ended with %v", err)
	}
	exit := gauge.Inspect(rouse.Exit{Code: -1, Signal: "killed"})
	if !exit.OOM || exit.PeakMemory < 16*rouse.MB || exit.PeakMemory > 33*rouse.MB {
		t.Errorf("judged %+v", exit)
	}
	if pids, err := outer.Tree(); err != nil || len(pids) != 1 || pids[0] != agent {
		t.Errorf("processes %v are left, want the agent %d: %v", pids, agent, err)
	}
}
