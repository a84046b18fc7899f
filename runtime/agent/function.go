package agent

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse/runtime/wire"
)

// function is the sandbox's command and its present run.
type function struct {
	null    int // stdin
	command int // a memfd with the wire.Start, read by each launcher
	stdout  int // write ends
	stderr  int
	door    int // of the control group that runs enter; -1 when they stay in ours

	standby standby

	run    int // number of the latest run; 0 before the first
	pid    int // the run's main process; 0 when it has ended
	report int // what the run's launcher has to say, if it could not become the program
	exit   *wire.Exit
	thawed bool // and not signalled since

	companions companions

	// waiting is what to do when no process is left, in order.
	waiting []func()
}

func newFunction(null int) function {
	return function{null: null, command: -1, stdout: -1, stderr: -1, door: -1, report: -1, companions: companions{output: -1}}
}

// placeAt takes the door of a control group, and has a launcher go through it at
// once. It comes before the first run.
func (f *function) placeAt(door int) {
	if f.door >= 0 {
		unix.Close(f.door)
	}
	f.door = door
	if f.run == 0 {
		f.dismiss()
		_ = f.standBy()
	}
}

// start takes the command and begins run 1.
func (a *agent) start(m wire.Message, files []int) {
	f := &a.function
	if f.run != 0 {
		wire.CloseAll(files)
		a.hangUp()
		return
	}
	own, held := files[:len(files)/2], files[len(files)/2:]
	f.stdout, f.stderr = own[0], own[1]
	for i, name := range []string{wire.HeldStdout, wire.HeldStderr, wire.HeldExtensions}[:len(held)] {
		a.hold(name, held[i])
	}
	if len(own) > 2 {
		f.companions.output = own[2]
	}
	err := f.companions.accompany(m.Start)
	if err == nil {
		f.command, err = written(m.Start)
	}
	if err != nil {
		f.run = 1
		a.ended(wire.Exit{Run: 1, Code: cannotRun, Error: err.Error()})
		return
	}
	switch {
	case m.Start.Fork:
		a.fork(m)
	case a.zygote.pid != 0: // the host has thought better of it
		a.whenNoneLeft(func() { a.begin(1) })
	default:
		a.begin(1)
	}
}

// closeOutput gives up the write ends, after which their readers find the end.
func (f *function) closeOutput() {
	for _, end := range []int{f.stdout, f.stderr, f.companions.output} {
		if end >= 0 {
			unix.Close(end)
		}
	}
}

// written puts s where launchers find it.
func written(s *wire.Start) (int, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return -1, err
	}
	fd, err := unix.MemfdCreate("command", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("memfd_create", err)
	}
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		if err != nil {
			unix.Close(fd)
			return -1, os.NewSyscallError("write to memfd", err)
		}
		b = b[n:]
	}
	return fd, nil
}

// begin starts a run. No process of an earlier one is left.
func (a *agent) begin(run int) {
	f := &a.function
	f.run, f.exit = run, nil
	wait, err := a.beginCompanions()
	switch {
	case err != nil:
		a.ended(wire.Exit{Run: run, Code: cannotRun, Error: "starting an extension: " + err.Error()})
	case !wait:
		a.beginMain(run)
	}
}

// beginMain starts a run's main process.
func (a *agent) beginMain(run int) {
	f := &a.function
	pid, report, ok := f.wake()
	var err error
	if !ok {
		pid, report, err = f.launch(f.command, f.stdout, f.stderr)
	}
	if err != nil {
		a.ended(wire.Exit{Run: run, Code: cannotRun, Error: "starting the launcher: " + err.Error()})
		return
	}
	f.pid, f.report = pid, report
}

// launch starts a launcher for a written command, with more descriptors after
// its own, and returns where it reports what it could not do.
func (f *function) launch(command, stdout, stderr int, more ...int) (pid, reported int, err error) {
	var report [2]int
	if err := unix.Pipe2(report[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return 0, -1, os.NewSyscallError("pipe2", err)
	}
	files := []uintptr{
		0: uintptr(f.null), 1: uintptr(stdout), 2: uintptr(stderr),
		launcherCommand: uintptr(command), launcherReport: uintptr(report[1]), launcherDoor: ^uintptr(0),
	}
	args := []string{launcherName, strconv.Itoa(os.Getpid())}
	if f.door >= 0 {
		files[launcherDoor], args = uintptr(f.door), append(args, withDoor)
	}
	for _, fd := range more {
		files = append(files, uintptr(fd))
	}
	pid, err = syscall.ForkExec("/proc/self/exe", args, &syscall.ProcAttr{
		Env:   []string{"GOMAXPROCS=1"}, // of the launcher: fewer threads start sooner
		Files: files,
		// From here on, so that the group can be signalled at any time.
		Sys: &syscall.SysProcAttr{Setsid: true},
	})
	unix.Close(report[1])
	if err != nil {
		unix.Close(report[0])
		return 0, -1, err
	}
	return pid, report[0], nil
}

// ended records and reports how the present run ended.
func (a *agent) ended(e wire.Exit) {
	a.function.exit = &e
	a.send(wire.Message{Kind: wire.KindExit, Exit: &e})
}

// reap collects what has died, and says whether no child is left.
func (a *agent) reap() (none bool) {
	f := &a.function
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return true // ECHILD
		case pid == 0:
			return false
		case pid == f.pid:
			f.pid = 0
			if e := f.lastWords(status); f.exit == nil {
				a.ended(e)
			}
			// A run is over with its main process, as a container is: what it leaves
			// is killed before anything new begins. Extensions are told first, by the host.
			if !f.companions.mainEnded() {
				f.waiting = slices.Insert(f.waiting, 0, func() {})
			}
		case f.companions.pids[pid] != "":
			a.companionEnded(pid, status)
		case pid == f.standby.pid:
			f.standbyEnded()
		case pid == a.zygote.pid:
			a.zygoteEnded(status)
		}
	}
}

// lastWords makes an exit of a status and what the launcher reported.
func (f *function) lastWords(status unix.WaitStatus) wire.Exit {
	e := wire.Exit{Run: f.run, Code: status.ExitStatus(), Error: reported(f.report)}
	if status.Signaled() {
		e.Signal = int(status.Signal())
	}
	f.report = -1
	return e
}

// reported reads and closes what a launcher reports to; -1 is a process that
// had none. Whatever was written is there by now, and a program that runs has
// closed its end.
func reported(report int) (said string) {
	if report < 0 {
		return ""
	}
	buf := make([]byte, 4<<10)
	if n, err := unix.Read(report, buf); err == nil && n > 0 {
		said = string(buf[:n])
	}
	unix.Close(report)
	return said
}

// whenNoneLeft kills every process of the function and calls then when all are gone.
func (a *agent) whenNoneLeft(then func()) {
	a.abandonFork()
	a.function.waiting = append(a.function.waiting, then)
	a.advance()
}

// advance collects the dead and kills what must not live. It is called for
// every SIGCHLD, so each death leads to another look for survivors.
func (a *agent) advance() {
	f := &a.function
	for {
		none := a.reap()
		if a.over || len(f.waiting) == 0 {
			return
		}
		if !none {
			f.kill()
			return
		}
		then := f.waiting[0]
		f.waiting = f.waiting[1:]
		then()
	}
}
