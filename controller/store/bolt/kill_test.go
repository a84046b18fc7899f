package bolt

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

// writerVar has the test binary write to the file it names until it is killed.
const writerVar = "ROUSE_TEST_WRITE"

func TestMain(m *testing.M) {
	if path := os.Getenv(writerVar); path != "" {
		fmt.Println(writeForever(path))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// writeForever prints each number after it was acknowledged.
func writeForever(path string) error {
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		if err := s.PutSetting(context.Background(), strconv.Itoa(i), "x"); err != nil {
			return err
		}
		fmt.Println(i)
	}
}

// A process is killed while it writes: all that it acknowledged is there.
func TestNothingAcknowledgedIsLostByAKill(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []int{1, 2, 7, 40, 90} {
		path := filepath.Join(t.TempDir(), "rouse.db")
		child := exec.CommandContext(t.Context(), exe)
		child.Env = append(os.Environ(), writerVar+"="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range after {
			lines.Scan()
		}
		if err := child.Process.Kill(); err != nil {
			t.Error(err)
		}
		last := lines.Text()
		for lines.Scan() { // what it acknowledged until the signal came
			last = lines.Text()
		}
		io.Copy(io.Discard, out) //nolint:errcheck // already at its end
		child.Wait()             //nolint:errcheck // killed
		n, err := strconv.Atoi(last)
		if err != nil || n < after-1 {
			t.Fatalf("the writer said %q: %v", last, err)
		}
		s := openTest(t, path)
		for i := range n + 1 {
			if _, err := s.Setting(t.Context(), strconv.Itoa(i)); err != nil {
				t.Errorf("killed after %d: %d is lost: %v", n, i, err)
			}
		}
	}
}
