package agent_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse/runtime/wire"
)

// program is the real agent, built once as releases build it.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "rouse-agent-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "rouse-agent")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "github.com/rousehq/rouse/cmd/rouse-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the agent: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// host is a host under the test's control, with its agent.
type host struct {
	*wire.Conn
	t      *testing.T
	ln     *net.UnixListener
	socket *net.UnixConn
	agent  *exec.Cmd
	seq    uint64
}

func newHost(t *testing.T) *host {
	t.Helper()
	dir, err := os.MkdirTemp("", "rouse-") // short enough for a unix address
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	ln, err := net.ListenUnix("unixpacket", &net.UnixAddr{Net: "unixpacket", Name: filepath.Join(dir, wire.SocketName)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	cmd := exec.Command(program)
	cmd.Env = []string{wire.EnvDir + "=" + dir, wire.EnvID + "=box", wire.EnvToken + "=first", wire.EnvReconnect + "=20s"}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	return &host{t: t, ln: ln, agent: cmd}
}

// accept takes the agent's connection and returns its hello.
func (h *host) accept() wire.Message {
	h.t.Helper()
	_ = h.ln.SetDeadline(time.Now().Add(20 * time.Second))
	socket, err := h.ln.AcceptUnix()
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { socket.Close() })
	h.socket = socket
	if h.Conn, err = wire.New(socket); err != nil {
		h.t.Fatal(err)
	}
	_ = h.SetReadDeadline(time.Now().Add(20 * time.Second))
	hello, _, err := h.Recv()
	if err != nil || hello.Kind != wire.KindHello || hello.ID != "box" {
		h.t.Fatalf("hello %+v, %v", hello, err)
	}
	return hello
}

// welcome accepts the agent and gives it a token.
func (h *host) welcome() *host {
	h.t.Helper()
	h.accept()
	h.tell(wire.Message{Kind: wire.KindWelcome, Token: "second"})
	return h
}

func (h *host) tell(m wire.Message, files ...int) {
	h.t.Helper()
	if err := h.Send(m, files...); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) ask(m wire.Message) (wire.Message, []int) {
	h.t.Helper()
	h.seq++
	m.Seq = h.seq
	h.tell(m)
	reply, files, err := h.Recv()
	if err != nil || reply.Kind != wire.KindReply || reply.Seq != m.Seq {
		h.t.Fatalf("asked %+v, got %+v, %v", m, reply, err)
	}
	return reply, files
}

func (h *host) hungUp() {
	h.t.Helper()
	if m, _, err := h.Recv(); err == nil {
		h.t.Errorf("still speaks: %+v", m)
	}
}

// start runs sh -c script with pipes for its output; it returns stdout.
func (h *host) start(script string) *bufio.Reader {
	h.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		h.t.Fatal(err)
	}
	defer w.Close()
	h.t.Cleanup(func() { r.Close() })
	_ = r.SetReadDeadline(time.Now().Add(20 * time.Second))
	out, err := syscall.Dup(int(w.Fd())) // blocking, as a program expects
	if err != nil {
		h.t.Fatal(err)
	}
	defer syscall.Close(out)
	h.tell(wire.Message{Kind: wire.KindStart, Start: &wire.Start{
		Argv: []string{"/bin/sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, UID: os.Getuid(), GID: os.Getgid(),
	}}, out, out, out, out)
	return bufio.NewReader(r)
}

func TestAHostThatBreaksTheProtocolIsHungUpOnAndTheFunctionGoesOn(t *testing.T) {
	for name, offend := range map[string]func(h *host){
		"garbage": func(h *host) { _, _ = h.socket.Write([]byte("garbage")) },
		"oversized": func(h *host) {
			_, _ = h.socket.Write([]byte(strings.Repeat(" ", wire.MaxSize+1)))
		},
		"flood of descriptors": func(h *host) {
			_, _, _ = h.socket.WriteMsgUnix([]byte(`{"v":1,"kind":"stop"}`), syscall.UnixRights(make([]int, 100)...), nil)
		},
		"agent's word":    func(h *host) { h.tell(wire.Message{Kind: wire.KindExit, Exit: &wire.Exit{Run: 1}}) },
		"second welcome":  func(h *host) { h.tell(wire.Message{Kind: wire.KindWelcome}) },
		"second start":    func(h *host) { h.start("exit 1") },
		"files with kill": func(h *host) { h.tell(wire.Message{Kind: wire.KindKill, Seq: 1}, 0) },
		"hold of nothing": func(h *host) { h.tell(wire.Message{Kind: wire.KindHold, Name: "x"}) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t).welcome()
			out := h.start("echo ready; exec sleep 1000")
			if _, err := out.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			before := openFiles(t, h.agent.Process.Pid)
			offend(h)
			h.hungUp()
			hello := h.accept()
			if hello.Run != 1 || hello.Exit != nil || hello.Token != "second" {
				t.Errorf("hello %+v", hello)
			}
			if now := openFiles(t, h.agent.Process.Pid); now > before {
				t.Errorf("%d descriptors were open and %d are", before, now)
			}
		})
	}
}

func openFiles(t *testing.T, pid int) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd")
	if os.IsPermission(err) {
		return 0 // it is not to be looked into, not even by its user
	}
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestNothingIsObeyedBeforeAWelcome(t *testing.T) {
	h := newHost(t)
	h.accept()
	h.tell(wire.Message{Kind: wire.KindStop})
	h.hungUp()
	if hello := h.accept(); hello.Token != "first" {
		t.Errorf("hello %+v", hello)
	}
}

func TestARequestThatCannotBeMetSaysWhy(t *testing.T) {
	h := newHost(t).welcome()
	used, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer used.Close()
	port := used.Addr().(*net.TCPAddr).Port
	for name, c := range map[string]struct {
		ask   wire.Message
		errno syscall.Errno
	}{
		"nothing to restart": {wire.Message{Kind: wire.KindRestart, Run: 2}, 0},
		"nothing held":       {wire.Message{Kind: wire.KindTake, Name: "x"}, 0},
		"port in use":        {wire.Message{Kind: wire.KindListen, Port: port}, syscall.EADDRINUSE},
		"nobody listens":     {wire.Message{Kind: wire.KindDial, Port: 1}, syscall.ECONNREFUSED},
	} {
		if reply, files := h.ask(c.ask); reply.Error == "" || syscall.Errno(reply.Errno) != c.errno || files != nil {
			t.Errorf("%s: %+v, %v", name, reply, files)
		}
	}
	for _, k := range []wire.Kind{wire.KindKill, wire.KindFreeze, wire.KindThaw} { // nothing to do is no error
		if reply, _ := h.ask(wire.Message{Kind: k}); reply.Error != "" {
			t.Errorf("%s: %s", k, reply.Error)
		}
	}
}

func TestAServerOnIPv6LoopbackAloneIsReached(t *testing.T) {
	ln, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here: ", err)
	}
	defer ln.Close()
	h := newHost(t).welcome()
	reply, files := h.ask(wire.Message{Kind: wire.KindDial, Port: ln.Addr().(*net.TCPAddr).Port})
	wire.CloseAll(files)
	if reply.Error != "" || len(files) != 1 {
		t.Errorf("got %+v, %v", reply, files)
	}
}

func TestWhatIsHeldIsBounded(t *testing.T) {
	h := newHost(t).welcome()
	for i := range wire.MaxHeld * 2 {
		h.tell(wire.Message{Kind: wire.KindHold, Name: fmt.Sprint("conn:", i)}, 0)
	}
	if reply, _ := h.ask(wire.Message{Kind: wire.KindThaw}); reply.Error != "" {
		t.Fatal(reply.Error)
	}
	h.Close()
	if hello := h.accept(); len(hello.Held) != wire.MaxHeld+wire.Own {
		t.Errorf("%d are held", len(hello.Held))
	}
}

func TestAnExitWithoutAHostIsInTheNextHello(t *testing.T) {
	h := newHost(t).welcome()
	out := h.start("echo ready; exec sleep 1000")
	if _, err := out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	h.tell(wire.Message{Kind: wire.KindSignal, Signal: int(syscall.SIGTERM)})
	h.Close() // the exit may be on its way
	hello := h.accept()
	for hello.Exit == nil {
		h.Close()
		hello = h.accept()
	}
	if *hello.Exit != (wire.Exit{Run: 1, Code: -1, Signal: int(syscall.SIGTERM)}) {
		t.Errorf("exit %+v", hello.Exit)
	}
}

func TestStopAndSIGTERMEndTheAgentAndTheFunction(t *testing.T) {
	for name, end := range map[string]func(h *host){
		"stop":    func(h *host) { h.tell(wire.Message{Kind: wire.KindStop}) },
		"SIGTERM": func(h *host) { _ = h.agent.Process.Signal(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t).welcome()
			out := h.start("trap '' TERM; (setsid sleep 1000 &); echo ready; sleep 1000")
			if _, err := out.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			end(h)
			if m, _, err := h.Recv(); err != nil || m.Kind != wire.KindExit || m.Exit.Signal != int(syscall.SIGKILL) {
				t.Errorf("got %+v, %v", m, err)
			}
			if _, _, err := h.Recv(); err != io.EOF {
				t.Errorf("after the exit: %v", err)
			}
			// All who could write are gone.
			if _, err := out.ReadString('\n'); err != io.EOF {
				t.Errorf("stdout: %v", err)
			}
		})
	}
}

func TestWithoutItsEnvironmentTheAgentSaysWhatItIs(t *testing.T) {
	out, err := exec.Command(program).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(out), "first process of a sandbox") {
		t.Errorf("%v: %s", err, out)
	}
}

// The figures are promises to whoever runs many sandboxes on a small machine.
func TestTheAgentIsSmall(t *testing.T) {
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() >= 4<<20 {
		t.Errorf("the program has %d bytes", info.Size())
	}
	h := newHost(t).welcome()
	out := h.start("echo ready; exec sleep 1000")
	if _, err := out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.agent.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kB, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	if kB >= 6<<10 {
		t.Errorf("it is %d kB in memory", kB)
	}
	t.Logf("program %d bytes, resident %d kB", info.Size(), kB)
}

// children are the processes that the agent has begun.
func (h *host) children() (pids []int) {
	h.t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", h.agent.Process.Pid))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, file := range files {
		b, _ := os.ReadFile(file) // a thread may have ended
		for word := range strings.FieldsSeq(string(b)) {
			pid, err := strconv.Atoi(word)
			if err != nil {
				h.t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// endNow kills a process and waits until it has let go of all that it had.
func endNow(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return // it has ended
	}
	defer unix.Close(fd)
	_ = unix.Kill(pid, unix.SIGKILL)
	ended := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(ended, -1); err != unix.EINTR {
			return
		}
	}
}

func TestTheFirstStartTakesTheLauncherThatStandsBy(t *testing.T) {
	for name, c := range map[string]struct {
		before func(pid int)
		same   bool
	}{
		"alive":  {func(int) {}, true},
		"killed": {endNow, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t).welcome()
			door, err := os.Create(filepath.Join(t.TempDir(), "door"))
			if err != nil {
				t.Fatal(err)
			}
			defer door.Close()
			h.tell(wire.Message{Kind: wire.KindPlace}, int(door.Fd()))
			if reply, _ := h.ask(wire.Message{Kind: wire.KindThaw}); reply.Error != "" {
				t.Fatal(reply.Error)
			}
			standing := h.children()
			if len(standing) != 1 {
				t.Fatalf("the agent has %d children", len(standing))
			}
			c.before(standing[0])
			out := h.start("echo $$; exec sleep 1000")
			line, err := out.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if pid, _ := strconv.Atoi(strings.TrimSpace(line)); (pid == standing[0]) != c.same {
				t.Errorf("process %d was started, and %d stood by", pid, standing[0])
			}
			if b, err := os.ReadFile(door.Name()); err != nil || strings.Trim(string(b), "0") != "" || len(b) == 0 {
				t.Errorf("at the door was written %q, %v", b, err)
			}
			if now := h.children(); len(now) != 1 {
				t.Errorf("the agent has %d children now", len(now))
			}
		})
	}
}
