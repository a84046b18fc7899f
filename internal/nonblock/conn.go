package nonblock

import (
	"io"
	"net"
	"syscall"
)

// conn is a connection whose reads and writes are this package's.
type conn struct {
	net.Conn
	raw     syscall.RawConn
	in, out transfer
}

// Wrap returns nc with reads and writes of this package, or nc itself where it
// has no descriptor. Everything else is nc's own. One goroutine at a time may
// read from it, and one write to it.
func Wrap(nc net.Conn) net.Conn {
	file, ok := nc.(syscall.Conn)
	if !ok {
		return nc
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return nc
	}
	c := &conn{Conn: nc, raw: raw}
	c.in.try, c.out.try = c.in.read, c.out.write
	return c
}

func (c *conn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := c.in.run(c.raw.Read, b)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

func (c *conn) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	return c.out.run(c.raw.Write, b)
}

// most is what one call copies: the collector waits for each.
const most = 128 << 10

// transfer is one read or write under way. It is kept, with the method it is
// tried by, so that none of it is allocated each time.
type transfer struct {
	try func(fd uintptr) (done bool)
	b   []byte
	n   int
	err error
}

// run tries until something came of it, and waits in between.
func (t *transfer) run(waiting func(func(uintptr) bool) error, b []byte) (int, error) {
	t.b, t.n, t.err = b, 0, nil
	err := waiting(t.try)
	t.b = nil
	if err == nil {
		err = t.err
	}
	return t.n, err
}

func (t *transfer) read(fd uintptr) bool {
	b := t.b[:min(len(t.b), most)]
	n, err := Read(fd, b)
	for err == syscall.EINTR {
		n, err = Read(fd, b)
	}
	t.n, t.err = n, err
	return err != syscall.EAGAIN
}

func (t *transfer) write(fd uintptr) bool {
	for t.n < len(t.b) {
		n, err := Write(fd, t.b[t.n:min(len(t.b), t.n+most)])
		switch err {
		case nil:
			t.n += n
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			t.err = err
			return true
		}
	}
	return true
}
