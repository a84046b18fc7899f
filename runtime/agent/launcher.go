package agent

import (
	"encoding/json"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse/runtime/wire"
)

// The launcher's name, and the descriptors that it finds open.
const (
	launcherName    = "rouse-agent: launcher"
	launcherCommand = 3
	launcherReport  = 4
	launcherDoor    = 5 // only with argument withDoor
)

const withDoor = "door"

// Exit codes of a launcher that failed, as shells have them.
const (
	cannotRun = 126
	notFound  = 127
)

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Launching says that this process was begun as a launcher.
func Launching() bool { return os.Args[0] == launcherName }

// Launch becomes the function's program, or reports why it cannot and exits. It
// never returns.
func Launch() {
	// Capabilities and no_new_privs are a thread's; exec keeps those of its own.
	runtime.LockOSThread()
	unix.CloseOnExec(launcherCommand)
	unix.CloseOnExec(launcherReport)
	if err := enterGroup(); err != nil {
		fail(cannotRun, "control group: "+err.Error())
	}
	if err := await(); err != nil {
		fail(cannotRun, "standing by: "+err.Error())
	}
	s, err := readCommand()
	if err != nil {
		fail(cannotRun, "reading the command: "+err.Error())
	}
	adjustOOM()
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"no_new_privs", func() error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }},
		{"root", func() error { return changeRoot(s.Enter) }},
		{"user", func() error { return become(&s) }},
		{"capabilities", func() error { return dropCapabilities(s.Caps && s.UID == 0) }},
		{"death signal", followAgent},
		{"directory " + s.Dir, func() error { return enter(s.Dir) }},
		{"limits", func() error { return limit(s.Limits) }},
		{"filter", applyFilter},
	} {
		if err := step.do(); err != nil {
			fail(cannotRun, step.name+": "+err.Error())
		}
	}
	execute(&s)
}

// readCommand reads the command from its start, whatever earlier launchers did
// to the offset that all of them share.
func readCommand() (s wire.Start, err error) {
	b := make([]byte, wire.MaxSize)
	n, err := unix.Pread(launcherCommand, b, 0)
	if err != nil {
		return s, os.NewSyscallError("pread", err)
	}
	return s, json.Unmarshal(b[:n], &s)
}

// adjustOOM makes the function the one to die when memory is short: the agent
// may be protected from it. A process that is easier to kill already stays so.
func adjustOOM() {
	// Without package os, whose first file would set up a poller.
	fd, err := unix.Open("/proc/self/oom_score_adj", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	var sign [1]byte
	if n, err := unix.Read(fd, sign[:]); err == nil && n == 1 && sign[0] == '-' {
		_, _ = unix.Pwrite(fd, []byte("0"), 0)
	}
	unix.Close(fd)
}

// enterGroup has this thread, and what it will become, count in the group whose
// door is open. The memory of a process is its own only from exec on.
func enterGroup() error {
	if len(os.Args) < 3 || os.Args[2] != withDoor {
		return nil
	}
	unix.CloseOnExec(launcherDoor)
	_, err := unix.Write(launcherDoor, []byte("0"))
	return os.NewSyscallError("write", err)
}

// changeRoot enters what was mounted over "/" since the agent began. Nothing of
// the old root stays open: what the function inherits are a device and pipes.
func changeRoot(mounted bool) error {
	if !mounted {
		return nil
	}
	if err := unix.Chdir("/"); err != nil {
		return os.NewSyscallError("chdir", err)
	}
	if err := unix.Chroot(".."); err != nil { // of all paths, ".." alone looks above a root
		return os.NewSyscallError("chroot", err)
	}
	return unix.Chdir("/")
}

// become takes on the function's user. What is right already is left alone, so
// that an agent without rights can start functions as itself.
func become(s *wire.Start) error {
	have, err := syscall.Getgroups()
	if err != nil {
		return err
	}
	if os.Geteuid() == 0 && !slices.Equal(have, s.Groups) {
		if err := syscall.Setgroups(s.Groups); err != nil {
			return os.NewSyscallError("setgroups", err)
		}
	}
	if os.Getgid() != s.GID || os.Getegid() != s.GID {
		if err := syscall.Setresgid(s.GID, s.GID, s.GID); err != nil {
			return os.NewSyscallError("setgid "+strconv.Itoa(s.GID), err)
		}
	}
	if os.Getuid() != s.UID || os.Geteuid() != s.UID {
		if err := syscall.Setresuid(s.UID, s.UID, s.UID); err != nil {
			return os.NewSyscallError("setuid "+strconv.Itoa(s.UID), err)
		}
	}
	return nil
}

// dropCapabilities leaves none, for uid 0 too, unless root is to keep what it
// has. With no_new_privs no exec brings any back; the bounding set, which would
// take SETPCAP to change, no longer matters.
func dropCapabilities(keep bool) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if keep {
		if err := unix.Capget(&header, &caps[0]); err != nil {
			return os.NewSyscallError("capget", err)
		}
		for i := range caps { // what a user that root becomes could pick up again
			caps[i].Inheritable = 0
		}
	}
	return unix.Capset(&header, &caps[0])
}

// followAgent has the kernel end the function when the agent dies, which
// matters where the agent is not the first process of a pid namespace.
func followAgent() error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	if len(os.Args) > 1 && os.Args[1] != strconv.Itoa(os.Getppid()) {
		return unix.ESRCH // it died before the kernel was asked
	}
	return nil
}

func enter(dir string) error {
	if dir == "" {
		dir = "/"
	}
	return unix.Chdir(dir)
}

// limit comes last, so that the limits bear on the program and not on us.
func limit(limits []wire.Limit) error {
	for _, l := range limits {
		// package syscall's, which knows that it must not restore the file limit at exec.
		if err := syscall.Setrlimit(l.Resource, &syscall.Rlimit{Cur: l.Soft, Max: l.Hard}); err != nil {
			return os.NewSyscallError("setrlimit "+strconv.Itoa(l.Resource), err)
		}
	}
	return nil
}

// execute tries each place where the program may be, as execvp does.
func execute(s *wire.Start) {
	name := s.Argv[0]
	if strings.Contains(name, "/") {
		err := syscall.Exec(name, s.Argv, s.Env)
		failExec(name, err)
	}
	path := defaultPath
	for _, kv := range s.Env {
		if value, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = value
		}
	}
	denied := ""
	for dir := range strings.SplitSeq(path, ":") {
		if dir == "" {
			dir = "."
		}
		file := dir + "/" + name
		switch err := syscall.Exec(file, s.Argv, s.Env); err {
		case syscall.ENOENT, syscall.ENOTDIR:
			if exists(file) {
				failExec(file, err)
			}
		case syscall.EACCES:
			denied = file
		default:
			failExec(file, err)
		}
	}
	if denied != "" {
		failExec(denied, syscall.EACCES)
	}
	fail(notFound, "exec: "+name+": not found in PATH "+path)
}

func failExec(file string, err error) {
	code, reason := cannotRun, err.Error()
	switch {
	case err == syscall.ENOENT && exists(file):
		reason = "the interpreter that its first line or its ELF header names does not exist"
	case err == syscall.ENOENT:
		code = notFound
	case err == syscall.ENOEXEC && isELF(file):
		reason = "a program for another machine than this one, which is " + runtime.GOARCH
	case err == syscall.ENOEXEC:
		reason = "not a program for this machine, nor a script that begins with #!"
	case err == syscall.EACCES:
		reason = "permission denied for uid " + strconv.Itoa(os.Getuid()) + "; is it executable?"
	}
	fail(code, "exec: "+file+": "+reason)
}

// isELF says whether file begins as a program does.
func isELF(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	var magic [4]byte
	_, err = f.Read(magic[:])
	return err == nil && string(magic[:]) == "\x7fELF"
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// fail leaves reason for the agent to read.
func fail(code int, reason string) {
	_, _ = unix.Write(launcherReport, []byte(reason))
	os.Exit(code)
}
