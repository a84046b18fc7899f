package http

import (
	"bufio"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// maxHead bounds what a server may send as the head of an answer.
const maxHead = 1 << 20

var errHeadTooLarge = errors.New("the head of the answer is larger than 1 MB")

// conn is a connection that one request at a time uses, on its caller's own
// goroutine.
type conn struct {
	net.Conn
	raw       syscall.RawConn // nil where there is none
	r         *bufio.Reader
	w         *bufio.Writer
	left      int   // bytes that may still be read; negative is no limit
	written   int64 // bytes of the present request
	run       int   // of the process that it leads to
	broken    bool  // a write to it has failed
	used      bool  // for a request before this one
	idleSince time.Time
}

func newConn(nc net.Conn, run int) *conn {
	c := &conn{Conn: nc, run: run, left: -1}
	if sc, ok := nc.(syscall.Conn); ok {
		c.raw, _ = sc.SyscallConn()
	}
	c.r, c.w = bufio.NewReader(c), bufio.NewWriter(c)
	return c
}

func (c *conn) Read(b []byte) (int, error) {
	if c.left < 0 {
		return c.Conn.Read(b)
	}
	if c.left == 0 {
		return 0, errHeadTooLarge
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

func (c *conn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.written += int64(n)
	return n, err
}

// alive looks whether the server has closed an idle connection, or has sent
// something that nobody asked for.
func (c *conn) alive() bool {
	if c.raw == nil {
		return true
	}
	alive := false
	err := c.raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		alive = err == syscall.EAGAIN
		return true
	})
	return err == nil && alive
}

// idleConns are the connections that no request uses, the most recently used last.
type idleConns struct {
	mu    sync.Mutex // guards all below
	conns []*conn
	run   int // counts the processes; connections to an earlier one are not kept
	armed bool
	timer *time.Timer
}

// get takes the most recently used connection that is still good, or nil.
func (i *idleConns) get() (c *conn, run int) {
	for {
		i.mu.Lock()
		last := len(i.conns) - 1
		if last < 0 {
			run = i.run
			i.mu.Unlock()
			return nil, run
		}
		c = i.conns[last]
		i.conns[last] = nil
		i.conns = i.conns[:last]
		i.mu.Unlock()
		if time.Since(c.idleSince) < idleTime && c.alive() {
			return c, c.run
		}
		c.Close()
	}
}

// put keeps a connection for the next request, unless its process is gone.
func (i *idleConns) put(c *conn) {
	c.used, c.idleSince = true, time.Now()
	i.mu.Lock()
	defer i.mu.Unlock()
	if c.run != i.run || len(i.conns) >= maxIdle {
		c.Close()
		return
	}
	i.conns = append(i.conns, c)
	switch {
	case i.armed:
	case i.timer == nil:
		i.armed, i.timer = true, time.AfterFunc(idleTime, i.expire)
	default:
		i.armed = true
		i.timer.Reset(idleTime)
	}
}

// expire closes what has been idle for too long, and comes back for the rest.
func (i *idleConns) expire() {
	i.mu.Lock()
	defer i.mu.Unlock()
	now, old := time.Now(), 0
	for old < len(i.conns) && now.Sub(i.conns[old].idleSince) >= idleTime {
		i.conns[old].Close()
		old++
	}
	i.conns = append(i.conns[:0], i.conns[old:]...)
	if i.armed = len(i.conns) > 0; i.armed {
		i.timer.Reset(idleTime - now.Sub(i.conns[0].idleSince))
	}
}

// reset closes what is idle; what is in use is closed after its request.
func (i *idleConns) reset() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, c := range i.conns {
		c.Close()
	}
	i.conns = nil
	i.run++
	if i.timer != nil {
		i.timer.Stop()
	}
	i.armed = false
}
