package relay

import (
	"cmp"
	"encoding/binary"
	"io"
	"os"
	"syscall"
)

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

// received keeps what has come until it is read.
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
