package relay

import (
	"bufio"
	"encoding/binary"
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/rousehq/rouse/runtime/wire"
)

const (
	// sendTimeout is how long the other side may leave the connection unread
	// before it counts as gone. Its reader waits for nobody.
	sendTimeout = 15 * time.Second
	maxStreams  = 4096
	backlog     = 1024 // connections of a listener that nobody has accepted yet
)

var (
	errCredit  = errors.New("more data than was granted")
	errNumber  = errors.New("a stream's number that is not the other side's to give")
	errStreams = errors.New("too many streams")
)

// Side says which numbers a session gives its streams.
type Side uint32

// The sides.
const (
	Agent Side = 1
	Host  Side = 2
)

// Session is one side's end of the connection, after the proofs. One goroutine
// receives, and thereby keeps all streams going; any may send.
type Session struct {
	socket Socket
	side   Side
	in     *bufio.Reader
	beside sync.WaitGroup

	opening sync.Mutex // held until the other side has been told of a new stream; taken before sending

	sending sync.Mutex // one frame at a time
	out     []byte     // scratch for it; guarded by sending

	mu      sync.Mutex
	streams map[uint32]*Stream
	next    uint32 // number of ours
	last    uint32 // number of theirs
	ended   error
}

// New makes a Session that owns s.
func New(s Socket, side Side) *Session {
	return &Session{socket: s, side: side, in: bufio.NewReaderSize(s, 4<<10), streams: map[uint32]*Stream{}, next: uint32(side)}
}

// Close ends the connection and every stream, and blocks until nothing of the
// session runs. It is called by who receives, or when nobody does; Abort is for others.
func (s *Session) Close() error {
	err := s.Abort()
	s.beside.Wait()
	return err
}

// Abort has Recv fail and every stream end. It does not block.
func (s *Session) Abort() error {
	s.end(ErrClosed)
	return s.socket.Close()
}

// SetReadDeadline makes a Recv fail that blocks longer than until t; zero is never.
func (s *Session) SetReadDeadline(t time.Time) error { return s.socket.SetReadDeadline(t) }

// Send sends m, with the streams that it names. It blocks while the other side
// does not read, for some seconds at most.
func (s *Session) Send(m wire.Message) error {
	b, err := wire.Encode(m)
	if err != nil {
		return err
	}
	return s.send(frame{kind: kindMessage, size: len(b)}, b)
}

// Recv blocks until a message comes, and carries out everything else that comes
// before it. Streams that the message names are returned with it, the caller's
// to close; one that has gone meanwhile is nil. After an error the session and
// all streams have ended.
func (s *Session) Recv() (wire.Message, []*Stream, error) {
	m, streams, err := s.recv()
	if err != nil {
		s.end(err)
	}
	return m, streams, err
}

func (s *Session) recv() (m wire.Message, streams []*Stream, err error) {
	for err == nil && m.Kind == "" {
		err = readFrame(s.in, func(f frame, content []byte) (err error) {
			if f.kind != kindMessage {
				return s.carryOut(f, content)
			}
			if m, err = wire.Decode(content); err == nil {
				streams, err = s.named(m.Streams)
			}
			return err
		})
	}
	return m, streams, err
}

// named are the streams of a message: new ones of the other side, or ours.
func (s *Session) named(numbers []uint32) ([]*Stream, error) {
	streams := make([]*Stream, len(numbers))
	for i, number := range numbers {
		if s.ours(number) && s.side == Agent { // which the host names to have it kept
			streams[i] = s.find(number)
			continue
		}
		stream, err := s.begin(number)
		if err != nil {
			return nil, err
		}
		streams[i] = stream
	}
	return streams, nil
}

func (s *Session) carryOut(f frame, content []byte) error {
	stream := s.find(f.stream)
	if stream == nil && f.kind != kindAccept {
		return nil // both sides were done with it
	}
	switch f.kind {
	case kindData:
		return stream.received(content)
	case kindCredit:
		return stream.granted(int(binary.BigEndian.Uint32(content)))
	case kindEnd:
		stream.theirsEnded(false, nil)
	case kindClose:
		stream.theirsEnded(true, nil)
	case kindReset:
		stream.theirsEnded(true, syscall.ECONNRESET)
	case kindAccept:
		accepted, err := s.begin(binary.BigEndian.Uint32(content))
		if err != nil {
			return err
		}
		if stream == nil || !stream.offer(accepted) {
			// Not on this goroutine, which may wait for nobody: closing sends a frame.
			s.beside.Go(func() { accepted.Close() })
		}
	}
	return nil
}

// Open makes a stream of ours, of which the other side learns by a message. Where
// several may be opened at once it is Accepted or SendWith that does both, since
// numbers have to arrive in their order.
func (s *Session) Open() (*Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return nil, s.ended
	}
	if len(s.streams) >= maxStreams || s.next > 1<<31 {
		return nil, errStreams
	}
	stream := newStream(s, s.next)
	s.streams[s.next] = stream
	s.next += 2
	return stream, nil
}

// Accepted opens a stream for a connection that listener has taken, and tells the
// other side. It blocks as Send does.
func (s *Session) Accepted(listener *Stream) (*Stream, error) {
	s.opening.Lock()
	defer s.opening.Unlock()
	conn, err := s.Open()
	if err != nil {
		return nil, err
	}
	var number [4]byte
	binary.BigEndian.PutUint32(number[:], conn.number)
	return conn, s.send(frame{kind: kindAccept, stream: listener.number, size: 4}, number[:])
}

// SendWith opens a stream, which m then names, and sends m as Send does.
func (s *Session) SendWith(m wire.Message) (*Stream, error) {
	s.opening.Lock()
	defer s.opening.Unlock()
	stream, err := s.Open()
	if err != nil {
		return nil, err
	}
	m.Streams = []uint32{stream.number}
	return stream, s.Send(m)
}

// begin makes the stream that the other side gave a number.
func (s *Session) begin(number uint32) (*Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended != nil:
		return nil, s.ended
	case number <= s.last || number == 0 || s.ours(number):
		return nil, errNumber
	case len(s.streams) >= maxStreams:
		return nil, errStreams
	}
	s.last = number
	stream := newStream(s, number)
	s.streams[number] = stream
	return stream, nil
}

func (s *Session) ours(number uint32) bool { return number%2 == uint32(s.side)%2 }

func (s *Session) find(number uint32) *Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams[number]
}

func (s *Session) forget(stream *Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, stream.number)
}

func (s *Session) end(reason error) {
	s.mu.Lock()
	if s.ended == nil {
		s.ended = reason
	}
	streams := s.streams
	s.streams = map[uint32]*Stream{}
	s.mu.Unlock()
	for _, stream := range streams {
		stream.lost()
	}
}

// send writes one frame. After an error the connection is of no more use, and
// whoever receives learns of it.
func (s *Session) send(f frame, content []byte) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	var head [headSize]byte
	f.put(head[:])
	s.out = append(append(s.out[:0], head[:]...), content...)
	err := s.socket.SetWriteDeadline(time.Now().Add(sendTimeout))
	if err == nil {
		_, err = s.socket.Write(s.out)
	}
	if cap(s.out) > headSize+maxData {
		s.out = nil
	}
	if err != nil {
		s.socket.Close() // half a frame may be out
	}
	return err
}
