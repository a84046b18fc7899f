package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func do(o order) (any, error) {
	switch o.Do {
	case "env":
		return os.Environ(), nil
	case "args":
		return os.Args, nil
	case "cwd":
		return os.Getwd()
	case "pid":
		return os.Getpid(), nil
	case "ids":
		groups, err := os.Getgroups()
		return map[string]any{"uid": os.Getuid(), "gid": os.Getgid(), "groups": groups}, err
	case "status":
		b, err := os.ReadFile("/proc/self/status")
		return string(b), err
	case "fds":
		return fds()
	case "say":
		fmt.Println(o.Text)
		fmt.Fprintln(os.Stderr, o.Text)
		return nil, nil
	case "say-much":
		return strings.Repeat("x", o.N), nil
	case "write":
		return nil, os.WriteFile(o.Text, make([]byte, o.N), 0o600)
	case "size":
		info, err := os.Stat(o.Text)
		if err != nil {
			return nil, err
		}
		return info.Size(), nil
	case "exit":
		os.Exit(o.N)
	case "signal":
		return nil, syscall.Kill(os.Getpid(), syscall.Signal(o.N))
	case "eat":
		return eat(o.N)
	case "threads":
		return threads(o.N), nil
	case "sleepers":
		return nil, sleepers(o.Text, o.N)
	case "count":
		return count(o.Text)
	case "look":
		return look(), nil
	case "attack":
		return attack(), nil
	case "interfaces":
		return interfaces()
	case "dial":
		c, err := net.DialTimeout("tcp", o.Text, 500*time.Millisecond)
		if err != nil {
			return nil, err
		}
		return nil, c.Close()
	}
	return nil, fmt.Errorf("cannot %q", o.Do)
}

// fds says what each open descriptor is.
func fds() (map[string]string, error) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	open := make(map[string]string)
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			open[e.Name()] = target
		}
	}
	return open, nil
}

// eat uses mb megabytes of memory, really.
func eat(mb int) (int, error) {
	var all [][]byte
	for range mb {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 512 {
			b[i] = 1
		}
		all = append(all, b)
	}
	return len(all), nil
}

// threads holds n threads at once.
func threads(n int) int {
	stop := make(chan struct{})
	defer close(stop)
	for range n {
		up := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(up)
			<-stop
		}()
		<-up
	}
	return n
}

// sleepers starts n processes in sessions of their own, and forgets them. mark
// is among their arguments.
func sleepers(mark string, n int) error {
	for range n {
		cmd := exec.Command("/proc/self/exe", "sleeper", mark)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			return err
		}
	}
	return nil
}

// count counts the processes that have mark among their arguments.
func count(mark string) (int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, err
	}
	n := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(b), "\x00"+mark+"\x00") {
			n++
		}
	}
	return n, nil
}

func interfaces() ([]string, error) {
	list, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, i := range list {
		if i.Flags&net.FlagLoopback == 0 && i.Flags&net.FlagUp != 0 {
			names = append(names, i.Name)
		}
	}
	return names, nil
}

// drop is what images' entry points do: it gives a folder to a user, becomes
// that user, and goes on as the program itself.
func drop() error {
	const dir, id = "/tmp/own", 4711
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return os.Chown(dir, id, id) },
		func() error { return os.NewSyscallError("setgroups", syscall.Setgroups(nil)) },
		func() error { return os.NewSyscallError("setgid", syscall.Setgid(id)) },
		func() error { return os.NewSyscallError("setuid", syscall.Setuid(id)) },
		func() error { return os.WriteFile(dir+"/file", nil, 0o600) },
		func() error { return syscall.Exec("/proc/self/exe", os.Args[:1], os.Environ()) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
