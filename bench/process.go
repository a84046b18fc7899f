package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// child is a process beside Rouse: a proxy in front of a server.
type child struct {
	*exec.Cmd
	addr string // where it listens
}

// spawn starts a program that takes over a listener as descriptor 3, on this
// host's loopback, wherever the program itself is.
func spawn(l net.Listener, env []string, argv ...string) (*child, error) {
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	c := &child{Cmd: exec.Command(argv[0], argv[1:]...), addr: l.Addr().String()}
	c.Stderr = os.Stderr
	c.ExtraFiles = []*os.File{file}
	c.Env = append(os.Environ(), env...)
	return c, c.Start()
}

// end asks the process to end and waits for it.
func (c *child) end() {
	c.Process.Signal(syscall.SIGTERM)
	c.Wait() // it was told to, which Wait may call an error
}

// memory is a process's resident memory in megabytes: now, and at its highest.
func memory(pid int) (now, peak float64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		to := map[string]*float64{"VmRSS": &now, "VmHWM": &peak}[name]
		if to == nil {
			continue
		}
		kb, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
		if err != nil {
			return 0, 0, err
		}
		*to = kb / 1024
	}
	return now, peak, nil
}
