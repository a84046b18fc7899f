package bootstrap_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/runtime/bootstrap"
)

// wrapped is the command of a function with a wrapper, as a shell's output.
func wrapped(t *testing.T, runtime, wrapper string, l rouse.Layout) (string, error) {
	t.Helper()
	c, err := bootstrap.Planner{}.Plan(revision(func(s *rouse.Spec) {
		s.Runtime, s.Environment = runtime, map[string]string{rouse.ExecWrapper: wrapper}
	}), l)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), c.Argv[0], c.Argv[1:]...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func TestAWrapperStartsTheRuntime(t *testing.T) {
	l := sandbox
	l.Opt, l.Task = t.TempDir(), t.TempDir()
	for _, dir := range []string{l.Opt, l.Task} {
		if err := os.WriteFile(filepath.Join(dir, "wrap"), []byte("#!/bin/sh\necho \"$@\"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ runtime, wrapper, want string }{
		{"python3.11", "/opt/wrap", "python3.11 -u /var/runtime/python/bootstrap.py"},
		{"python3.11", "/var/task/wrap", "python3.11 -u /var/runtime/python/bootstrap.py"},
		{"nodejs20.x", filepath.Join(l.Opt, "wrap"), "node /var/runtime/node/bootstrap.cjs"},
	} {
		if got, err := wrapped(t, c.runtime, c.wrapper, l); got != c.want || err != nil {
			t.Errorf("%s %s: %q, %v", c.runtime, c.wrapper, got, err)
		}
	}
}

func TestAWrapperThatCannotRunSaysWhy(t *testing.T) {
	l := sandbox
	l.Opt = t.TempDir()
	plain := filepath.Join(l.Opt, "plain")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := wrapped(t, "python3.11", "/opt/none", l); got != filepath.Join(l.Opt, "none")+": does not exist" || err == nil || err.Error() != "exit status 127" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := wrapped(t, "python3.11", "/opt/plain", l); got != plain+": is not an executable" || err == nil || err.Error() != "exit status 126" {
		t.Errorf("%q, %v", got, err)
	}
}
