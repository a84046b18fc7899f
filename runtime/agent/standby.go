package agent

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// standby is a launcher that was begun before there is a command, where there is
// a control group to enter: some kernels take milliseconds for that, and the
// first start waits neither for it nor for a program to load. It is killed with
// everything else; later runs begin launchers of their own.
type standby struct {
	pid    int // 0 when there is none
	socket int // where it hears its orders
	report int
}

// standBy begins the launcher. Without it the first start is a little slower.
func (f *function) standBy() error {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(ends[1])
	pid, report, err := f.launch(ends[1], f.null, f.null)
	if err != nil {
		unix.Close(ends[0])
		return err
	}
	f.standby = standby{pid: pid, socket: ends[0], report: report}
	return nil
}

// wake has the launcher go on as a run's. ok is false when there is none, or
// none any more.
func (f *function) wake() (pid, report int, ok bool) {
	s := f.standby
	if s.pid == 0 {
		return 0, -1, false
	}
	if err := s.tell(f.command, f.stdout, f.stderr); err != nil {
		f.dismiss()
		return 0, -1, false
	}
	unix.Close(s.socket)
	f.standby = standby{}
	return s.pid, s.report, true
}

// dismiss ends the launcher, if there is one.
func (f *function) dismiss() {
	if s := f.standby; s.pid != 0 {
		_ = unix.Kill(s.pid, unix.SIGKILL)
		f.standbyEnded()
	}
}

// standbyEnded forgets the launcher.
func (f *function) standbyEnded() {
	unix.Close(f.standby.socket)
	unix.Close(f.standby.report)
	f.standby = standby{}
}

// tell hands over the command, stdout and stderr. It does not block.
func (s standby) tell(files ...int) error {
	return unix.Sendmsg(s.socket, []byte{0}, unix.UnixRights(files...), nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
}

var errOrder = errors.New("an order that is not understood")

// await blocks a launcher that stands by until its command is there. One that
// was begun with a command goes on at once.
func await() error {
	var stat unix.Stat_t
	if err := unix.Fstat(launcherCommand, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return err
	}
	var b [1]byte
	oob := make([]byte, unix.CmsgSpace(3*4))
	n, oobn, _, _, err := unix.Recvmsg(launcherCommand, b[:], oob, unix.MSG_CMSG_CLOEXEC)
	for err == unix.EINTR {
		n, oobn, _, _, err = unix.Recvmsg(launcherCommand, b[:], oob, unix.MSG_CMSG_CLOEXEC)
	}
	switch {
	case err != nil:
		return os.NewSyscallError("recvmsg", err)
	case n == 0: // the agent has ended
		os.Exit(0)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 {
		return errOrder
	}
	files, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(files) != 3 {
		return errOrder
	}
	return errors.Join(
		unix.Dup3(files[0], launcherCommand, unix.O_CLOEXEC), unix.Dup3(files[1], 1, 0), unix.Dup3(files[2], 2, 0))
}
