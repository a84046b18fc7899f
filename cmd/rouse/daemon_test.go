package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// daemon is a Docker engine of the test's own, which may be stopped and killed.
// All that it has lies in one folder.
type daemon struct {
	*engine
	dir     string
	args    []string    // of dockerd
	running []*exec.Cmd // dockerd before its containerd
}

// newDaemon starts an engine that is there until the test ends; DOCKER_HOST
// leads to it. Where none can be started the test is skipped.
func newDaemon(t *testing.T, args ...string) *daemon {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("an engine of the test's own takes root")
	}
	for _, program := range []string{"dockerd", "containerd"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there can be no engine of the test's own: %v", err)
		}
	}
	dir, err := os.MkdirTemp("", "dockerd") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{dir: dir, args: args}
	_, noBridge := net.InterfaceByName("docker0")
	t.Cleanup(func() {
		d.remove(t)
		if _, err := net.InterfaceByName("docker0"); err != nil && noBridge == nil {
			t.Errorf("the machine's own engine has lost its bridge: %v", err)
		}
	})
	d.engine = engineAt(t, d.file("docker.sock"))
	t.Setenv("DOCKER_HOST", "unix://"+d.socket)
	// Those plugins look outside of the folder.
	write(t, d.file("containerd.toml"), "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.internal.v1.opt\"]\n")
	d.start()
	return d
}

func (d *daemon) file(name string) string { return filepath.Join(d.dir, name) }

// start returns when the engine answers. It has a containerd of its own, since
// that of the machine is another engine's.
func (d *daemon) start() {
	d.t.Helper()
	containerd := d.file("containerd.sock")
	d.run("containerd", "--config", d.file("containerd.toml"), "--root", d.file("containerd"), "--state", d.file("state"), "--address", containerd)
	until(d.t, "containerd listens", func() bool { _, err := os.Stat(containerd); return err == nil })
	d.run("dockerd", append([]string{"--containerd", containerd, "--data-root", d.file("data"), "--exec-root", d.file("exec"),
		"--pidfile", d.file("pid"), "--host", "unix://" + d.socket,
		"--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false"}, d.args...)...)
	until(d.t, "the engine answers", func() bool { return d.ping() == nil })
}

// run starts a program that writes its log to a file.
func (d *daemon) run(name string, args ...string) {
	d.t.Helper()
	log, err := os.OpenFile(d.file(name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C for the test is none for it
	if name == "dockerd" {
		// An engine that wants no bridge removes docker0, which is the machine's engine's.
		cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWNET
	}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.running = append([]*exec.Cmd{cmd}, d.running...)
}

// stop ends the engine as a service manager does: it ends its containers first.
func (d *daemon) stop() { d.end(unix.SIGTERM) }

// kill ends the engine as a crash does.
func (d *daemon) kill() { d.end(unix.SIGKILL) }

func (d *daemon) end(s os.Signal) {
	for _, cmd := range d.running {
		_ = cmd.Process.Signal(s) // it may have ended by itself
		_ = cmd.Wait()            // which says how
	}
	d.running = nil
}

// remove ends the engine and what it has left, and complains of that.
func (d *daemon) remove(t *testing.T) {
	if len(d.running) > 0 {
		d.removeForgotten()
	}
	d.stop()
	d.removeShims(t)
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range slices.Backward(strings.Split(strings.TrimSpace(string(mounts)), "\n")) { // the inner ones first
		if at := strings.Fields(line)[4]; strings.HasPrefix(at, d.dir+"/") {
			if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
				t.Errorf("%s: %v", at, err)
			}
		}
	}
	if t.Failed() {
		if log, err := os.ReadFile(d.file("dockerd.log")); err == nil {
			t.Logf("the engine's log:\n%s", log)
		}
	}
	if err := os.RemoveAll(d.dir); err != nil {
		t.Error(err)
	}
}

// removeForgotten has containerd remove what dockerd forgot when it was stopped
// while it started a container, with its control groups and its socket.
func (d *daemon) removeForgotten() {
	tasks := func(args ...string) []byte {
		line := []string{"--connect-timeout", "5s", "--timeout", "5s", "--address", d.file("containerd.sock"), "--namespace", "moby", "tasks"}
		out, _ := exec.Command("ctr", append(line, args...)...).Output() // removeShims looks what is left
		return out
	}
	for id := range strings.FieldsSeq(string(tasks("ls", "--quiet"))) {
		tasks("delete", "--force", id)
	}
}

// removeShims ends what an engine forgets that is stopped while it starts a
// container: that one's shim, with an agent that ends by itself when it finds
// nobody, or what was to become one.
func (d *daemon) removeShims(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patience) // the test's own is over
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for _, shim := range withArgument(t, d.file("containerd.sock")) {
		agents, others := children(shim)
		for len(agents) > 0 && ctx.Err() == nil {
			select {
			case <-again.C:
			case <-ctx.Done():
				t.Errorf("agents are left: %v", agents)
			}
			agents, others = children(shim)
		}
		for _, pid := range append(append(others, agents...), shim) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// children are the processes that a shim has started: agents, and others.
func children(shim int) (agents, others []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", shim))
	for _, list := range lists {
		b, _ := os.ReadFile(list) // which may have gone
		for word := range strings.FieldsSeq(string(b)) {
			pid, _ := strconv.Atoi(word)
			command, err := os.ReadFile("/proc/" + word + "/cmdline")
			switch {
			case err != nil || len(command) == 0: // it has ended
			case strings.HasPrefix(string(command), "/rouse-agent"):
				agents = append(agents, pid)
			default:
				others = append(others, pid)
			}
		}
	}
	return agents, others
}
