package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// agentName is the program that drivers place in each sandbox.
const agentName = "rouse-agent"

// makeDataDir makes the data directory. Functions run under other users and
// have to reach their code in it, so it may be passed through, but not listed.
func makeDataDir(dir string) error {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	return nil
}

// dataID is a word that no other data directory has; it tells our sandboxes
// from those of another Rouse on the same engine.
func dataID(dir string) (string, error) {
	file := filepath.Join(dir, "id")
	b, err := os.ReadFile(file)
	if id := strings.TrimSpace(string(b)); err == nil && id != "" {
		return id, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	id := make([]byte, 8)
	rand.Read(id)
	text := hex.EncodeToString(id)
	return text, replaceFile(file, strings.NewReader(text+"\n"), 0o600)
}

// replaceFile writes a file that is whole at every moment.
func replaceFile(name string, r io.Reader, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if _, err := io.Copy(f, r); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// findAgent finds rouse-agent: where the configuration says, beside this
// program, or in PATH.
func findAgent(configured string) (string, error) {
	if configured != "" {
		if _, err := os.Stat(configured); err != nil {
			return "", fmt.Errorf("agent: %w", err)
		}
		return configured, nil
	}
	beside := ""
	if self, err := os.Executable(); err == nil {
		beside = filepath.Join(filepath.Dir(self), agentName)
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
			return beside, nil
		}
	}
	if path, err := exec.LookPath(agentName); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("%s was found neither at %s nor in PATH; build it with: CGO_ENABLED=0 go build -o %s ./cmd/rouse-agent, or name it with --agent", agentName, beside, agentName)
}

// placeAgent copies the agent into the data directory, whose path an engine
// sees as we do, and returns the copy's. What runs goes on with the earlier copy.
func placeAgent(from, data string) (string, error) {
	program, err := os.ReadFile(from)
	if err != nil {
		return "", fmt.Errorf("reading the agent: %w", err)
	}
	dir := filepath.Join(data, "agent")
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return "", err
	}
	to := filepath.Join(dir, agentName)
	if placed, err := os.ReadFile(to); err == nil && bytes.Equal(placed, program) {
		return to, nil
	}
	if err := replaceFile(to, bytes.NewReader(program), 0o755); err != nil {
		return "", fmt.Errorf("copying the agent: %w", err)
	}
	return to, nil
}
