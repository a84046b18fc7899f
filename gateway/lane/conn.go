package lane

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rousehq/rouse/internal/nonblock"
)

const (
	// bufferSize holds a usual head, and a small body with it. A request whose
	// head is larger goes back.
	bufferSize = 4 << 10
	// partTime is how long a client may take over the rest of a head, or over a
	// body that nobody reads.
	partTime = 10 * time.Second
)

// conn is a connection while it is the lane's. Its goroutine alone reads, but
// for a visit that looks whether the client has left.
type conn struct {
	lane *Lane
	nc   net.Conn // as the server had it
	io   net.Conn // nc, for what is small
	from string   // the client's address
	in   *bufio.Reader
	head headReader
	out  []byte      // scratch for an answer's head
	busy atomic.Bool // has a request
}

func newConn(l *Lane, nc net.Conn, ahead []byte) *conn {
	ahead = slices.Clone(ahead)
	if r, ok := nc.(*resumed); ok { // it has been here before
		nc, ahead = r.Conn, append(ahead, r.ahead...)
	}
	c := &conn{lane: l, nc: nc, io: nonblock.Wrap(nc), from: nc.RemoteAddr().String()}
	c.in = bufio.NewReaderSize(&resumed{c.io, ahead}, bufferSize)
	c.busy.Store(true)
	return c
}

// serve answers r by h, and what follows it, until the connection ends or a
// request comes that is not the lane's.
func (c *conn) serve(h http.Handler, r *http.Request) {
	back := false
	defer func() {
		if !back {
			c.nc.Close()
		}
		c.lane.leave(c)
	}()
	for r != nil {
		if !c.answer(h, r) {
			return
		}
		h, r, back = c.next()
	}
	if back {
		c.nc.SetDeadline(time.Time{})
		ahead, _ := c.in.Peek(c.in.Buffered())
		c.lane.giveBack(c.nc, ahead)
	}
}

// next waits for a request. Without one, back says whether that is because it is
// the server's.
func (c *conn) next() (h http.Handler, r *http.Request, back bool) {
	c.nc.SetReadDeadline(time.Now().Add(c.lane.idle))
	c.busy.Store(false)
	if c.lane.stopping.Load() {
		return nil, nil, false
	}
	if c.begin() != nil {
		return nil, nil, false
	}
	c.busy.Store(true)
	head, err := c.whole()
	if err != nil {
		// Of half a head the server has something to say.
		return nil, nil, err == io.EOF
	}
	if r = c.head.parse(head); r == nil {
		return nil, nil, true
	}
	r.RemoteAddr = c.from
	if h = c.lane.pick(r); h == nil {
		return nil, nil, true
	}
	c.in.Discard(len(head))
	return h, r, false
}

// begin waits for a request's first bytes. As the server does, it skips the
// empty lines that some clients send behind a body.
func (c *conn) begin() error {
	b, err := c.in.Peek(4)
	if err == nil {
		c.in.Discard(len(b) - len(bytes.TrimLeft(b, "\r\n")))
	}
	return err
}

// whole waits until a whole head is in the buffer, or as much as fits in there.
func (c *conn) whole() ([]byte, error) {
	for seen := 0; ; {
		b, _ := c.in.Peek(c.in.Buffered())
		if n := endOfHead(b, seen); n > 0 {
			return b[:n], nil
		}
		if len(b) == c.in.Size() {
			return nil, nil
		}
		if seen == 0 {
			c.nc.SetReadDeadline(time.Now().Add(partTime))
		}
		seen = len(b)
		if _, err := c.in.Peek(len(b) + 1); err != nil {
			return nil, err
		}
	}
}

// answer has h answer r and says whether the connection goes on.
func (c *conn) answer(h http.Handler, r *http.Request) (goesOn bool) {
	v := &visit{conn: c, read: r.ContentLength == 0}
	b := &body{in: c.in, left: r.ContentLength, ended: v.bodyEnded}
	w := &answer{conn: c, header: make(http.Header, 8), length: -1}
	r = r.WithContext(v)
	if r.Body = b; b.left == 0 {
		r.Body = http.NoBody
	}
	whole := c.handle(h, w, r)
	v.end()
	return whole && w.finish() && (b.left == 0 || c.skip(b.left))
}

// handle returns false when h panicked.
func (c *conn) handle(h http.Handler, w *answer, r *http.Request) (returned bool) {
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			c.lane.log.Error("panic", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		}
	}()
	h.ServeHTTP(w, r)
	return true
}

// skip reads what a handler has left of a body.
func (c *conn) skip(n int64) bool {
	c.nc.SetReadDeadline(time.Now().Add(partTime))
	_, err := io.CopyN(io.Discard, c.in, n)
	return err == nil
}

// body is a request's, of a known length.
type body struct {
	in    *bufio.Reader
	left  int64
	ended func() // called when all of it has been read
}

func (b *body) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.in.Read(p)
	b.left -= int64(n)
	switch {
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	case n > 0 && b.left == 0:
		b.ended()
	}
	return n, err
}

// Close leaves the rest to the connection.
func (b *body) Close() error { return nil }
