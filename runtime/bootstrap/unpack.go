package bootstrap

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

//go:embed python/bootstrap.py python/rouse_lambda/*.py node/bootstrap.cjs node/lib/*.cjs
var files embed.FS

// Unpack writes the bootstraps below dir and has each Python that is found in
// PATH compile them, without which every start would. It is idempotent, and
// repairs what was changed.
func (Planner) Unpack(dir string) error {
	changed := false
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		want, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		have, err := os.ReadFile(path)
		if err == nil && bytes.Equal(have, want) {
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		changed = true
		return write(path, want)
	})
	if err != nil {
		return fmt.Errorf("unpacking the bootstraps: %w", err)
	}
	if changed {
		compile(filepath.Join(dir, "python"))
	}
	return nil
}

// write replaces a file in one step: another process may be reading it.
func write(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // fails after the rename, as it should
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Chmod(0o644), temp.Close())
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

// compile is an optimisation: an interpreter that is missed or fails costs its
// functions some milliseconds a start. Functions may not write there
// themselves, since they would write what the next one runs.
func compile(dir string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, e := range table {
		if e.family != python {
			continue
		}
		if program := lookBinary(e.program); program != "" {
			// The content decides whether it is stale, so that no clock and no copy matters.
			_ = exec.CommandContext(ctx, program, "-I", "-S", "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", dir).Run()
		}
	}
}

// lookBinary is exec.LookPath without scripts: a version manager's shim takes
// as long to say that it has no such Python as a Python takes to compile.
func lookBinary(name string) string {
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/local/bin", "/usr/bin") {
		path, err := exec.LookPath(filepath.Join(dir, name))
		if err != nil || !filepath.IsAbs(path) {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		head := make([]byte, 2)
		n, _ := f.Read(head)
		_ = f.Close()
		if string(head[:n]) != "#!" {
			return path
		}
	}
	return ""
}
