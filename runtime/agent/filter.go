package agent

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// namespaces are the flags with which clone would make some. The others of
// their kind are clone3's and unshare's alone.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// refused are the system calls that no function gets, whatever its rights and
// whatever filter an engine has put in place, with what each would be good for.
var refused = []struct {
	why   string
	errno unix.Errno
	calls []uint32
}{
	{"leaving the root that was entered", unix.EPERM, []uint32{unix.SYS_CHROOT, unix.SYS_PIVOT_ROOT}},
	{"other namespaces, where a user may become root", unix.EPERM, []uint32{unix.SYS_UNSHARE, unix.SYS_SETNS}},
	{"other mounts than the host made", unix.EPERM, []uint32{
		unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_MOUNT_SETATTR,
		unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK,
	}},
	{"other processes' memory and registers", unix.EPERM, []uint32{
		unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV,
	}},
	{"keys, which no namespace separates", unix.EPERM, []uint32{unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY}},
	{"calls that pass by this filter", unix.EPERM, []uint32{
		unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	}},
	// Its flags lie in memory, where a filter cannot look. Who is told that there
	// is no such call uses clone.
	{"clone with flags unseen", unix.ENOSYS, []uint32{unix.SYS_CLONE3}},
}

// Where the kernel's struct seccomp_data has what the filter looks at.
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetArg0   = 16 // its lower half: both machines are little-endian
)

// filter is the program that refuses what is to be refused.
func filter() []unix.SockFilter {
	f := []unix.SockFilter{load(offsetArch)}
	// The same number is another call in another architecture's table.
	f = append(f, unless(unix.BPF_JEQ, auditArch, deny(unix.ENOSYS))...)
	f = append(f, load(offsetNumber))
	if foreignCalls != 0 {
		f = append(f, when(unix.BPF_JGE, foreignCalls, deny(unix.ENOSYS))...)
	}
	for _, r := range refused {
		for _, call := range r.calls {
			f = append(f, when(unix.BPF_JEQ, call, deny(r.errno))...)
		}
	}
	f = append(f, unless(unix.BPF_JEQ, unix.SYS_CLONE, allow)...)
	f = append(f, load(offsetArg0))
	f = append(f, when(unix.BPF_JSET, namespaces, deny(unix.EPERM))...)
	return append(f, allow)
}

var allow = unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}

func deny(e unix.Errno) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(e)}
}

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

// when ends the program with verdict if what was loaded compares to k.
func when(compare uint16, k uint32, verdict unix.SockFilter) []unix.SockFilter {
	return []unix.SockFilter{{Code: unix.BPF_JMP | unix.BPF_K | compare, K: k, Jf: 1}, verdict}
}

// unless ends the program with verdict if it does not.
func unless(compare uint16, k uint32, verdict unix.SockFilter) []unix.SockFilter {
	return []unix.SockFilter{{Code: unix.BPF_JMP | unix.BPF_K | compare, K: k, Jt: 1}, verdict}
}

// applyFilter binds this thread, what it executes and all their children to the
// filter, beside those that are there. It takes no_new_privs.
func applyFilter() error {
	program := filter()
	p := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&p)))
	runtime.KeepAlive(program)
	if errno != 0 {
		return os.NewSyscallError("seccomp", errno)
	}
	return nil
}
