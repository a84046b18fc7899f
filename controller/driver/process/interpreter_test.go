package process

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// program writes an executable file and returns its path.
func program(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func anyone(string) error { return nil }

func TestAProgramIsPreferredToAShimBeforeIt(t *testing.T) {
	dir := t.TempDir()
	program(t, dir+"/shims/python9.9", "#!/bin/sh\nexit 1\n")
	want := program(t, dir+"/bin/python9.9", "\x7fELF")
	t.Setenv("PATH", dir+"/shims:"+dir+"/bin")
	i := interpreters{reachable: anyone}
	if got, err := i.find(t.Context(), "python9.9"); err != nil || got != want {
		t.Fatalf("found %q, %v; want %s", got, err, want)
	}
}

func TestAShimIsAskedForTheProgramBehindIt(t *testing.T) {
	dir := t.TempDir()
	want := program(t, dir+"/versions/python9.9", "\x7fELF")
	program(t, dir+"/shims/python9.9", "#!/bin/sh\necho "+want+"\n")
	t.Setenv("PATH", dir+"/shims")
	i := interpreters{reachable: anyone}
	if got, err := i.find(t.Context(), "python9.9"); err != nil || got != want {
		t.Fatalf("found %q, %v; want %s", got, err, want)
	}
}

func TestAProgramThatFunctionsCannotReachIsPassedOver(t *testing.T) {
	dir := t.TempDir()
	closed := program(t, dir+"/closed/python9.9", "\x7fELF")
	want := program(t, dir+"/open/python9.9", "\x7fELF")
	t.Setenv("PATH", dir+"/closed:"+dir+"/open")
	i := interpreters{reachable: func(path string) error {
		if path == closed {
			return errors.New("closed")
		}
		return nil
	}}
	if got, err := i.find(t.Context(), "python9.9"); err != nil || got != want {
		t.Fatalf("found %q, %v; want %s", got, err, want)
	}
}

func TestAProgramThatIsInstalledLaterIsFound(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	i := interpreters{reachable: anyone}
	if _, err := i.find(t.Context(), "python9.9"); !errors.Is(err, exec.ErrNotFound) {
		t.Fatalf("before: %v", err)
	}
	want := program(t, dir+"/python9.9", "\x7fELF")
	if got, err := i.find(t.Context(), "python9.9"); err != nil || got != want {
		t.Fatalf("after: %q, %v", got, err)
	}
}

func TestReachableLooksAtEveryFolderOnTheWay(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	file := program(t, dir+"/a/b/file", "")
	if err := reachable(file); err != nil {
		t.Fatalf("an open path: %v", err)
	}
	if err := os.Chmod(dir+"/a", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := reachable(file); err == nil {
		t.Fatal("a path through a closed folder was called reachable")
	}
}

func TestUsersAreNeverShared(t *testing.T) {
	u := newUIDs(1000)
	u.claim(1001)
	if a, b := u.take(), u.take(); a != 1000 || b != 1002 {
		t.Fatalf("took %d and %d, want 1000 and 1002", a, b)
	}
	u.give(1001)
	if c := u.take(); c != 1001 {
		t.Fatalf("took %d, want 1001, which is free again", c)
	}
}
