package agent

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

func TestParentsAreFoundWhateverAProcessCallsItself(t *testing.T) {
	for _, name := range []string{"plain", "a) R 1 (b", "with space", ")))", "1 2 3"} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.Symlink("/bin/sleep", file); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(file, "1000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if got := statOf(strconv.Itoa(cmd.Process.Pid), make([]byte, 512)).parent; got != os.Getpid() {
			t.Errorf("%q: parent %d instead of %d", name, got, os.Getpid())
		}
		if !slices.Contains(descendants(), cmd.Process.Pid) {
			t.Errorf("%q is not found", name)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	if got := statOf("0", make([]byte, 512)).parent; got != 0 {
		t.Errorf("no process has parent %d", got)
	}
}
