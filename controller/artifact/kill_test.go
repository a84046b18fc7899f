package artifact

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// uploaderVar has the test binary add trees to the store it names until it is killed.
const uploaderVar = "ROUSE_TEST_UPLOAD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(uploaderVar); dir != "" {
		fmt.Println(uploadForever(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// uploadForever prints each digest after it was acknowledged.
func uploadForever(dir string) error {
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		var items []item
		for k := range 20 {
			items = append(items, item{fmt.Sprintf("d%d/f%d", k%5, k), 0o644, strings.Repeat(fmt.Sprint(i), 5000)})
		}
		info, err := s.AddZip(context.Background(), bytes.NewReader(zipOf(items...)))
		if err != nil {
			return err
		}
		fmt.Println(info.Digest)
	}
}

// A process is killed while it unpacks: what it acknowledged is there, and
// whatever is visible is whole.
func TestAKillLeavesOnlyWholeTrees(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "artifacts")
	for round := range 5 {
		child := exec.CommandContext(t.Context(), exe)
		child.Env = append(os.Environ(), uploaderVar+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		var acknowledged []string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if acknowledged = append(acknowledged, lines.Text()); len(acknowledged) == 1+round*3 {
				child.Process.Kill() //nolint:errcheck // Wait tells
			}
		}
		child.Wait() //nolint:errcheck // killed
		s, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		left(t, s)
		for _, digest := range acknowledged {
			if _, ok := s.Path(digest); !ok {
				t.Errorf("acknowledged and lost: %s", digest)
			}
		}
		trees, err := os.ReadDir(filepath.Join(dir, algorithm))
		if err != nil {
			t.Fatal(err)
		}
		for _, tree := range trees {
			info, err := s.AddDir(t.Context(), filepath.Join(dir, algorithm, tree.Name()))
			if err != nil || info.Digest != algorithm+":"+tree.Name() {
				t.Errorf("the tree %s has the content of %s, %v", tree.Name(), info.Digest, err)
			}
		}
	}
}
