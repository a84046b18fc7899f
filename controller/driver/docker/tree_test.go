package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

// nest makes folders in one another, deeper than paths and descriptors reach.
func nest(t *testing.T, dir string, depth int) {
	t.Helper()
	at, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	for range depth {
		if err == nil {
			err = unix.Mkdirat(at, "deeper", 0o000)
		}
		var next int
		if err == nil {
			next, err = unix.Openat(at, "deeper", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		}
		if err != nil {
			t.Skip("folders that nobody may enter cannot be entered here: ", err)
		}
		unix.Close(at)
		at = next
	}
	unix.Close(at)
}

func TestWhateverAFunctionWroteIsRemoved(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(dir string) error{
		"nothing":      func(string) error { return nil },
		"deep folders": func(dir string) error { nest(t, dir, 5000); return nil },
		"a link out":   func(dir string) error { return os.Symlink(filepath.Dir(outside), filepath.Join(dir, "link")) },
		"a hard link":  func(dir string) error { return os.Link(outside, filepath.Join(dir, "hard")) },
		"a pipe":       func(dir string) error { return unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600) },
		"a whiteout":   func(dir string) error { return unix.Mknod(filepath.Join(dir, "gone"), unix.S_IFCHR, 0) },
		"our own names": func(dir string) error {
			return os.MkdirAll(filepath.Join(dir, "moved:0", "moved:0", "moved:1", "x"), 0o700)
		},
		"many files": func(dir string) error { return files(dir, 2000) },
		"what was moved": func(dir string) error {
			return os.MkdirAll(filepath.Join(filepath.Dir(dir), "moved:0", "a", "b"), 0o700)
		},
	} {
		dir := filepath.Join(t.TempDir(), "sandbox")
		upper := filepath.Join(dir, "upper")
		if err := os.MkdirAll(upper, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := write(upper); err != nil {
			t.Logf("%s: %v", name, err) // a right that only root has
		}
		if err := removeTree(dir); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(dir); err == nil {
			t.Errorf("%s is left", name)
		}
		if err := removeTree(dir); err != nil {
			t.Errorf("%s, removed again: %v", name, err)
		}
	}
	if _, err := os.Lstat(outside); err != nil {
		t.Errorf("what lies outside went too: %v", err)
	}
}

func files(dir string, n int) error {
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func TestWhatAFunctionWroteIsAddedUp(t *testing.T) {
	dir := t.TempDir()
	if got := written(dir, rouse.MB); got > 8*rouse.KB {
		t.Errorf("nothing takes %s", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "a"), make([]byte, 300<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := written(dir, rouse.MB); got < 300*rouse.KB || got > 350*rouse.KB {
		t.Errorf("300KB take %s", got)
	}
	if err := os.Truncate(filepath.Join(dir, "a"), 1<<30); err != nil {
		t.Fatal(err)
	}
	if got := written(dir, rouse.MB); got > 350*rouse.KB {
		t.Errorf("a hole takes %s", got)
	}
	if err := files(dir, 500); err != nil {
		t.Fatal(err)
	}
	if got := written(dir, rouse.MB); got <= rouse.MB {
		t.Errorf("500 names take %s", got)
	}
	deep := t.TempDir()
	nest(t, deep, 3000)
	if got := written(deep, rouse.GB); got <= rouse.GB {
		t.Errorf("folders too deep to be looked at take %s", got)
	}
}
