package relay

import (
	"os"
	"syscall"
)

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

// granted hears that the other side has room for n more bytes.
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
