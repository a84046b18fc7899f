package link

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/rousehq/rouse/runtime/relay"
)

// streamAddr is a port of the sandbox's loopback.
func streamAddr(port int) net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port} }

// streamConn is a connection in the sandbox whose bytes are relayed.
type streamConn struct {
	stream *relay.Stream
	addr   net.Addr
}

var _ net.Conn = streamConn{}

func (c streamConn) Read(b []byte) (int, error) {
	n, err := c.stream.Read(b)
	return n, netError("read", c.addr, err)
}

func (c streamConn) Write(b []byte) (int, error) {
	n, err := c.stream.Write(b)
	return n, netError("write", c.addr, err)
}

func (c streamConn) Close() error         { return c.stream.Close() }
func (c streamConn) CloseWrite() error    { return c.stream.CloseWrite() }
func (c streamConn) LocalAddr() net.Addr  { return c.addr }
func (c streamConn) RemoteAddr() net.Addr { return c.addr }

func (c streamConn) SetReadDeadline(t time.Time) error {
	c.stream.SetReadDeadline(t)
	return nil
}

func (c streamConn) SetWriteDeadline(t time.Time) error {
	c.stream.SetWriteDeadline(t)
	return nil
}

func (c streamConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// netError makes err what a socket of package net would return.
func netError(op string, addr net.Addr, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if errors.Is(err, relay.ErrClosed) {
		err = net.ErrClosed
	}
	if errno, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: "tcp", Addr: addr, Err: err}
}

// streamListener is a listener in the sandbox whose connections are relayed.
type streamListener struct {
	stream *relay.Stream
	addr   net.Addr
}

var _ net.Listener = streamListener{}

func (l streamListener) Accept() (net.Conn, error) {
	stream, err := l.stream.Accept()
	if err != nil {
		return nil, netError("accept", l.addr, err)
	}
	return streamConn{stream, l.addr}, nil
}

// SetDeadline makes Accept fail from t on; zero is never.
func (l streamListener) SetDeadline(t time.Time) error {
	l.stream.SetReadDeadline(t)
	return nil
}

func (l streamListener) Close() error   { return l.stream.Close() }
func (l streamListener) Addr() net.Addr { return l.addr }

// streamPipe is the read end of a pipe in the sandbox.
type streamPipe struct{ stream *relay.Stream }

// Read returns io.EOF when the agent has gone, too, as the end of a pipe does.
func (p streamPipe) Read(b []byte) (int, error) {
	n, err := p.stream.Read(b)
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		err = io.EOF
	case errors.Is(err, relay.ErrClosed):
		err = os.ErrClosed
	}
	return n, err
}

func (p streamPipe) Close() error { return p.stream.Close() }

// SetReadDeadline makes reads fail from t on; zero is never.
func (p streamPipe) SetReadDeadline(t time.Time) error {
	p.stream.SetReadDeadline(t)
	return nil
}
