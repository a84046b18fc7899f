package agent

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// everyone, as a pid, names every process of the namespace but its first.
const everyone = -1

// isInit says that all processes in sight are ours.
var isInit = os.Getpid() == 1

// kill sends SIGKILL to the whole function. Dying takes a moment, and a process
// that was forked meanwhile may be missed: callers come back at every death.
func (f *function) kill() {
	switch {
	case isInit:
		_ = unix.Kill(everyone, unix.SIGKILL)
	case f.pid != 0:
		// Most functions are one process group; who left it is looked for when this is gone.
		_ = unix.Kill(-f.pid, unix.SIGKILL)
	default:
		// Stopped first: the killed make room for forks, the stopped do not.
		for _, pid := range stopTree() {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// signal goes to the main process and its group, as from a terminal, so that a
// shell that waits for the program does not swallow it.
func (f *function) signal(s syscall.Signal) {
	if f.pid == 0 {
		return
	}
	f.settle()
	_ = unix.Kill(-f.pid, s)
}

// settleTime is how long a signal waits at the most for processes that were just
// thawed: longer than waking takes, and nothing beside the time to end.
const settleTime = 10 * time.Millisecond

// settle waits until processes that were thawed are where they were. While a
// main thread wakes from its stop the kernel hands a signal to any other thread,
// and a runtime whose main thread alone calls handlers, as Python's does, sleeps on.
func (f *function) settle() {
	if !f.thawed {
		return
	}
	f.thawed = false
	deadline := time.Now().Add(settleTime)
	buf := make([]byte, 512)
	for _, pid := range descendants() {
		for name := strconv.Itoa(pid); time.Now().Before(deadline); time.Sleep(settleTime / 100) {
			if state := statOf(name, buf).state; state != 'T' && state != 'R' {
				break
			}
		}
	}
}

// freeze stops every process of the function.
func (f *function) freeze() error {
	if isInit {
		return ignoreNobody(unix.Kill(everyone, unix.SIGSTOP))
	}
	stopTree()
	return nil
}

// thaw continues every process of the function.
func (f *function) thaw() error {
	f.thawed = true
	if isInit {
		return ignoreNobody(unix.Kill(everyone, unix.SIGCONT))
	}
	for _, pid := range descendants() {
		_ = unix.Kill(pid, unix.SIGCONT)
	}
	return nil
}

func ignoreNobody(err error) error {
	if err == unix.ESRCH {
		return nil
	}
	return err
}

// stopPasses bounds the race against a function that forks faster than we look.
const stopPasses = 50

// stopTree stops every descendant, looking again until it finds nobody new, and
// returns them.
func stopTree() []int {
	stopped := map[int]bool{}
	var pids []int
	for range stopPasses {
		before := len(pids)
		for _, pid := range descendants() {
			if !stopped[pid] {
				stopped[pid] = true
				pids = append(pids, pid)
				_ = unix.Kill(pid, unix.SIGSTOP)
			}
		}
		if len(pids) == before {
			break
		}
	}
	return pids
}

// descendants lists the processes below this one. Orphans are among them, since
// the agent is a subreaper. A pid that was just read is safe to signal: the
// kernel hands out pids in a circle, and does not come round in between.
func descendants() []int {
	children := map[int][]int{}
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	buf := make([]byte, 512)
	for _, name := range names {
		if pid, ok := number(name); ok {
			if parent := statOf(name, buf).parent; parent > 0 {
				children[parent] = append(children[parent], pid)
			}
		}
	}
	found := append([]int(nil), children[os.Getpid()]...)
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i]]...)
	}
	return found
}

// stat is what the kernel says of a process.
type stat struct {
	state  byte // of its main thread, as in ps
	parent int
}

// statOf reads it; it is zero when there is no such process any more.
func statOf(pid string, buf []byte) stat {
	fd, err := unix.Open("/proc/"+pid+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return stat{}
	}
	n, err := unix.Read(fd, buf)
	unix.Close(fd)
	if err != nil {
		return stat{}
	}
	// pid (name) state parent …; the name may hold anything, even ") ".
	end := bytes.LastIndexByte(buf[:n], ')')
	fields := bytes.Fields(buf[end+1 : n])
	if len(fields) < 2 {
		return stat{}
	}
	parent, _ := number(string(fields[1]))
	return stat{fields[0][0], parent}
}

func number(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0
}
