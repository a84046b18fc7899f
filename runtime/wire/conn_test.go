package wire

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is two ends of one connection; raw is b's descriptor.
func pair(t *testing.T) (a, b *Conn, raw int) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	end := func(fd int) *Conn {
		c, err := New(os.NewFile(uintptr(fd), "end"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		return c
	}
	return end(fds[0]), end(fds[1]), fds[1]
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestDescriptorsCrossAndCloseOnExec(t *testing.T) {
	a, b, _ := pair(t)
	var p [2]int
	if err := syscall.Pipe2(p[:], syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer CloseAll(p[:])
	if err := a.Send(Message{Kind: KindHold, Name: "x"}, p[0], p[1], p[0], p[1]); err != nil {
		t.Fatal(err)
	}
	m, files, err := b.Recv()
	if err != nil || m.Name != "x" || len(files) != 4 {
		t.Fatalf("got %+v, %v, %v", m, files, err)
	}
	defer CloseAll(files)
	for _, fd := range files {
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
		if errno != 0 || flags&syscall.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d has flags %d, %v", fd, flags, errno)
		}
	}
	if _, err := syscall.Write(files[1], []byte("hi")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2)
	if _, err := syscall.Read(p[0], buf); err != nil || string(buf) != "hi" {
		t.Errorf("got %q, %v", buf, err)
	}
}

func TestTheLongestMessageFits(t *testing.T) {
	a, b, _ := pair(t)
	m := Message{Kind: KindStart, Start: &Start{Argv: []string{"x"}}}
	empty, err := Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	m.Start.Argv[0] += strings.Repeat("x", MaxSize-len(empty))
	if err := a.Send(m); err != nil {
		t.Fatal(err)
	}
	if got, _, err := b.Recv(); err != nil || got.Start.Argv[0] != m.Start.Argv[0] {
		t.Errorf("error %v", err)
	}
}

func TestRecvRefusesAndClosesWhatIsOverTheLimit(t *testing.T) {
	stop, err := Encode(Message{Kind: KindStop})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		packet string
		files  int
	}{
		"long packet":     {strings.Repeat(" ", MaxSize+1), 2},
		"garbage":         {"garbage", 4},
		"one too many":    {string(stop), MaxFiles + 1},
		"a flood of them": {string(stop), 200},
	} {
		t.Run(name, func(t *testing.T) {
			a, _, raw := pair(t)
			before := openFiles(t)
			oob := syscall.UnixRights(make([]int, c.files)...) // stdin, again and again
			if err := syscall.Sendmsg(raw, []byte(c.packet), oob, nil, 0); err != nil {
				t.Fatal(err)
			}
			if m, files, err := a.Recv(); err == nil || files != nil {
				t.Errorf("got %+v, %v, %v", m, files, err)
			}
			if now := openFiles(t); now != before {
				t.Errorf("%d descriptors were open and %d are", before, now)
			}
		})
	}
}

func TestSendRefusesMoreDescriptorsThanAreAllowed(t *testing.T) {
	a, _, _ := pair(t)
	if err := a.Send(Message{Kind: KindStop}, make([]int, MaxFiles+1)...); err == nil {
		t.Error("they were sent")
	}
}

func TestTheEndOfThePeerIsEOF(t *testing.T) {
	a, b, _ := pair(t)
	b.Close()
	if _, _, err := a.Recv(); err != io.EOF {
		t.Errorf("receiving: %v", err)
	}
	if err := a.Send(Message{Kind: KindStop}); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("sending: %v", err)
	}
}

func TestCloseWakesRecv(t *testing.T) {
	a, _, _ := pair(t)
	woken := make(chan error)
	go func() {
		_, _, err := a.Recv()
		woken <- err
	}()
	a.Close()
	if err := <-woken; err == nil {
		t.Error("no error")
	}
}
