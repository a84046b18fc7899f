package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// interpreter is Debian's Python, which has pip where its package is installed.
const interpreter = "/usr/bin/python3.11"

// packages installs a Python package, with what it needs, once into a folder of
// the checkout's cache and returns that.
func packages(ctx context.Context, name, version string) (dir string, err error) {
	dir, err = filepath.Abs(filepath.Join(".cache", "bench", name+"-"+version))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	whole, err := os.MkdirTemp(filepath.Dir(dir), name)
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(whole) // gone when it was moved into place
	cmd := exec.CommandContext(ctx, interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
		"--root-user-action", "ignore", "--target", whole, name+"=="+version)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s %s cannot be installed: %w: %.300s", name, version, err, out)
	}
	return dir, os.Rename(whole, dir)
}

// notMeasured is a line about what cannot be had here.
func notMeasured(r result, why error) result {
	r.Measured, r.Verdict = fmt.Sprintf("not measured: %v", why), recorded
	return r
}
