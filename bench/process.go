package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// child is a process beside Rouse: a server, a proxy in front of it.
type child struct {
	*exec.Cmd
	addr string // where it listens
}

// spawn starts a program that will listen on a port it is told of by set, and
// blocks until it does.
func spawn(ctx context.Context, set func(port string, cmd *exec.Cmd), program string, args ...string) (*child, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(addr)
	c := &child{Cmd: exec.Command(program, args...), addr: addr}
	c.Stderr = os.Stderr
	set(port, c.Cmd)
	if err := c.Start(); err != nil {
		return nil, err
	}
	err = until(ctx, func() (bool, error) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return false, nil
		}
		return true, conn.Close()
	})
	if err != nil {
		c.end()
		return nil, fmt.Errorf("%s does not listen: %w", program, err)
	}
	return c, nil
}

// end asks the process to end and waits for it.
func (c *child) end() {
	c.Process.Signal(syscall.SIGTERM)
	c.Wait()
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
