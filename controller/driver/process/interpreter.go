package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// interpreters finds programs on the host, and remembers where.
type interpreters struct {
	reachable func(path string) error // whether functions can use a file

	mu    sync.Mutex
	found map[string]string
}

// find blocks while it looks. A program that was not found is looked for again
// the next time, since it may have been installed.
func (i *interpreters) find(ctx context.Context, program string) (string, error) {
	i.mu.Lock()
	path, ok := i.found[program]
	i.mu.Unlock()
	if ok {
		return path, nil
	}
	path, err := i.search(ctx, program)
	if err != nil {
		return "", err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.found == nil {
		i.found = make(map[string]string)
	}
	i.found[program] = path
	return path, nil
}

// search prefers programs to scripts: a version manager's shim costs time at
// each start, and is asked for the program behind it only when there is no other.
func (i *interpreters) search(ctx context.Context, program string) (string, error) {
	dirs := append(filepath.SplitList(os.Getenv("PATH")), "/usr/local/bin", "/usr/bin", "/bin")
	if self, err := os.Executable(); err == nil {
		dirs = append([]string{filepath.Dir(self)}, dirs...) // rouse-onnx lies beside rouse
	}
	var scripts []string
	errs := []error{fmt.Errorf("%s: %w", program, exec.ErrNotFound)}
	for _, dir := range dirs {
		path := filepath.Join(dir, program)
		if !filepath.IsAbs(path) || !executable(path) {
			continue
		}
		if isScript(path) {
			scripts = append(scripts, path)
			continue
		}
		if err := i.usable(path); err != nil {
			errs = append(errs, err)
			continue
		}
		return path, nil
	}
	for _, script := range scripts {
		path, err := behind(ctx, script)
		if err == nil {
			err = i.usable(path)
		}
		if err == nil {
			return path, nil
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

func (i *interpreters) usable(path string) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	return errors.Join(i.reachable(path), i.reachable(target))
}

// behind asks a shim which program it stands for.
func behind(ctx context.Context, shim string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	args := []string{"-c", "import sys; print(sys.executable)"}
	if strings.HasPrefix(filepath.Base(shim), "node") {
		args = []string{"-p", "process.execPath"}
	}
	out, err := exec.CommandContext(ctx, shim, args...).Output()
	if err != nil {
		return "", fmt.Errorf("asking %s for its program: %w", shim, err)
	}
	path := strings.TrimSpace(string(out))
	if !filepath.IsAbs(path) || !executable(path) || isScript(path) {
		return "", fmt.Errorf("%s says that its program is %q, which is none", shim, path)
	}
	return path, nil
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func isScript(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 2)
	n, _ := f.Read(head)
	return string(head[:n]) == "#!"
}

// reachable says whether a user that is neither the owner nor in a group of
// the owner can use the file or folder.
func reachable(path string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	for p := abs; ; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		if err != nil {
			return err
		}
		if info.Mode()&0o001 == 0 {
			return fmt.Errorf("%s is closed to other users (%s)", p, info.Mode())
		}
		if p == filepath.Dir(p) {
			return nil
		}
	}
}
