package relay

import (
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// ErrClosed says that this side has closed the stream or the session.
var ErrClosed = errors.New("use of a closed relay stream")

// Stream is one of a session's flows of bytes both ways, or a listener, whose
// connections are streams. Reads and writes may go on at the same time.
type Stream struct {
	session *Session
	number  uint32

	reading, writing sync.Mutex    // one Read and one Write at a time
	readable         chan struct{} // has a token when something changed for a reader
	writable         chan struct{} // likewise for a writer
	readBy, writeBy  deadline

	mu      sync.Mutex
	conns   []*Stream // a listener's, which nobody has accepted yet
	unread  []byte
	taken   int   // bytes that were read and not granted anew
	window  int   // bytes that the other side may still send
	credit  int   // bytes that we may send
	over    bool  // the other side sends no more
	broken  error // what reads give then; nil is io.EOF
	refused bool  // the other side takes no more
	ended   bool  // we send no more
	closed  bool  // we neither send nor take
	gone    bool  // the session has ended
}

func newStream(s *Session, number uint32) *Stream {
	return &Stream{
		session: s, number: number, window: Window, credit: Window,
		readable: make(chan struct{}, 1), writable: make(chan struct{}, 1),
	}
}

// Number is how messages name the stream.
func (t *Stream) Number() uint32 { return t.number }

// Read blocks until there are bytes, which it grants the other side anew. It
// returns io.EOF when that has ended, ECONNRESET when the session has.
func (t *Stream) Read(b []byte) (int, error) {
	t.reading.Lock()
	defer t.reading.Unlock()
	for {
		n, grant, err := t.take(b)
		if grant > 0 {
			t.grant(grant)
		}
		if n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		select {
		case <-t.readable:
		case <-t.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		}
	}
}

// take is what can be read at once, and how much of it is to be granted anew.
func (t *Stream) take(b []byte) (n, grant int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-t.readBy.passed():
		return 0, 0, os.ErrDeadlineExceeded
	default:
	}
	switch {
	case t.closed:
		return 0, 0, ErrClosed
	case len(t.unread) > 0:
		n = copy(b, t.unread)
		if t.unread = t.unread[n:]; len(t.unread) == 0 {
			t.unread = nil // a stream that is idle costs nothing
		}
		return n, t.regain(n), nil
	case t.over:
		return 0, 0, cmp.Or(t.broken, io.EOF)
	case t.gone:
		return 0, 0, syscall.ECONNRESET
	}
	return 0, 0, nil
}

// WriteTo copies what comes to w until it ends, and grants it anew when w has
// it. It holds no buffer while it waits.
func (t *Stream) WriteTo(w io.Writer) (int64, error) {
	t.reading.Lock()
	defer t.reading.Unlock()
	var sum int64
	for {
		b, err := t.all()
		switch {
		case err == io.EOF:
			return sum, nil
		case err != nil:
			return sum, err
		case len(b) == 0:
			<-t.readable
			continue
		}
		n, err := w.Write(b)
		sum += int64(n)
		if err != nil {
			return sum, err
		}
		if grant := t.wrote(n); grant > 0 {
			t.grant(grant)
		}
	}
}

// all takes everything that is there.
func (t *Stream) all() ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.unread
	t.unread = nil
	switch {
	case t.closed:
		return nil, ErrClosed
	case len(b) > 0:
		return b, nil
	case t.over:
		return nil, cmp.Or(t.broken, io.EOF)
	case t.gone:
		return nil, syscall.ECONNRESET
	}
	return nil, nil
}

// wrote says how much is to be granted anew.
func (t *Stream) wrote(n int) (grant int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.regain(n)
}

// regain counts n bytes as taken. t.mu is held.
func (t *Stream) regain(n int) (grant int) {
	if t.taken += n; t.taken >= Window/2 && !t.over {
		grant, t.taken = t.taken, 0
		t.window += grant
	}
	return grant
}

// Refused says that the other side takes no more, or that there is none.
func (t *Stream) Refused() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refused || t.gone
}

// Done blocks until the other side takes no more, or this one was closed.
func (t *Stream) Done() {
	t.reading.Lock()
	defer t.reading.Unlock()
	for {
		t.mu.Lock()
		done := t.refused || t.gone || t.closed
		t.mu.Unlock()
		if done {
			return
		}
		<-t.readable
	}
}

func (t *Stream) grant(n int) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(n))
	_ = t.session.send(frame{kind: kindCredit, stream: t.number, size: 4}, b[:]) // Recv tells of the end
}

// Write blocks until the other side has room for all of b. It returns EPIPE
// when that takes no more.
func (t *Stream) Write(b []byte) (int, error) {
	t.writing.Lock()
	defer t.writing.Unlock()
	done := 0
	for done < len(b) {
		n, err := t.room(min(len(b)-done, maxData))
		if err == nil {
			err = t.session.send(frame{kind: kindData, stream: t.number, size: n}, b[done:done+n])
		}
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// Writable blocks until something can be written at once.
func (t *Stream) Writable() error {
	_, err := t.room(0)
	return err
}

// room blocks until there is any credit, and takes up to most of it.
func (t *Stream) room(most int) (int, error) {
	for {
		select {
		case <-t.writeBy.passed():
			return 0, os.ErrDeadlineExceeded
		default:
		}
		t.mu.Lock()
		n := min(t.credit, most)
		enough := t.credit > 0
		var err error
		switch {
		case t.closed || t.ended:
			err = ErrClosed
		case t.refused || t.gone:
			err = syscall.EPIPE
		case enough:
			t.credit -= n
		}
		t.mu.Unlock()
		if err != nil || enough {
			return n, err
		}
		select {
		case <-t.writable:
		case <-t.writeBy.passed():
		}
	}
}

// CloseWrite tells the other side that no more comes.
func (t *Stream) CloseWrite() error {
	t.mu.Lock()
	before := t.ended || t.closed || t.gone
	t.ended = true
	t.mu.Unlock()
	if before {
		return nil
	}
	return t.session.send(frame{kind: kindEnd, stream: t.number}, nil)
}

// Close ends the stream for both directions. What was written before still
// arrives. It is idempotent.
func (t *Stream) Close() error { return t.close(kindClose) }

// Reset is Close for a stream whose bytes are not all there: who reads to their
// end gets ECONNRESET.
func (t *Stream) Reset() error { return t.close(kindReset) }

func (t *Stream) close(how kind) error {
	t.mu.Lock()
	before, gone := t.closed, t.gone
	t.closed = true
	t.unread = nil
	conns := t.conns // nobody accepts what waits there any more
	t.conns = nil
	forget := t.refused
	t.mu.Unlock()
	if before {
		return nil
	}
	t.wake()
	if !gone {
		_ = t.session.send(frame{kind: how, stream: t.number}, nil) // Recv tells of the end
	}
	if forget {
		t.session.forget(t)
	}
	for _, conn := range conns {
		_ = conn.Close()
	}
	return nil
}

// Accept blocks until the listener that the stream stands for has taken a connection.
func (t *Stream) Accept() (*Stream, error) {
	t.reading.Lock()
	defer t.reading.Unlock()
	for {
		conn, err := t.first()
		if conn != nil || err != nil {
			return conn, err
		}
		select {
		case <-t.readable:
		case <-t.readBy.passed():
			return nil, os.ErrDeadlineExceeded
		}
	}
}

// first is the connection that has waited longest, or nil while there is none.
func (t *Stream) first() (*Stream, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return nil, ErrClosed
	case len(t.conns) > 0:
		conn := t.conns[0]
		t.conns = t.conns[1:]
		return conn, nil
	case t.over || t.gone:
		return nil, syscall.ECONNABORTED
	}
	return nil, nil
}

// SetReadDeadline makes reads fail from t on; zero is never.
func (t *Stream) SetReadDeadline(at time.Time) { t.readBy.set(at) }

// SetWriteDeadline makes writes fail from t on; zero is never.
func (t *Stream) SetWriteDeadline(at time.Time) { t.writeBy.set(at) }

// What follows is called by whoever receives, and never waits.

func (t *Stream) received(b []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over || len(b) > t.window {
		return errCredit
	}
	t.window -= len(b)
	if !t.closed {
		t.unread = append(t.unread, b...)
	}
	wake(t.readable)
	return nil
}

func (t *Stream) granted(n int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n < 0 || n > Window-t.credit {
		return errCredit
	}
	t.credit += n
	wake(t.writable)
	return nil
}

// theirsEnded hears that the other side sends no more and, when all, takes no
// more; broken is what reads get at the end.
func (t *Stream) theirsEnded(all bool, broken error) {
	t.mu.Lock()
	t.over, t.broken = true, cmp.Or(t.broken, broken)
	t.refused = t.refused || all
	forget := t.refused && t.closed
	t.mu.Unlock()
	t.wake()
	if forget {
		t.session.forget(t)
	}
}

// offer gives a listener a connection, unless nobody takes it.
func (t *Stream) offer(conn *Stream) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.conns) >= backlog {
		return false
	}
	t.conns = append(t.conns, conn)
	wake(t.readable)
	return true
}

func (t *Stream) lost() {
	t.mu.Lock()
	t.gone = true
	t.mu.Unlock()
	t.wake()
}

func (t *Stream) wake() {
	wake(t.readable)
	wake(t.writable)
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
