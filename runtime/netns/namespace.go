package netns

import (
	"context"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// backlog is how many connections may wait to be accepted.
const backlog = 1024

var (
	loopback  = [4]byte{127, 0, 0, 1}
	loopback6 = [16]byte{15: 1}
)

// Namespace is a network namespace to open sockets in.
type Namespace struct {
	file *os.File // nil is our own

	mu     sync.Mutex
	ahead  []int // sockets that were made ahead of need
	visits int   // how many the latest visit made
}

// New makes a Namespace that owns file, an open /proc/PID/ns/net; nil is our own
// namespace.
func New(file *os.File) *Namespace { return &Namespace{file: file} }

// Close lets the namespace go. Connections and listeners in it live on.
func (n *Namespace) Close() error {
	if n.file == nil {
		return nil
	}
	err := n.file.Close() // after which no visit makes any more sockets
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, fd := range n.ahead {
		unix.Close(fd)
	}
	n.ahead = nil
	return err
}

// Listen listens on port of 127.0.0.1; 0 is any free one. It does not block.
func (n *Namespace) Listen(port int) (*net.TCPListener, error) {
	fd, err := n.bound(port)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "listener")
	defer f.Close()
	if err := unix.Listen(fd, backlog); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	return ln.(*net.TCPListener), nil
}

// Free finds a port of 127.0.0.1 that nobody uses. Nothing reserves it.
func (n *Namespace) Free() (port int, err error) {
	fd, err := n.bound(0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	at, err := unix.Getsockname(fd)
	if err != nil {
		return 0, os.NewSyscallError("getsockname", err)
	}
	return at.(*unix.SockaddrInet4).Port, nil
}

func (n *Namespace) bound(port int) (int, error) {
	fd, err := n.socket(unix.AF_INET)
	if err != nil {
		return -1, err
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: loopback})
	}
	if err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("bind", err)
	}
	return fd, nil
}

// Dial connects to port of 127.0.0.1, or of ::1 when only that listens. It fails
// at once while nobody listens, and waits until ctx ends while the queue of who
// does is full.
func (n *Namespace) Dial(ctx context.Context, port int) (*net.TCPConn, error) {
	conn, err := n.connect(ctx, unix.AF_INET, &unix.SockaddrInet4{Port: port, Addr: loopback})
	if err == unix.ECONNREFUSED {
		// A server that listens on "localhost" may have got ::1 alone.
		if conn6, err6 := n.connect(ctx, unix.AF_INET6, &unix.SockaddrInet6{Port: port, Addr: loopback6}); err6 == nil {
			return conn6, nil
		}
	}
	if errno, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError("connect", errno)
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}, Err: err}
	}
	return conn, nil
}

func (n *Namespace) connect(ctx context.Context, family int, to unix.Sockaddr) (*net.TCPConn, error) {
	fd, err := n.socket(family)
	if err != nil {
		return nil, err
	}
	err = unix.Connect(fd, to)
	f := os.NewFile(uintptr(fd), "connection")
	defer f.Close()
	if err == unix.EINPROGRESS {
		err = wait(ctx, f)
	}
	if err != nil {
		return nil, err
	}
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	tcp := conn.(*net.TCPConn)
	return tcp, tcp.SetNoDelay(true) // as net.Dial does
}

// wait blocks until f is connected, cannot be, or ctx ends.
func wait(ctx context.Context, f *os.File) error {
	stop := context.AfterFunc(ctx, func() { _ = f.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var outcome error
	err = raw.Write(func(fd uintptr) bool {
		outcome = connected(int(fd))
		return outcome != unix.EINPROGRESS
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	return outcome
}

// connected is what became of connecting fd so far.
func connected(fd int) error {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return err
	}
	if code != 0 {
		return syscall.Errno(code)
	}
	if _, err = unix.Getpeername(fd); err == unix.ENOTCONN {
		return unix.EINPROGRESS
	}
	return err
}
