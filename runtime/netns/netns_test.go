package netns_test

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
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse/runtime/netns"
)

// insideVar has this program live in a network namespace until its stdin ends.
const insideVar = "NETNS_TEST_INSIDE"

func TestMain(m *testing.M) {
	if os.Getenv(insideVar) != "" {
		os.Exit(inside())
	}
	goleak.VerifyTestMain(m)
}

// inside brings loopback up, serves echoes on both loopbacks' ports and says
// which they are, then connects to every port that it is told.
func inside() int {
	if err := loopbackUp(); err != nil {
		fmt.Println(err)
		return 1
	}
	ln4, err4 := net.Listen("tcp4", "127.0.0.1:0")
	ln6, err6 := net.Listen("tcp6", "[::1]:0")
	if err := errors.Join(err4, err6); err != nil {
		fmt.Println(err)
		return 1
	}
	go echo(ln4)
	go echo(ln6)
	fmt.Println(ln4.Addr().(*net.TCPAddr).Port, ln6.Addr().(*net.TCPAddr).Port)
	for {
		var port int
		if _, err := fmt.Scanln(&port); err != nil {
			return 0
		}
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Fprintln(conn, "from inside")
		conn.Close()
		fmt.Println("connected")
	}
}

func echo(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(conn, conn)
			conn.Close()
		}()
	}
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

// world is a process in another network namespace.
type world struct {
	ns           *netns.Namespace
	file         *os.File
	port4, port6 int
	in           io.Writer
	out          *bufio.Reader
}

func newWorld(t testing.TB) *world {
	t.Helper()
	if err := netns.Probe(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), insideVar+"=1", "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	w := &world{in: in, out: bufio.NewReader(out)}
	if _, err := fmt.Fscanln(w.out, &w.port4, &w.port6); err != nil {
		t.Fatal(err)
	}
	if w.file, err = os.Open(fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid)); err != nil {
		t.Fatal(err)
	}
	w.ns = netns.New(w.file)
	t.Cleanup(func() { w.ns.Close() })
	return w
}

func TestConnectionsAndListenersLiveInTheNamespace(t *testing.T) {
	w := newWorld(t)
	for name, port := range map[string]int{"127.0.0.1": w.port4, "::1 alone": w.port6} {
		conn, err := w.ns.Dial(t.Context(), port)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		fmt.Fprintln(conn, "hello")
		if got, err := bufio.NewReader(conn).ReadString('\n'); err != nil || got != "hello\n" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		conn.Close()
	}
	ln, err := w.ns.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if c, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		c.Close()
		t.Error("the listener is reached from here, too")
	}
	fmt.Fprintln(w.in, ln.Addr().(*net.TCPAddr).Port)
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, err := bufio.NewReader(conn).ReadString('\n'); err != nil || got != "from inside\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestNoThreadStaysInTheNamespace(t *testing.T) {
	w := newWorld(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				conn, err := w.ns.Dial(t.Context(), w.port4)
				if err != nil {
					t.Error(err)
					return
				}
				conn.Close()
			}
		})
	}
	all.Wait()
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	// A thread ends a moment after what it was for.
	for began := time.Now(); ; runtime.Gosched() {
		left := elsewhere(t, own)
		if len(left) == 0 {
			return
		}
		if time.Since(began) > 10*time.Second {
			t.Fatalf("still not in %s: %v", own, left)
		}
	}
}

// elsewhere are this process' threads that are in another namespace than own.
func elsewhere(t *testing.T, own string) (left []string) {
	t.Helper()
	threads, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil || len(threads) == 0 {
		t.Fatalf("threads %v, %v", threads, err)
	}
	for _, thread := range threads {
		if ns, err := os.Readlink(thread); err == nil && ns != own {
			left = append(left, thread)
		}
	}
	return left
}

func TestNobodyListeningIsARefusalAtOnce(t *testing.T) {
	w := newWorld(t)
	for name, ns := range map[string]*netns.Namespace{"another": w.ns, "our own": netns.New(nil)} {
		port, err := ns.Free()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ns.Dial(t.Context(), port); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ln, err := w.ns.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if _, err := w.ns.Listen(ln.Addr().(*net.TCPAddr).Port); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("listening twice: %v", err)
	}
}

func TestADialEndsWithItsContextAndANamespaceWithItsClose(t *testing.T) {
	w := newWorld(t)
	// A queue of one that nobody accepts from: the next connections hang.
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	for range 3 {
		go func() {
			conn, err := netns.New(nil).Dial(ctx, at.(*unix.SockaddrInet4).Port)
			if err == nil {
				conn.Close()
			}
			ended <- err
		}()
	}
	// The first fills the queue; at least one of the others waits.
	<-ended
	cancel()
	for range 2 {
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("dial: %v", err)
		}
	}
	if err := w.ns.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ns.Dial(t.Context(), w.port4); err == nil {
		t.Error("a namespace that was closed is entered")
	}
}

func BenchmarkDial(b *testing.B) {
	w := newWorld(b)
	for b.Loop() {
		conn, err := w.ns.Dial(b.Context(), w.port4)
		if err != nil {
			b.Fatal(err)
		}
		conn.Close()
	}
}

func BenchmarkDialHere(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { echo(ln) })
	defer serving.Wait()
	defer ln.Close()
	own := netns.New(nil)
	for b.Loop() {
		conn, err := own.Dial(b.Context(), ln.Addr().(*net.TCPAddr).Port)
		if err != nil {
			b.Fatal(err)
		}
		conn.Close()
	}
}

func BenchmarkListen(b *testing.B) {
	w := newWorld(b)
	for b.Loop() {
		ln, err := w.ns.Listen(0)
		if err != nil {
			b.Fatal(err)
		}
		ln.Close()
	}
}
