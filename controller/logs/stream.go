package logs

import (
	"io"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse/internal/nonblock"
)

// maxDrain is how much is read at once of a function that prints without end.
const maxDrain = 1 << 20

// stream is one of an instance's. All but r and raw is guarded by the
// Collector's mu.
type stream struct {
	name  string
	r     io.ReadCloser   // nil for one that is empty
	raw   syscall.RawConn // nil where it cannot be asked for what is there now
	lines splitter
	over  bool
}

func newStream(name string, r io.ReadCloser) stream {
	s := stream{name: name, r: r}
	file, ok := r.(syscall.Conn)
	if !ok {
		return s
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return s
	}
	blocks := true
	_ = raw.Control(func(fd uintptr) {
		flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		blocks = err != nil || flags&unix.O_NONBLOCK == 0
	})
	if !blocks {
		s.raw = raw
	}
	return s
}

// collect is the life of one stream.
func (c *Collector) collect(s *stream) {
	defer s.r.Close() //nolint:errcheck // read-only
	if s.raw == nil {
		c.collectPlain(s)
		return
	}
	for over := false; !over; {
		err := s.raw.Read(func(fd uintptr) bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			read := c.pull(s, fd) > 0
			over = s.over
			return read || over
		})
		over = over || err != nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.take(s.name, s.lines.rest())
}

// collectPlain reads a stream that is not a file.
func (c *Collector) collectPlain(s *stream) {
	buffer := make([]byte, chunk)
	for {
		n, err := s.r.Read(buffer)
		c.mu.Lock()
		texts := s.lines.split(buffer[:n])
		if err != nil {
			texts = append(texts, s.lines.rest()...)
		}
		c.take(s.name, texts)
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// pull reads once what is there and returns how much that was. The caller holds mu.
func (c *Collector) pull(s *stream, fd uintptr) int {
	for !s.over {
		n, err := nonblock.Read(fd, c.buffer)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return 0
		case err != nil || n == 0:
			s.over = true
			return 0
		}
		c.take(s.name, s.lines.split(c.buffer[:n]))
		return n
	}
	return 0
}

// drain takes in all that has been printed until now, where a stream can be
// asked. The caller holds mu.
func (c *Collector) drain() {
	for i := range c.streams {
		s := &c.streams[i]
		if s.raw == nil || s.over {
			continue
		}
		_ = s.raw.Control(func(fd uintptr) { // one that is closed has nothing more
			for left := maxDrain; left > 0; {
				n := c.pull(s, fd)
				if n == 0 {
					return
				}
				left -= n
			}
		})
	}
}
