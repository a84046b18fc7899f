package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// do is what either contract's code can do.
func do(o order) (any, error) {
	switch o.Do {
	case "":
		return nil, nil
	case "say":
		fmt.Println(o.Text)
		return o.Text, nil
	case "sleep":
		fmt.Println("asleep")
		time.Sleep(time.Duration(o.N) * time.Millisecond)
		return nil, nil
	case "gate":
		fmt.Println("at the gate")
		await(o.Text)
		return nil, nil
	case "never":
		fmt.Println("never")
		hang()
	case "write":
		return nil, os.WriteFile(tmp("kept"), []byte(o.Text), 0o600)
	case "read":
		b, err := os.ReadFile(tmp("kept"))
		return string(b), err
	case "exit":
		fmt.Println(o.Text)
		os.Exit(o.N)
	case "big":
		return strings.Repeat("x", o.N), nil
	case "eat":
		return eat(o.N), nil
	case "fill":
		return fill(o.N)
	case "search":
		return search(o.Text), nil
	case "reach":
		return reach(o.Text), nil
	case "exhaust":
		return exhaust(o.Text, o.N)
	case "flood":
		go flood()
		return nil, nil
	case "litter":
		return nil, litter()
	case "daemons":
		return nil, daemons(o.Text, o.N)
	}
	return nil, fmt.Errorf("cannot %q", o.Do)
}

func tmp(name string) string { return filepath.Join(os.TempDir(), name) }

// await polls, since what it waits for comes from another world.
func await(gate string) {
	for {
		if _, err := os.Stat(gate); err == nil {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// eat uses mb megabytes of memory, really.
func eat(mb int) int {
	var all [][]byte
	for range mb {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 512 {
			b[i] = 1
		}
		all = append(all, b)
	}
	return len(all)
}

// fill writes up to mb megabytes to /tmp and says how many went, and why not more.
func fill(mb int) (any, error) {
	f, err := os.Create(tmp("filled"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for n := range mb {
		if _, err := f.Write(block); err != nil {
			return map[string]any{"mb": n, "error": err.Error()}, nil
		}
	}
	return map[string]any{"mb": mb}, nil
}

func flood() {
	line := strings.Repeat("flood ", 200) + "\n"
	for {
		if _, err := os.Stdout.WriteString(line); err != nil {
			return
		}
	}
}

// daemons starts n processes that leave their session and their parent. mark
// is among their arguments.
func daemons(mark string, n int) error {
	for range n {
		if err := exec.Command("/proc/self/exe", "parent", mark).Run(); err != nil {
			return err
		}
	}
	return nil
}

// descend is the life of a daemon, or of its short-lived parent.
func descend(as, mark string) {
	if as == "parent" {
		child := exec.Command("/proc/self/exe", "daemon", mark)
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			fail(err)
		}
		os.Exit(0)
	}
	signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
	hang()
}

// hang waits for somebody to end the process.
func hang() {
	for {
		_ = syscall.Pause()
	}
}

// litter leaves sockets that listen, of every kind, a pipe and a link that leads
// to nothing, and closes none.
func litter() error {
	for network, address := range map[string]string{
		"tcp": "127.0.0.1:0", "unix": tmp("socket"), "unixpacket": "@litter",
	} {
		if _, err := net.Listen(network, address); err != nil {
			return err
		}
	}
	return errors.Join(syscall.Mkfifo(tmp("pipe"), 0o600), os.Symlink("/proc/self/root/nowhere", tmp("link")))
}
