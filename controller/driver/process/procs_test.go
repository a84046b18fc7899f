package process

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

// sleeper is a process that ends only when it is killed, and with the test.
func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

func alive(t *testing.T, cmd *exec.Cmd) bool {
	t.Helper()
	return len(processesOf(cmd.Process.Pid)) == 1
}

// processesOf lists a process unless it has ended, dead or buried.
func processesOf(pid int) []int {
	if resident([]int{pid}, false) == 0 {
		return nil
	}
	return []int{pid}
}

func TestAPidThatMeansAnotherProcessByNowIsNotKilled(t *testing.T) {
	other, ours := sleeper(t), sleeper(t)
	looks := 0
	err := killAll(t.Context(), func() ([]int, error) {
		if looks++; looks == 1 {
			return append(processesOf(ours.Process.Pid), other.Process.Pid), nil
		}
		return processesOf(ours.Process.Pid), nil
	})
	if err != nil || alive(t, ours) {
		t.Errorf("our own lives on: %v", err)
	}
	if !alive(t, other) {
		t.Error("another process was ended")
	}
}

func TestTheWatcherEndsOnlyWhatIsStillTheSandboxs(t *testing.T) {
	other, ours := sleeper(t), sleeper(t)
	looks := 0
	w := &watcher{limit: 1}
	w.look(func() []int {
		if looks++; looks == 1 {
			return []int{other.Process.Pid, ours.Process.Pid}
		}
		return []int{ours.Process.Pid}
	})
	_ = ours.Wait()
	if exit := w.Inspect(rouse.Exit{Signal: "killed"}); !exit.OOM {
		t.Errorf("the exit is %+v", exit)
	}
	if !alive(t, other) {
		t.Error("another process was ended")
	}
}

func TestWhatCannotBeEndedIsGivenUpInTime(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	looks := 0
	err := killAll(ctx, func() ([]int, error) { // as if a dead process were listed for ever
		looks++
		return []int{1<<22 + 1}, nil
	})
	if err == nil || looks < 2 {
		t.Errorf("after %d looks: %v", looks, err)
	}
}
