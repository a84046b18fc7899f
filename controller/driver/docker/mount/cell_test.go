package mount

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// cellVar has this program be a cell whose root is made in the folder that it names.
const cellVar = "MOUNT_TEST_CELL"

func TestMain(m *testing.M) {
	if dir := os.Getenv(cellVar); dir != "" {
		if err := beCell(dir); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// view is what a process sees after it has entered its new root.
type view struct {
	Root    []string          // names in "/"
	Files   map[string]string // contents by path
	Written map[string]string // path → why it could not be written; "" when it could
	Mounts  string
	PID1    string
	Escaped []string // names in "/" after an attempt to leave the root
	Device  string   // why a device could not be opened
}

// beCell is a container's first process: it makes its namespaces' mounts, waits
// for a word, enters the new root and says what it sees.
func beCell(dir string) error {
	if err := furnish(dir); err != nil {
		return err
	}
	if _, err := os.Stdout.WriteString("ready\n"); err != nil {
		return err
	}
	var look struct{ Files, Write []string }
	if err := json.NewDecoder(os.Stdin).Decode(&look); err != nil {
		return err
	}
	if err := errors.Join(unix.Chdir("/"), unix.Chroot(".."), unix.Chdir("/")); err != nil {
		return err
	}
	v := view{Files: map[string]string{}, Written: map[string]string{}}
	v.Root = names("/")
	for _, file := range look.Files {
		b, err := os.ReadFile(file)
		if err != nil {
			b = []byte(err.Error())
		}
		v.Files[file] = string(b)
	}
	for _, file := range look.Write {
		v.Written[file] = text(os.WriteFile(file, make([]byte, 64<<10), 0o600))
	}
	b, _ := os.ReadFile("/proc/self/mountinfo")
	v.Mounts = string(b)
	b, _ = os.ReadFile("/proc/1/comm")
	v.PID1 = string(b)
	f, err := os.Open("/evil")
	if err == nil {
		f.Close()
	}
	v.Device = text(err)
	v.Escaped = escape()
	return json.NewEncoder(os.Stdout).Encode(v)
}

func furnish(dir string) error {
	const fs = unix.MS_NOSUID
	steps := []error{
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("cell", dir, "tmpfs", fs, ""),
	}
	for _, d := range []string{"proc", "sys", "dev", "etc", "new"} {
		steps = append(steps, os.Mkdir(filepath.Join(dir, d), 0o755))
	}
	steps = append(steps,
		unix.Mount("proc", dir+"/proc", "proc", fs, ""),
		unix.Mount("none", dir+"/proc/sys", "tmpfs", unix.MS_RDONLY, ""), // as an engine masks
		unix.Mount("/sys", dir+"/sys", "", unix.MS_BIND|unix.MS_REC, ""),
		unix.Mount("dev", dir+"/dev", "tmpfs", fs, ""),
		os.WriteFile(dir+"/secret", []byte("of the cell"), 0o600),
	)
	for _, f := range []string{"hosts", "hostname", "resolv.conf"} {
		steps = append(steps, os.WriteFile(filepath.Join(dir, "etc", f), []byte("cell "+f), 0o644))
	}
	steps = append(steps, unix.Chdir(dir), unix.PivotRoot(".", "."), unix.Unmount(".", unix.MNT_DETACH), unix.Chdir("/"))
	return errors.Join(steps...)
}

// escape does what leaves a chroot where nothing stands in the way.
func escape() []string {
	_ = os.Mkdir("/tmp/jail", 0o755)
	out, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return []string{err.Error()}
	}
	if err := unix.Chroot("/tmp/jail"); err != nil {
		return []string{err.Error()}
	}
	_ = unix.Fchdir(out)
	for range 50 {
		_ = unix.Chdir("..")
	}
	_ = unix.Chroot(".")
	return names("/")
}

func names(dir string) []string {
	var list []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// cell is such a process, seen from the host.
type cell struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

// newCell starts a cell. Without the right to, the test is skipped, except in CI.
func newCell(t testing.TB) *cell {
	t.Helper()
	if err := Probe(t.TempDir()); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{cellVar + "=" + t.TempDir()}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &cell{t: t, cmd: cmd, stdin: stdin, stdout: bufio.NewReader(stdout)}
	t.Cleanup(c.end)
	if line, err := c.stdout.ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the cell said %q, %v", line, err)
	}
	return c
}

func (c *cell) end() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

func (c *cell) find() *Cell {
	c.t.Helper()
	found, err := Find(c.cmd.Process.Pid, func(int) error { return nil })
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(found.Close)
	return found
}

// enter has the process enter its new root and say what it sees.
func (c *cell) enter(files, write []string) (v view) {
	c.t.Helper()
	if err := json.NewEncoder(c.stdin).Encode(map[string]any{"Files": files, "Write": write}); err != nil {
		c.t.Fatal(err)
	}
	if err := json.NewDecoder(c.stdout).Decode(&v); err != nil {
		c.t.Fatal(err)
	}
	return v
}
