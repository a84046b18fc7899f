package agent

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse/runtime/wire"
)

const (
	backlog     = 1024
	dialTimeout = 10 * time.Second
)

const socketFlags = unix.SOCK_STREAM | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK

var (
	loopback  = [4]byte{127, 0, 0, 1}
	loopback6 = [16]byte{15: 1}
)

// listen opens the function's way to the host and keeps a duplicate of it, so
// that connections queue up while no host is there.
func (a *agent) listen(m wire.Message) {
	fd, port, err := bind(m.Port)
	if err == nil {
		err = os.NewSyscallError("listen", unix.Listen(fd, backlog))
		if err != nil {
			unix.Close(fd)
		}
	}
	if err != nil {
		a.reply(m.Seq, wire.Message{}, err)
		return
	}
	name := wire.HeldListener
	if m.Name != "" {
		name = m.Name
	}
	a.hold(name, fd)
	a.reply(m.Seq, wire.Message{Port: port}, nil, fd)
}

// freePort finds a port that nobody uses. Nothing reserves it: where loopback
// is shared with others, one of them may be quicker.
func freePort() (int, error) {
	fd, port, err := bind(0)
	if err != nil {
		return 0, err
	}
	unix.Close(fd)
	return port, nil
}

// bind makes a TCP socket with an address of 127.0.0.1; port 0 becomes a free one.
func bind(port int) (fd, bound int, err error) {
	fd, err = unix.Socket(unix.AF_INET, socketFlags, 0)
	if err != nil {
		return -1, 0, os.NewSyscallError("socket", err)
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: loopback})
	}
	var sa unix.Sockaddr
	if err == nil {
		sa, err = unix.Getsockname(fd)
	}
	if err != nil {
		unix.Close(fd)
		return -1, 0, os.NewSyscallError("bind", err)
	}
	return fd, sa.(*unix.SockaddrInet4).Port, nil
}

// dial connects to the function's port. On loopback the outcome is known at
// once, unless the function's queue of connections is full: that wait is left
// to a goroutine.
func (a *agent) dial(m wire.Message) {
	fd, err := connect(unix.AF_INET, &unix.SockaddrInet4{Port: m.Port, Addr: loopback})
	if err == unix.ECONNREFUSED {
		// A server that listens on "localhost" may have got ::1 alone.
		fd6, err6 := connect(unix.AF_INET6, &unix.SockaddrInet6{Port: m.Port, Addr: loopback6})
		if err6 == nil || err6 == unix.EINPROGRESS {
			fd, err = fd6, err6
		}
	}
	if err != unix.EINPROGRESS {
		a.answerDial(m.Seq, fd, err)
		return
	}
	a.helpers.Go(func() {
		connected, err := a.awaitConnect(fd)
		if !a.post(func() { a.answerDial(m.Seq, connected, err) }) && err == nil {
			unix.Close(connected)
		}
	})
}

// answerDial sends fd, unless there is an err, and closes it.
func (a *agent) answerDial(seq uint64, fd int, err error) {
	if err != nil {
		a.reply(seq, wire.Message{}, err)
		return
	}
	a.reply(seq, wire.Message{}, nil, fd)
	unix.Close(fd)
}

// connect returns a socket that is connected, or is about to be: EINPROGRESS.
func connect(family int, to unix.Sockaddr) (int, error) {
	fd, err := unix.Socket(family, socketFlags, 0)
	if err != nil {
		return -1, err
	}
	if err = unix.Connect(fd, to); err == unix.EINPROGRESS {
		err = outcome(fd)
	}
	if err != nil && err != unix.EINPROGRESS {
		unix.Close(fd)
		return -1, err
	}
	return fd, err
}

// outcome is what became of connecting fd so far.
func outcome(fd int) error {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return err
	}
	if code != 0 {
		return syscall.Errno(code)
	}
	if _, err = unix.Getpeername(fd); err == unix.ENOTCONN {
		return unix.EINPROGRESS
	}
	return err
}

// awaitConnect blocks until fd is connected, fails or takes too long, or the
// agent ends. It closes fd and returns a duplicate of it.
func (a *agent) awaitConnect(fd int) (int, error) {
	file := os.NewFile(uintptr(fd), "dial")
	defer file.Close()
	finished := make(chan struct{})
	defer close(finished)
	a.helpers.Go(func() {
		select {
		case <-a.done:
			_ = file.SetWriteDeadline(time.Now())
		case <-finished:
		}
	})
	raw, err := file.SyscallConn()
	if err != nil {
		return -1, err
	}
	if err := file.SetWriteDeadline(time.Now().Add(dialTimeout)); err != nil {
		return -1, err
	}
	connected, result := -1, error(nil)
	err = raw.Write(func(uintptr) bool {
		if result = outcome(fd); result == nil {
			connected, result = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		}
		return result != unix.EINPROGRESS
	})
	if err != nil {
		return -1, unix.ETIMEDOUT
	}
	return connected, result
}
