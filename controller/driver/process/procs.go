package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

// descendants lists the processes below pid. The agent is a subreaper, so a
// process that lost its parent is still below it.
func descendants(pid int) []int {
	var below []int
	queue := []int{pid}
	for len(queue) > 0 {
		lists, _ := filepath.Glob("/proc/" + strconv.Itoa(queue[0]) + "/task/*/children")
		queue = queue[1:]
		for _, list := range lists {
			b, err := os.ReadFile(list)
			if err != nil {
				continue // it has just ended
			}
			for field := range strings.FieldsSeq(string(b)) {
				if child, err := strconv.Atoi(field); err == nil {
					below = append(below, child)
					queue = append(queue, child)
				}
			}
		}
	}
	return below
}

// processes lists every process of this host for which is holds.
func processes(is func(dir string) bool) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err == nil && pid != os.Getpid() && is(filepath.Join("/proc", entry.Name())) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// ofUser holds for living processes of a user.
func ofUser(uid int) func(dir string) bool {
	want := strconv.Itoa(uid)
	return func(dir string) bool {
		b, err := os.ReadFile(filepath.Join(dir, "status"))
		if err != nil {
			return false
		}
		for line := range strings.Lines(string(b)) {
			fields := strings.Fields(line)
			switch {
			case len(fields) < 2:
			case fields[0] == "State:" && (fields[1] == "Z" || fields[1] == "X"):
				return false
			case fields[0] == "Uid:":
				return fields[1] == want
			}
		}
		return false
	}
}

// withVariable holds for living processes that have the variable in the
// environment they were started with.
func withVariable(variable string) func(dir string) bool {
	want := []byte("\x00" + variable + "\x00")
	return func(dir string) bool {
		b, err := os.ReadFile(filepath.Join(dir, "environ"))
		// A zombie's environment is empty.
		return err == nil && bytes.Contains(append([]byte{0}, b...), want)
	}
}

// killAll ends every process that find returns, until it returns none. All are
// signalled before one is waited for, since one may be slow to die.
func killAll(ctx context.Context, find func() ([]int, error)) error {
	for {
		pids, err := find()
		if err != nil || len(pids) == 0 {
			return err
		}
		held, err := holdAll(pids, find)
		for _, fd := range held {
			err = errors.Join(err, kill(fd))
		}
		for pid, fd := range held {
			if waitErr := awaitEnd(ctx, fd); waitErr != nil {
				err = errors.Join(err, fmt.Errorf("ending process %d: %w", pid, waitErr))
			}
			unix.Close(fd)
		}
		if err != nil {
			return err
		}
		select {
		case <-time.After(time.Millisecond): // a parent may have yet to bury it
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// holdAll opens a pidfd for each of pids that find still returns then: before, a pid
// may have come to mean another process. The caller closes them, beside an error too.
func holdAll(pids []int, find func() ([]int, error)) (held map[int]int, err error) {
	held = make(map[int]int, len(pids))
	for _, pid := range pids {
		fd, openErr := unix.PidfdOpen(pid, 0)
		if openErr == nil {
			held[pid] = fd
		} else if !errors.Is(openErr, unix.ESRCH) {
			err = errors.Join(err, openErr)
		}
	}
	still, findErr := find()
	for pid, fd := range held {
		if !slices.Contains(still, pid) {
			unix.Close(fd)
			delete(held, pid)
		}
	}
	return held, errors.Join(err, findErr)
}

// kill ends the process of a pidfd. One that has ended is fine.
func kill(fd int) error {
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// awaitEnd blocks until the process of a pidfd has ended, or ctx is done.
func awaitEnd(ctx context.Context, fd int) error {
	const slice = 50 // ms between looks at ctx; the end itself wakes at once
	for ctx.Err() == nil {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, slice)
		if n > 0 || (err != nil && !errors.Is(err, unix.EINTR)) {
			return err
		}
	}
	return ctx.Err()
}

// resident sums what the processes have in memory. Pages that several share
// count for each; share divides them instead, and takes longer.
func resident(pids []int, share bool) rouse.Bytes {
	var sum rouse.Bytes
	for _, pid := range pids {
		dir := filepath.Join("/proc", strconv.Itoa(pid))
		if share {
			sum += proportional(dir)
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, "statm"))
		if fields := strings.Fields(string(b)); err == nil && len(fields) > 1 {
			pages, _ := strconv.Atoi(fields[1])
			sum += rouse.Bytes(pages * os.Getpagesize())
		}
	}
	return sum
}

func proportional(dir string) rouse.Bytes {
	b, err := os.ReadFile(filepath.Join(dir, "smaps_rollup"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == "Pss:" {
			kb, _ := strconv.Atoi(fields[1])
			return rouse.Bytes(kb) * rouse.KB
		}
	}
	return 0
}
