package mount

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Cell is a container's first process, held so that its pid cannot come to
// mean another one.
type Cell struct{ pidfd int }

// Find holds process pid. belongs is asked whether it is the one that is meant;
// what it answers is believed only if the process still lives afterwards. It
// does not block. The caller closes the Cell.
func Find(pid int, belongs func(pid int) error) (*Cell, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	c := &Cell{pidfd: fd}
	if err := belongs(pid); err != nil {
		return nil, c.fail(err)
	}
	if err := c.Alive(); err != nil {
		return nil, c.fail(err)
	}
	return c, nil
}

func (c *Cell) fail(err error) error {
	c.Close()
	return err
}

// Close lets the process go. It is called once.
func (c *Cell) Close() { unix.Close(c.pidfd) }

// Alive says why the process cannot be reached: it has ended.
func (c *Cell) Alive() error {
	return os.NewSyscallError("pidfd_send_signal", unix.PidfdSendSignal(c.pidfd, 0, nil, 0))
}

// inside runs f on a thread in the cell's mount namespace.
func (c *Cell) inside(f func() error) error {
	return onThread(func() error {
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return os.NewSyscallError("unshare", err)
		}
		if err := unix.Setns(c.pidfd, unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("entering the cell: %w", os.NewSyscallError("setns", err))
		}
		return f()
	})
}

// onThread runs f on a thread of its own, which ends with it.
func onThread(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// /proc/self speaks of the first thread, and it cannot end: it is kept
			// busy here while another one does the work.
			result <- onThread(f)
			runtime.UnlockOSThread()
			return
		}
		result <- f() // the thread stays locked, and so ends with the goroutine
	}()
	return <-result
}
