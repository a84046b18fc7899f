package drivertest

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

func unprivileged(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	defer x.stop()
	var status string
	x.must(order{Do: "status"}, &status)
	for _, want := range []string{"CapInh:\t0000000000000000", "CapPrm:\t0000000000000000",
		"CapEff:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"} {
		if !strings.Contains(status, want) {
			t.Errorf("the process' status lacks %q:\n%s", want, status)
		}
	}
	var ids struct {
		UID    int
		GID    int
		Groups []int
	}
	x.must(order{Do: "ids"}, &ids)
	if got := fmt.Sprintf("%d:%d", ids.UID, ids.GID); b.suite.User != "" && got != b.suite.User {
		t.Errorf("runs as %s, want %s", got, b.suite.User)
	}
	if slices.Contains(ids.Groups, 0) && ids.GID != 0 {
		t.Errorf("has root's group: %v", ids.Groups)
	}
}

// refusedCalls are refused in every sandbox, by the filter that the agent adds.
func refusedCalls(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	defer x.stop()
	var tried map[string]string
	x.must(order{Do: "attack"}, &tried)
	for _, name := range []string{
		"chroot", "pivot_root", "mount", "unmount the root", "remount the root", "a clone of the root", "a new file system",
		"a mount namespace", "a user namespace", "a user namespace for a child", "a network for a child", "entering a namespace",
		"tracing the agent", "another's memory", "a keyring", "a key", "io_uring",
	} {
		if got := tried[name]; !strings.HasSuffix(got, unix.EPERM.Error()) {
			t.Errorf("%s ends with %q, want %q", name, got, unix.EPERM.Error())
		}
	}
}

func inheritsNothing(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	defer x.stop()
	var open map[string]string
	x.must(order{Do: "fds"}, &open)
	sockets := 0
	for fd, target := range open {
		switch {
		case fd == "0" || fd == "1" || fd == "2":
		case strings.HasPrefix(target, "socket:"):
			sockets++ // its own listener and the suite's connection
		case strings.HasPrefix(target, "anon_inode:") || strings.HasPrefix(target, "/proc/"):
		case strings.HasPrefix(target, "/sys/fs/cgroup/"): // Go's runtime follows its CPU limit
		default:
			t.Errorf("descriptor %s is %s", fd, target)
		}
	}
	if sockets > 2 {
		t.Errorf("%d sockets are open, want 2: %v", sockets, open)
	}
	var env []string
	x.must(order{Do: "env"}, &env)
	for _, variable := range env {
		if strings.HasPrefix(variable, "ROUSE_") {
			t.Errorf("the agent's %s reached the function", variable)
		}
	}
}

func memory(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	defer x.stop()
	var eaten int
	x.must(order{Do: "eat", N: 30}, &eaten)
	if err := x.ask(order{Do: "eat", N: 400}, &eaten); err == nil {
		t.Fatalf("ate %d MB with a limit of %s", eaten, x.rev.Spec.Memory)
	}
	exit := x.exit()
	if !exit.OOM || exit.Signal != "killed" {
		t.Fatalf("the exit was %+v, want out of memory", exit)
	}
	if exit.PeakMemory < 30*rouse.MB {
		t.Errorf("the peak was %s", exit.PeakMemory)
	}
	if err := x.endpoint.Process.Restart(b.ctx); err != nil {
		t.Fatalf("after out of memory: %v", err)
	}
	x.stdout.await(t, "ready")
	if err := x.endpoint.Process.Kill(b.ctx); err != nil {
		t.Fatal(err)
	}
	if exit := x.exit(); exit.OOM {
		t.Error("a kill was taken for out of memory")
	}
}

func processes(t *testing.T, b *bench) {
	if b.suite.NoPids {
		t.Skip("not enforced by this driver here")
	}
	x := b.start(b.spec(rouse.ContractHTTP, func(s *rouse.Spec) { s.Memory = 512 * rouse.MB }))
	defer x.stop()
	if err := x.ask(order{Do: "threads", N: 3000}, nil); err == nil {
		t.Fatal("3000 threads were made")
	}
	x.exit()
}

func readOnly(t *testing.T, b *bench) {
	if b.suite.NoReadOnly {
		t.Skip("not enforced by this driver here")
	}
	x := b.start(b.spec(rouse.ContractHTTP))
	defer x.stop()
	var env []string
	x.must(order{Do: "env"}, &env)
	for _, file := range append([]string{path.Join(variable(env, "TASK_DIR"), "new")}, b.suite.ReadOnly...) {
		if err := x.ask(order{Do: "write", Text: file, N: 1}, nil); err == nil {
			t.Errorf("the function could write %s", file)
		}
	}
}

func tmpSize(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	defer x.stop()
	tmp := x.tmp()
	half := int(x.rev.Spec.Tmp) * 3 / 4
	x.must(order{Do: "write", Text: tmp + "/a", N: half}, nil)
	if b.suite.NoTmp {
		if err := x.ask(order{Do: "write", Text: tmp + "/b", N: 2 * half}, nil); err == nil {
			t.Error("a single file larger than /tmp was written")
		}
		return
	}
	if err := x.ask(order{Do: "write", Text: tmp + "/b", N: half}, nil); err == nil {
		t.Error("more was written to /tmp than its size")
	}
	if b.suite.Scratch == "" {
		return
	}
	x.must(order{Do: "write", Text: b.suite.Scratch + "/a", N: half}, nil)
	if err := x.ask(order{Do: "write", Text: b.suite.Scratch + "/b", N: half}, nil); err == nil {
		t.Errorf("more was written to %s than its size", b.suite.Scratch)
	}
}

// tmp is the sandbox's own folder for files.
func (x *box) tmp() string {
	x.b.t.Helper()
	var env []string
	x.must(order{Do: "env"}, &env)
	return variable(env, "TMP_DIR")
}

func variable(env []string, name string) string {
	for _, v := range env {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

func networkNone(t *testing.T, b *bench) {
	if b.suite.NoNetwork {
		t.Skip("not enforced by this driver")
	}
	x := b.start(b.spec(rouse.ContractHTTP))
	defer x.stop()
	var up []string
	x.must(order{Do: "interfaces"}, &up)
	if len(up) > 0 {
		t.Errorf("interfaces %q", up)
	}
	if err := x.ask(order{Do: "dial", Text: "192.0.2.1:80"}, nil); err == nil || !strings.Contains(err.Error(), "unreachable") {
		t.Errorf("a connection out: %v, want that the network is unreachable", err)
	}
	y := b.start(b.spec(rouse.ContractHTTP, func(s *rouse.Spec) { s.Network = rouse.NetworkEgress }))
	defer y.stop()
	y.must(order{Do: "interfaces"}, &up)
	if len(up) == 0 {
		t.Error("network egress has no interface")
	}
}
