package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

// agent is a running rouse-agent, held by a pidfd: a child of ours, or what an
// earlier host process left.
type agent struct {
	pid   int
	start string        // when it started, in the kernel's ticks: pids are used again
	fd    *os.File      // the pidfd
	child *exec.Cmd     // nil when it is not ours
	done  chan struct{} // closed when it has ended, or when nobody watches any more
}

// startAgent starts the program in a session of its own, so that it outlives us.
// Its last words, which are about itself and never the function's, go to log.
func startAgent(path string, env []string, log *os.File) (*agent, error) {
	fd := -1
	cmd := &exec.Cmd{
		Path: path, Args: []string{path}, Env: env, Dir: "/", Stderr: log,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, PidFD: &fd},
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the agent: %w", err)
	}
	a, err := hold(cmd.Process.Pid, fd)
	if err != nil {
		_ = cmd.Process.Kill()
		return nil, errors.Join(err, cmd.Wait())
	}
	a.child = cmd
	return a, nil
}

// findAgent finds an agent that was started before. It returns ErrGone when it
// has ended, even if something else has its pid now.
func findAgent(pid int, start string) (*agent, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil, rouse.ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("holding process %d: %w", pid, err)
	}
	a, err := hold(pid, fd)
	if err != nil {
		return nil, err
	}
	if a.start != start {
		a.fd.Close()
		return nil, rouse.ErrGone
	}
	return a, nil
}

func hold(pid, fd int) (*agent, error) {
	if fd < 0 {
		return nil, errors.New("this kernel has no pidfds; Linux 5.4 or newer is needed")
	}
	start, err := startTime(pid)
	if err == nil {
		err = unix.SetNonblock(fd, true) // has the runtime's poller wait for it
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("holding process %d: %w", pid, err)
	}
	return &agent{pid: pid, start: start, fd: os.NewFile(uintptr(fd), "pidfd"), done: make(chan struct{})}, nil
}

// watch blocks until the agent has ended, or release was called.
func (a *agent) watch() {
	defer close(a.done)
	conn, err := a.fd.SyscallConn()
	if err != nil {
		return
	}
	ended := false
	_ = conn.Read(func(fd uintptr) bool {
		ended = readable(int(fd))
		return ended
	})
	if ended && a.child != nil {
		_ = a.child.Wait() // the exit of an agent says nothing
	}
}

func (a *agent) ended() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// release has watch return.
func (a *agent) release() { a.fd.Close() }

// kill ends the agent with SIGKILL. What it started lives on.
func (a *agent) kill() {
	conn, err := a.fd.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) { _ = unix.PidfdSendSignal(int(fd), unix.SIGKILL, nil, 0) })
}

func readable(fd int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return err == nil && n > 0
}

// startTime is field 22 of /proc/PID/stat. Fields are counted after the last
// ')', since a program's name may hold anything.
func startTime(pid int) (string, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", err
	}
	s := string(b)
	fields := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	if len(fields) < 20 {
		return "", fmt.Errorf("process %d: short stat", pid)
	}
	return fields[19], nil
}

// lastWords is the end of the agent's log.
func lastWords(log *os.File) string {
	const most = 1 << 10
	b := make([]byte, most)
	info, err := log.Stat()
	if err != nil {
		return ""
	}
	n, err := log.ReadAt(b, max(0, info.Size()-most))
	if err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	return strings.TrimSpace(string(b[:n]))
}
