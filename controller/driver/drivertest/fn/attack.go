package main

import (
	"net"
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attack tries what would lead out of the sandbox, or to its agent, and says of
// each attempt how it ended.
func attack() map[string]string {
	tried := make(map[string]string)
	for name, try := range map[string]func() error{
		"chroot":                       func() error { return syscall.Chroot("/tmp") },
		"mount":                        func() error { return syscall.Mount("none", "/tmp", "tmpfs", 0, "") },
		"unmount the root":             func() error { return syscall.Unmount("/", syscall.MNT_DETACH) },
		"remount the root":             func() error { return syscall.Mount("", "/", "", syscall.MS_REMOUNT|syscall.MS_BIND, "") },
		"pivot_root":                   func() error { return syscall.PivotRoot("/tmp", "/tmp") },
		"a mount namespace":            func() error { return syscall.Unshare(syscall.CLONE_NEWNS) },
		"a user namespace":             func() error { return syscall.Unshare(syscall.CLONE_NEWUSER) },
		"a block device":               func() error { return syscall.Mknod("/tmp/disk", syscall.S_IFBLK|0o600, int(unix.Mkdev(254, 0))) },
		"a device of memory":           func() error { return syscall.Mknod("/dev/mem", syscall.S_IFCHR|0o600, int(unix.Mkdev(1, 1))) },
		"the agent's root":             func() error { return opened("/proc/1/root/.") },
		"the agent's folder":           func() error { return opened("/proc/1/cwd/.") },
		"the agent's environment":      func() error { return opened("/proc/1/environ") },
		"the agent's memory":           func() error { return opened("/proc/1/mem") },
		"the agent's descriptors":      agentsDescriptors,
		"the agent's namespace":        func() error { return opened("/proc/1/ns/mnt") },
		"tracing the agent":            func() error { return syscall.PtraceAttach(1) },
		"the agent's socket":           dialAgent,
		"a clone of the root":          func() error { return closed(unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLONE)) },
		"a new file system":            func() error { return closed(unix.Fsopen("tmpfs", 0)) },
		"a file by its handle":         byHandle,
		"a keyring":                    func() error { _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, true); return err },
		"a setting of the kernel":      func() error { return os.WriteFile("/proc/sys/kernel/core_pattern", []byte("|/x"), 0) },
		"the control group":            func() error { return os.Mkdir("/sys/fs/cgroup/memory/escape", 0o700) },
		"a module":                     func() error { return unix.InitModule([]byte("x"), "") },
		"the clock":                    func() error { return syscall.Settimeofday(&syscall.Timeval{}) },
		"a raw socket":                 func() error { return closed(syscall.Socket(syscall.AF_INET, syscall.SOCK_RAW, 1)) },
		"reading a disk":               readDisk,
		"another user":                 func() error { return another() },
		"a BPF program":                bpf,
		"the kernel's own log":         func() error { _, err := unix.Klogctl(unix.SYSLOG_ACTION_READ_ALL, make([]byte, 1)); return err },
		"a user namespace for a child": func() error { return child(syscall.CLONE_NEWUSER) },
		"a network for a child":        func() error { return child(syscall.CLONE_NEWNET) },
		"a key": func() error {
			_, err := unix.AddKey("user", "rouse", []byte("x"), unix.KEY_SPEC_PROCESS_KEYRING)
			return err
		},
		"io_uring":                     ioURing,
		"the agent's memory by a call": func() error { return peek(1) },
		"its parent's memory":          func() error { return peek(os.Getppid()) },
		"another's memory":             func() error { return peek(os.Getpid()) }, // our own would be allowed
		"entering a namespace":         enterNamespace,
		"a lower oom_score_adj":        func() error { return os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0) },
	} {
		tried[name] = outcome(try())
	}
	return tried
}

// readDisk looks for a place where a device can be made and opened.
func readDisk() error {
	var err error
	for _, dir := range []string{"/dev", "/tmp", "/dev/shm", "/data"} {
		name := dir + "/vda"
		if err = syscall.Mknod(name, syscall.S_IFBLK|0o600, int(unix.Mkdev(254, 0))); err != nil {
			continue
		}
		if err = opened(name); err == nil {
			return nil
		}
	}
	return err
}

func opened(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

func closed(fd int, err error) error {
	if err != nil {
		return err
	}
	return syscall.Close(fd)
}

// agentsDescriptors opens any of them anew. How many there are is no secret.
func agentsDescriptors() error {
	entries, err := os.ReadDir("/proc/1/fd")
	for _, e := range entries {
		if err = opened("/proc/1/fd/" + e.Name()); err == nil {
			return nil
		}
	}
	return err
}

func dialAgent() error {
	c, err := net.Dial("unixpacket", "/rouse/agent.sock")
	if err != nil {
		return err
	}
	return c.Close()
}

// byHandle asks for inode 2, which is the root of many file systems.
func byHandle() error {
	return closed(unix.OpenByHandleAt(unix.AT_FDCWD, unix.NewFileHandle(1, []byte{2, 0, 0, 0, 0, 0, 0, 0}), 0))
}

// another takes on a user that is not the function's own.
func another() error {
	uid := 4711
	_, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid))
	if errno != 0 {
		return errno
	}
	return nil
}

// child starts a process in namespaces of its own.
func child(flags uintptr) error {
	cmd := exec.Command("/proc/self/exe", "nothing")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
	return cmd.Run()
}

func ioURing() error {
	var params [120]byte
	fd, _, errno := syscall.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		return errno
	}
	return syscall.Close(int(fd))
}

// peek reads a byte of a process' memory, at an address where we have one.
func peek(pid int) error {
	var from, to byte
	local := []unix.Iovec{{Base: &to, Len: 1}}
	_, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&from)), Len: 1}}, 0)
	return err
}

// enterNamespace enters the one that the process is in.
func enterNamespace() error {
	fd, err := unix.Open("/proc/self/ns/uts", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Setns(fd, 0)
}

func bpf() error {
	var attr [64]byte
	_, _, errno := syscall.Syscall(unix.SYS_BPF, 0, uintptr(unsafe.Pointer(&attr)), uintptr(len(attr)))
	if errno != 0 {
		return errno
	}
	return nil
}
