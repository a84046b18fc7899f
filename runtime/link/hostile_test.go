package link

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/runtime/wire"
)

// stranger is a connection to a link's socket by who is no real agent.
type stranger struct {
	*wire.Conn
	t      *testing.T
	socket *net.UnixConn
}

func visit(t *testing.T, l *Link) stranger {
	t.Helper()
	dir, err := os.Open(l.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	name := fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), wire.SocketName)
	socket, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Net: "unixpacket", Name: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	conn, err := wire.New(socket)
	if err != nil {
		t.Fatal(err)
	}
	_ = socket.SetReadDeadline(time.Now().Add(20 * time.Second))
	return stranger{conn, t, socket}
}

// refused says that the host has hung up.
func (s stranger) refused() {
	s.t.Helper()
	if m, _, err := s.Recv(); err != io.EOF && !isReset(err) {
		s.t.Errorf("got %+v, %v", m, err)
	}
}

func isReset(err error) bool {
	return err != nil && strings.Contains(err.Error(), "connection reset")
}

// pose makes s what l takes for its agent.
func (s stranger) pose(l *Link) stranger {
	s.t.Helper()
	if err := s.Send(wire.Message{Kind: wire.KindHello, ID: string(l.id), Token: l.record.Token}); err != nil {
		s.t.Fatal(err)
	}
	if m, _, err := s.Recv(); err != nil || m.Kind != wire.KindWelcome {
		s.t.Fatalf("welcome %+v, %v", m, err)
	}
	if err := l.Connected(soon(s.t)); err != nil {
		s.t.Fatal(err)
	}
	return s
}

// answerWith answers the next request with m and files.
func (s stranger) answerWith(m wire.Message, files ...int) {
	asked, got, err := s.Recv()
	wire.CloseAll(got)
	if err != nil {
		s.t.Errorf("waiting for a request: %v", err)
		return
	}
	m.Kind, m.Seq = wire.KindReply, asked.Seq
	if err := s.Send(m, files...); err != nil {
		s.t.Error(err)
	}
}

func expect(t *testing.T) *Link {
	t.Helper()
	// A unix address would not hold this path.
	deep := filepath.Join(t.TempDir(), strings.Repeat("deep/", 30))
	h := newHost(t, filepath.Join(deep, "run"), patience)
	l, err := h.Expect("box-1")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestOnlyTheAgentIsWelcome(t *testing.T) {
	l := expect(t)
	for name, hello := range map[string]wire.Message{
		"wrong token":     {Kind: wire.KindHello, ID: "box-1", Token: "guess"},
		"another sandbox": {Kind: wire.KindHello, ID: "box-2", Token: l.record.Token},
		"no hello":        {Kind: wire.KindKill, ID: "box-1", Token: l.record.Token},
		"already running": {Kind: wire.KindHello, ID: "box-1", Token: l.record.Token, Run: 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := visit(t, l)
			if err := s.Send(hello); err != nil {
				t.Fatal(err)
			}
			s.refused()
		})
	}
	for name, packet := range map[string]string{
		"garbage":       "\x00\xff",
		"other version": `{"v":2,"kind":"hello","id":"box-1","token":"` + l.record.Token + `"}`,
		"oversized":     strings.Repeat(" ", wire.MaxSize+1),
	} {
		t.Run(name, func(t *testing.T) {
			s := visit(t, l)
			if _, err := s.socket.Write([]byte(packet)); err != nil {
				t.Fatal(err)
			}
			s.refused()
		})
	}
	select {
	case <-l.proved:
		t.Error("somebody was let in")
	default:
	}
	visit(t, l).pose(l)
}

func TestSilentVisitorsAreSentAwayWhenTheAgentIsThere(t *testing.T) {
	l := expect(t)
	var silent []stranger
	for range greetings - 1 {
		silent = append(silent, visit(t, l))
	}
	agent := visit(t, l).pose(l)
	for _, s := range silent {
		s.refused()
	}
	if _, err := os.Stat(filepath.Join(l.Dir(), wire.SocketName)); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
	agent.socket.Close()
	<-l.Lost()
}

func TestAnAgentThatBreaksTheProtocolIsLost(t *testing.T) {
	for name, packet := range map[string]string{
		"garbage":     "garbage",
		"oversized":   strings.Repeat(" ", wire.MaxSize+1),
		"host's word": `{"v":1,"kind":"kill","seq":1}`,
		"hello again": `{"v":1,"kind":"hello","id":"box-1","token":"x"}`,
		"bad exit":    `{"v":1,"kind":"exit","exit":{"run":1,"code":4096}}`,
	} {
		t.Run(name, func(t *testing.T) {
			l := expect(t)
			s := visit(t, l).pose(l)
			if _, err := s.socket.Write([]byte(packet)); err != nil {
				t.Fatal(err)
			}
			<-l.Lost()
			s.refused()
		})
	}
}

func TestUnaskedRepliesAndTheirDescriptorsAreDropped(t *testing.T) {
	l := expect(t)
	s := visit(t, l).pose(l)
	before := openFiles(t, os.Getpid())
	for i := range 50 {
		if err := s.Send(wire.Message{Kind: wire.KindReply, Seq: uint64(i + 1000)}, 0, 1, 2, 0); err != nil {
			t.Fatal(err)
		}
		if err := s.Send(wire.Message{Kind: wire.KindExit, Exit: &wire.Exit{Run: i + 1}}, 0, 1); err != nil {
			t.Fatal(err)
		}
	}
	go s.answerWith(wire.Message{}) // comes after all of that
	if _, _, err := l.ask(soon(t), wire.Message{Kind: wire.KindThaw}, 0); err != nil {
		t.Fatal(err)
	}
	if now := openFiles(t, os.Getpid()); now > before {
		t.Errorf("%d descriptors were open and %d are", before, now)
	}
}

func TestDescriptorsFromTheAgentAreCheckedBeforeUse(t *testing.T) {
	udp := fdOf(t)(net.ListenPacket("udp", "127.0.0.1:0"))
	file := fdOf(t)(os.Open(os.DevNull))
	listener := fdOf(t)(net.Listen("tcp", "127.0.0.1:0"))
	everywhere := fdOf(t)(net.Listen("tcp", "0.0.0.0:0"))
	path := filepath.Join(t.TempDir(), "s")
	unix := fdOf(t)(net.Listen("unix", path))
	fresh, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fresh)

	launch := func(contract rouse.Contract) func(*Link) error {
		return func(l *Link) error {
			_, err := l.Launch(soon(t), rouse.Launch{Contract: contract, RuntimeAPI: "127.0.0.1:0", Command: rouse.Command{Argv: []string{"x"}}})
			return err
		}
	}
	dial := func(l *Link) error {
		_, err := l.way().dial(soon(t), 8080)
		return err
	}
	pipe := func(l *Link) error {
		_, err := l.takePipe(soon(t), wire.HeldStdout)
		return err
	}
	here, elsewhere := listenAt(t, "127.0.0.1"), listenAt(t, outerAddress(t))
	toHere := fdOf(t)(net.Dial("tcp", here.Addr().String()))
	toElsewhere := fdOf(t)(net.Dial("tcp", elsewhere.Addr().String()))
	local := fdOf(t)(net.Dial("unix", path))
	dialPortOf := func(ln net.Listener) func(*Link) error {
		return func(l *Link) error {
			_, err := l.way().dial(soon(t), ln.Addr().(*net.TCPAddr).Port)
			return err
		}
	}
	fixed := func(l *Link) error {
		_, err := l.Launch(soon(t), rouse.Launch{Contract: rouse.ContractLambda, RuntimeAPI: "127.0.0.1:9001", Command: rouse.Command{Argv: []string{"x"}}})
		return err
	}
	kept := func(l *Link) error {
		thing, err := l.take(soon(t), "conn:1")
		if err == nil {
			_, err = thing.kept(9001)
		}
		return err
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fdOf(t)(reader, nil)
	for _, c := range []struct {
		name  string
		use   func(*Link) error
		files []int
	}{
		{"a listener on another port", fixed, []int{listener}},
		{"a connection to another port", dial, []int{toHere}},
		{"a connection beyond loopback", dialPortOf(elsewhere), []int{toElsewhere}},
		{"a unix connection as connection", dial, []int{local}},
		{"two connections", dialPortOf(here), []int{toHere, toHere}},
		{"a connection of its own as kept", kept, []int{toHere}},
		{"a listener as kept", kept, []int{listener}},
		{"a write end as pipe", pipe, []int{fdOf(t)(writer, nil)}},
		{"no listener", launch(rouse.ContractLambda), nil},
		{"two listeners", launch(rouse.ContractLambda), []int{listener, listener}},
		{"a file as listener", launch(rouse.ContractLambda), []int{file}},
		{"a UDP socket as listener", launch(rouse.ContractLambda), []int{udp}},
		{"a unix listener", launch(rouse.ContractLambda), []int{unix}},
		{"a socket that does not listen", launch(rouse.ContractLambda), []int{fresh}},
		{"a listener for the world", launch(rouse.ContractLambda), []int{everywhere}},
		{"a descriptor with a port", launch(rouse.ContractHTTP), nil},
		{"a file as connection", dial, []int{file}},
		{"a listener as connection", dial, []int{listener}},
		{"an idle socket as connection", dial, []int{fresh}},
		{"a connection to elsewhere", dial, []int{fdOf(t)(net.Dial("udp", "127.0.0.1:9"))}},
		{"a file as pipe", pipe, []int{file}},
	} {
		if c.name == "a descriptor with a port" {
			c.files = []int{file}
		}
		t.Run(c.name, func(t *testing.T) {
			l := expect(t)
			s := visit(t, l).pose(l)
			before := openFiles(t, os.Getpid())
			go s.answerWith(wire.Message{}, c.files...)
			if err := c.use(l); err == nil {
				t.Error("it was taken")
			}
			if now := openFiles(t, os.Getpid()); now > before {
				t.Errorf("%d descriptors were open and %d are", before, now)
			}
		})
	}
}

func listenAt(t *testing.T, ip string) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// outerAddress is an address of this machine that is not loopback's; where
// there is none, another loopback one has to do.
func outerAddress(t *testing.T) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if own, ok := a.(*net.IPNet); ok && !own.IP.IsLoopback() && own.IP.To4() != nil {
			return own.IP.String()
		}
	}
	t.Skip("this machine has no network")
	return ""
}

func TestMoreDescriptorsThanAreAllowedEndTheLink(t *testing.T) {
	l := expect(t)
	s := visit(t, l).pose(l)
	before := openFiles(t, os.Getpid())
	files := make([]int, wire.MaxFiles+1)
	for i := range files {
		files[i] = fdOf(t)(os.Open(os.DevNull))
	}
	mine := openFiles(t, os.Getpid()) - before
	packet, err := wire.Encode(wire.Message{Kind: wire.KindReply, Seq: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.socket.WriteMsgUnix(packet, syscall.UnixRights(files...), nil); err != nil {
		t.Fatal(err)
	}
	<-l.Lost()
	s.refused()
	if now := openFiles(t, os.Getpid()); now > before+mine {
		t.Errorf("%d descriptors were open and %d are", before+mine, now)
	}
}

// fdOf lends the descriptor of what a constructor returned.
func fdOf(t *testing.T) func(any, error) int {
	return func(v any, err error) int {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { v.(io.Closer).Close() })
		raw, err := v.(syscall.Conn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		n := -1
		if err := raw.Control(func(fd uintptr) { n = int(fd) }); err != nil {
			t.Fatal(err)
		}
		return n
	}
}

func TestAnAnswerThatComesTooLateIsDropped(t *testing.T) {
	l := expect(t)
	s := visit(t, l).pose(l)
	ctx, cancel := context.WithCancel(soon(t))
	asked := make(chan wire.Message, 1)
	go func() {
		m, _, _ := s.Recv()
		asked <- m
		cancel()
	}()
	if _, _, err := l.ask(ctx, wire.Message{Kind: wire.KindDial, Port: 1}, 1); err != context.Canceled {
		t.Fatalf("error %v", err)
	}
	before := openFiles(t, os.Getpid())
	if err := s.Send(wire.Message{Kind: wire.KindReply, Seq: (<-asked).Seq}, 0); err != nil {
		t.Fatal(err)
	}
	go s.answerWith(wire.Message{})
	if _, _, err := l.ask(soon(t), wire.Message{Kind: wire.KindThaw}, 0); err != nil {
		t.Fatal(err)
	}
	if now := openFiles(t, os.Getpid()); now > before {
		t.Errorf("%d descriptors were open and %d are", before, now)
	}
}

func TestIDsAreOnePathComponentAndUsedOnce(t *testing.T) {
	h := newHost(t, t.TempDir(), patience)
	for _, id := range []rouse.SandboxID{"", ".", "..", "../x", "a/b", ".hidden", "a\x00b", "ü", rouse.SandboxID(strings.Repeat("x", 65))} {
		if _, err := h.Expect(id); rouse.CodeOf(err) != rouse.Invalid {
			t.Errorf("id %q: %v", id, err)
		}
	}
	l, err := h.Expect("once")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Expect("once"); rouse.CodeOf(err) != rouse.Conflict {
		t.Errorf("twice: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(h.dir); len(entries) != 0 {
		t.Errorf("left: %v", entries)
	}
}
