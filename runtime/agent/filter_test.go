package agent

import (
	"math/bits"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// underFilter runs f on a thread that has the filter and ends with it.
func underFilter(t *testing.T, f func()) {
	t.Helper()
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		if err == nil {
			err = applyFilter()
		}
		if err == nil {
			f()
		}
		result <- err
	}()
	if err := <-result; err != nil {
		t.Fatal(err)
	}
}

func TestTheFilterRefusesWhatItLists(t *testing.T) {
	call := func(number uint32, arg uintptr) unix.Errno {
		_, _, errno := unix.RawSyscall6(uintptr(number), arg, ^uintptr(0), ^uintptr(0), ^uintptr(0), ^uintptr(0), ^uintptr(0))
		return errno
	}
	otherwise := 0
	for _, r := range refused {
		for _, number := range r.calls {
			if number == unix.SYS_UNSHARE || number == unix.SYS_CLONE3 {
				continue // they could succeed
			}
			if call(number, ^uintptr(0)) != r.errno {
				otherwise++
			}
		}
	}
	if otherwise < 5 {
		t.Errorf("without the filter only %d calls fail for another reason: this test shows nothing", otherwise)
	}
	underFilter(t, func() {
		for _, r := range refused {
			for _, number := range r.calls {
				if got := call(number, ^uintptr(0)); got != r.errno {
					t.Errorf("%s: call %d is answered with %v, want %v", r.why, number, got, r.errno)
				}
			}
		}
		for flags := uintptr(namespaces); flags != 0; flags &= flags - 1 {
			one := uintptr(1) << bits.TrailingZeros(uint(flags))
			if got := call(unix.SYS_CLONE, one|uintptr(unix.SIGCHLD)); got != unix.EPERM {
				t.Errorf("clone with %#x is answered with %v, want %v", one, got, unix.EPERM)
			}
		}
		if foreignCalls != 0 {
			if got := call(foreignCalls|unix.SYS_GETPID, 0); got != unix.ENOSYS {
				t.Errorf("a call of the other table is answered with %v", got)
			}
		}
	})
}

func TestTheFilterLetsTheRestPass(t *testing.T) {
	underFilter(t, func() {
		status, err := os.ReadFile("/proc/thread-self/status")
		if err != nil || !strings.Contains(string(status), "Seccomp:\t2") {
			t.Errorf("no filter is in force: %v\n%s", err, status)
		}
		if pid := unix.Getpid(); pid != os.Getpid() {
			t.Errorf("getpid says %d", pid)
		}
	})
}

func TestTheFilterIsOneThatTheKernelTakes(t *testing.T) {
	const most = 4096 // BPF_MAXINSNS
	program := filter()
	if len(program) > most {
		t.Errorf("%d instructions", len(program))
	}
	for i, in := range program {
		if in.Code&0x07 == unix.BPF_JMP && max(i+int(in.Jt), i+int(in.Jf))+1 >= len(program) {
			t.Errorf("instruction %d leads out of the program", i)
		}
	}
}
