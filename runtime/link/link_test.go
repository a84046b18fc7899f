package link

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
)

// agentProgram is the real agent, built once; functionProgram is this test
// where every user may run it.
var agentProgram, functionProgram string

func TestMain(m *testing.M) {
	if role := os.Getenv("LINK_TEST_FUNCTION"); role != "" {
		beFunction(role)
		return
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "rouse-link-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // other users run the agent too
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	agentProgram = filepath.Join(dir, "rouse-agent")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", agentProgram, "github.com/rousehq/rouse/cmd/rouse-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the agent: %v\n%s", err, out)
		return 1
	}
	functionProgram = filepath.Join(dir, "function")
	if err := copySelf(functionProgram); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// way is a manner in which an agent may be placed.
type way struct {
	name    string
	attr    syscall.SysProcAttr
	opened  bool // the host opens the sockets
	relayed bool // the agent relays them over TCP
}

// ways are those that this user may test.
func ways() []way {
	all := []way{{name: "subreaper"}, {name: "sockets opened by the host", opened: true}, {name: "sockets relayed", relayed: true}}
	if os.Geteuid() == 0 {
		all = append(all,
			way{name: "first process of a namespace", attr: syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}},
			way{name: "unprivileged", attr: syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}})
	}
	return all
}

func everyWay(t *testing.T, test func(t *testing.T, w way)) {
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) { test(t, w) })
	}
}

// box is a sandbox under test: a link and its agent.
type box struct {
	*Link
	t     testing.TB
	host  *Host
	way   way
	agent *exec.Cmd
	over  chan struct{} // closed when the agent has ended
}

// patience is how long agents wait for the next host, unless a test is about it.
const patience = 20 * time.Second

func newHost(t testing.TB, dir string, reconnect time.Duration) *Host {
	t.Helper()
	h, err := New(dir, Options{Reconnect: reconnect})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func newBox(t testing.TB, w way) *box {
	t.Helper()
	return newBoxFor(t, w, patience)
}

func newBoxFor(t testing.TB, w way, reconnect time.Duration) *box {
	t.Helper()
	h := newHost(t, filepath.Join(t.TempDir(), "run"), reconnect)
	if w.relayed {
		if err := h.Relay("127.0.0.1:0", ""); err != nil {
			t.Fatal(err)
		}
	}
	l, err := h.Expect("box-1")
	if err != nil {
		t.Fatal(err)
	}
	b := &box{Link: l, t: t, host: h, way: w, over: make(chan struct{})}
	if w.attr.Credential != nil { // a real host has the agent's user
		for d := l.root; strings.HasPrefix(d, os.TempDir()+"/"); d = filepath.Dir(d) {
			if err := os.Chmod(d, 0o711); err != nil {
				t.Fatal(err)
			}
		}
	}
	attr := w.attr
	b.agent = exec.Command(agentProgram)
	b.agent.Env = append(l.Env(l.Dir()), "SECRET=of the agent")
	b.agent.SysProcAttr = &attr
	b.agent.Stderr = os.Stderr
	if err := b.agent.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(b.over)
		_ = b.agent.Wait()
	}()
	t.Cleanup(func() {
		_ = b.agent.Process.Signal(syscall.SIGTERM)
		<-b.over
		if err := b.Link.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := l.Connected(soon(t)); err != nil {
		t.Fatal(err)
	}
	if w.opened {
		l.Enter(nil)
	}
	return b
}

// soon is a context that ends long after everything should be done.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// launch starts argv under the http contract, as the agent's own user.
func (b *box) launch(argv ...string) *output {
	b.t.Helper()
	return b.start(rouse.Launch{Contract: rouse.ContractHTTP, Port: 8080, Command: rouse.Command{Argv: argv}})
}

func (b *box) start(l rouse.Launch) *output {
	b.t.Helper()
	l.Revision = "rev"
	if l.Command.Env == nil {
		l.Command.Env = []string{"PATH=/usr/bin:/bin"}
	}
	if c := b.way.attr.Credential; c != nil {
		l.UID, l.GID = int(c.Uid), int(c.Gid)
	} else if os.Geteuid() != 0 {
		l.UID, l.GID = os.Getuid(), os.Getgid()
	}
	ep, err := b.Launch(soon(b.t), l)
	if err != nil {
		b.t.Fatal(err)
	}
	return newOutput(b.t, ep)
}

// output reads an endpoint's streams.
type output struct {
	rouse.Endpoint
	t         testing.TB
	out, errs *bufio.Reader
}

func newOutput(t testing.TB, ep rouse.Endpoint) *output {
	t.Cleanup(func() { ep.Close() })
	return &output{ep, t, bufio.NewReader(ep.Stdout), bufio.NewReader(ep.Stderr)}
}

// line is the next line of stdout.
func (o *output) line() string {
	o.t.Helper()
	o.Stdout.(interface{ SetReadDeadline(time.Time) error }).SetReadDeadline(time.Now().Add(20 * time.Second))
	s, err := o.out.ReadString('\n')
	if err != nil {
		o.t.Fatalf("reading stdout: %v", err)
	}
	return strings.TrimSuffix(s, "\n")
}

// echoes dials the function, which echoes a line.
func (o *output) echoes() {
	o.t.Helper()
	conn, err := o.Dial(soon(o.t))
	if err != nil {
		o.t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintln(conn, "hello")
	if got, err := bufio.NewReader(conn).ReadString('\n'); err != nil || got != "hello\n" {
		o.t.Errorf("got %q, %v", got, err)
	}
}

func (o *output) wait() rouse.Exit {
	o.t.Helper()
	exit, err := o.Process.Wait(soon(o.t))
	if err != nil {
		o.t.Fatal(err)
	}
	return exit
}

// beFunction is what the test's own program does in a sandbox.
func beFunction(role string) {
	switch role {
	case "echo": // serves one connection after the other on $PORT
		ln, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("listening")
		for {
			conn, err := ln.Accept()
			if err != nil {
				os.Exit(1)
			}
			_, _ = io.Copy(conn, conn)
			conn.Close()
		}
	case "poll": // sends "next" and prints what comes, on one connection
		conn, err := net.Dial("tcp", os.Getenv("API"))
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		r := bufio.NewReader(conn)
		for {
			fmt.Fprintln(conn, "next")
			s, err := r.ReadString('\n')
			if err != nil {
				os.Exit(3)
			}
			fmt.Print("got ", s)
		}
	}
}

// function is the command that runs beFunction.
func function(role string, env ...string) rouse.Command {
	return rouse.Command{Argv: []string{functionProgram}, Env: append(env, "LINK_TEST_FUNCTION="+role)}
}

func copySelf(to string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}

func isGone(err error) bool { return errors.Is(err, rouse.ErrGone) }
