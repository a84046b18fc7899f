package agent

import (
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse/runtime/relay"
)

// acceptPause is how long a listener rests that cannot take a connection.
const acceptPause = 50 * time.Millisecond

// begin notes what stream leads to and does work, which ends with the session.
// Then both are closed.
func (s *standIn) begin(stream *relay.Stream, file *os.File, work func()) {
	s.mu.Lock()
	s.local[stream.Number()] = file
	select {
	case <-s.lost: // nobody wakes who comes after that
		_ = file.SetDeadline(time.Unix(1, 0))
	default:
	}
	s.mu.Unlock()
	s.work.Go(func() {
		work()
		_ = stream.Close()
		s.mu.Lock()
		delete(s.local, stream.Number())
		s.mu.Unlock()
		file.Close()
	})
}

// print carries what a pipe's read end gives.
func (s *standIn) print(stream *relay.Stream, file *os.File) {
	s.outputs.Add(1)
	s.begin(stream, file, func() {
		defer s.outputs.Done()
		outward(stream, file)
	})
}

// carry carries a connection's bytes both ways.
func (s *standIn) carry(stream *relay.Stream, file *os.File) {
	s.begin(stream, file, func() {
		var both sync.WaitGroup
		both.Go(func() { inward(stream, file) })
		outward(stream, file)
		both.Wait()
	})
}

// inward writes what the host sends, passes its end on, and ends outward when
// there is nobody to read for any more.
func inward(stream *relay.Stream, file *os.File) {
	// A connection that the host closed altogether may be kept for its successor.
	if _, err := stream.WriteTo(file); err == nil && !stream.Refused() {
		_ = withFD(file, func(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) })
	}
	stream.Done()
	_ = file.SetReadDeadline(time.Unix(1, 0))
}

// outward sends what file gives until it ends or the host takes no more. Nothing
// is read before the host has room for something.
func outward(stream *relay.Stream, file *os.File) {
	raw, err := file.SyscallConn()
	if err != nil {
		return
	}
	for err == nil {
		if err = stream.Writable(); err != nil {
			return
		}
		err = forward(stream, raw)
	}
	if err == io.EOF {
		_ = stream.CloseWrite()
		return
	}
	_ = stream.Reset()
}

// pieces are taken only when there is something to read.
var pieces = sync.Pool{New: func() any { return new([16 << 10]byte) }}

// forward waits for some bytes and sends them.
func forward(stream *relay.Stream, raw interface {
	Read(func(fd uintptr) bool) error
}) error {
	var piece *[16 << 10]byte
	var n int
	var got error
	err := raw.Read(func(fd uintptr) bool {
		piece = pieces.Get().(*[16 << 10]byte)
		for {
			if n, got = unix.Read(int(fd), piece[:]); got != unix.EINTR {
				break
			}
		}
		if got == unix.EAGAIN {
			pieces.Put(piece)
			return false
		}
		return true
	})
	if err != nil {
		return err
	}
	defer pieces.Put(piece)
	switch {
	case got != nil:
		return got
	case n == 0:
		return io.EOF
	}
	_, err = stream.Write(piece[:n])
	return err
}

// accept has a stream for each connection that the listener takes.
func (s *standIn) accept(stream *relay.Stream, file *os.File) {
	s.begin(stream, file, func() {
		var watch sync.WaitGroup
		watch.Go(func() {
			_, _ = stream.WriteTo(io.Discard) // until the host closes the listener
			_ = file.SetReadDeadline(time.Unix(1, 0))
		})
		s.acceptAll(stream, file)
		_ = stream.Close()
		watch.Wait()
	})
}

func (s *standIn) acceptAll(stream *relay.Stream, file *os.File) {
	raw, err := file.SyscallConn()
	if err != nil {
		return
	}
	for {
		fd, acceptErr := -1, error(nil)
		err := raw.Read(func(ln uintptr) bool {
			fd, _, acceptErr = unix.Accept4(int(ln), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			return acceptErr != unix.EAGAIN
		})
		if err != nil {
			return
		}
		if acceptErr == nil {
			acceptErr = s.accepted(stream, os.NewFile(uintptr(fd), "connection"))
		}
		if acceptErr == nil || acceptErr == unix.ECONNABORTED || acceptErr == unix.EINTR {
			continue
		}
		select {
		case <-time.After(acceptPause): // no descriptors left, most likely
		case <-s.lost:
			return
		}
	}
}

func (s *standIn) accepted(listener *relay.Stream, file *os.File) error {
	stream, err := s.session.Accepted(listener)
	if err != nil {
		file.Close()
		return err
	}
	_ = withFD(file, func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) })
	s.carry(stream, file)
	return nil
}
