package relay

import (
	"os"
	"syscall"
)

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
