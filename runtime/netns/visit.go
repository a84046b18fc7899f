package netns

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

const socketFlags = unix.SOCK_STREAM | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK

// Probe says why other namespaces cannot be entered from here, by entering our
// own. It does not block.
func Probe() error {
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	ns := New(own)
	defer ns.Close()
	fd, err := ns.visit(unix.AF_INET, nil)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// mostAhead bounds the sockets that one visit makes.
const mostAhead = 8

// socket makes a TCP socket that belongs to the namespace, or takes one that was
// made ahead. A visit costs many times what a socket does, so each makes twice
// as many as the one before: who connects often seldom visits, and who connects
// once leaves none lying about.
func (n *Namespace) socket(family int) (int, error) {
	if n.file == nil || family != unix.AF_INET {
		return n.visit(family, nil)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if last := len(n.ahead) - 1; last >= 0 {
		fd := n.ahead[last]
		n.ahead = n.ahead[:last]
		return fd, nil
	}
	n.visits = min(max(1, 2*n.visits), mostAhead)
	ahead := make([]int, 0, n.visits-1)
	fd, err := n.visit(family, func() {
		for range cap(ahead) {
			fd, err := unix.Socket(family, socketFlags, unix.IPPROTO_TCP)
			if err != nil {
				return // the next one to need it will say why
			}
			ahead = append(ahead, fd)
		}
	})
	n.ahead = ahead
	return fd, err
}

// visit makes a socket in the namespace, and does what else is wanted there.
func (n *Namespace) visit(family int, also func()) (fd int, err error) {
	if n.file == nil {
		fd, err = unix.Socket(family, socketFlags, unix.IPPROTO_TCP)
		return fd, os.NewSyscallError("socket", err)
	}
	raw, err := n.file.SyscallConn()
	if err != nil {
		return -1, err
	}
	ctlErr := raw.Control(func(ns uintptr) {
		err = onThread(func() error {
			if err := unix.Setns(int(ns), unix.CLONE_NEWNET); err != nil {
				return os.NewSyscallError("setns", err)
			}
			if fd, err = unix.Socket(family, socketFlags, unix.IPPROTO_TCP); err == nil && also != nil {
				also()
			}
			return os.NewSyscallError("socket", err)
		})
	})
	if ctlErr != nil {
		return -1, ctlErr
	}
	return fd, err
}

// onThread runs f on a thread of its own, which ends with it.
func onThread(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good, so that the thread ends with the goroutine
		if unix.Gettid() == unix.Getpid() {
			// The first thread cannot end, and /proc/self speaks of it: it waits here
			// while another one does the work.
			result <- onThread(f)
			runtime.UnlockOSThread()
			return
		}
		// A network namespace needs no unshare(CLONE_FS), as a mount namespace does.
		// It costs a microsecond, and keeps whatever f does to the thread alone.
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			result <- os.NewSyscallError("unshare", err)
			return
		}
		result <- f()
	}()
	return <-result
}
