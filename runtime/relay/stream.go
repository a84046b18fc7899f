package relay

import (
	"cmp"
	"errors"
	"sync"
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

// Refused says that the other side takes no more, or that there is none.
func (t *Stream) Refused() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refused || t.gone
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

// SetReadDeadline makes reads fail from t on; zero is never.
func (t *Stream) SetReadDeadline(at time.Time) { t.readBy.set(at) }

// SetWriteDeadline makes writes fail from t on; zero is never.
func (t *Stream) SetWriteDeadline(at time.Time) { t.writeBy.set(at) }

// received, granted, offer, theirsEnded and lost are called by whoever receives for
// the session, and never wait.

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

// lost hears that the session has ended.
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
