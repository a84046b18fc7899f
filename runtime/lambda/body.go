package lambda

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"time"
)

const (
	// bufferSize holds a usual head and a small body; a larger head grows it.
	bufferSize = 4 << 10
	// maxHead leaves room for the X-Ray cause, of which some clients send 1 MiB.
	maxHead = 1<<20 + 64<<10
	// partTime is how long a client may take over the rest of a head, or over a
	// body that nobody waits for.
	partTime = 10 * time.Second
	// maxDrain is how much of a refused body is read so that the client gets to
	// read the refusal.
	maxDrain = 64 << 20
	// maxTrailer bounds a chunked body's trailers and a chunk's header line.
	maxTrailer = 1 << 20
)

var (
	errTooLarge  = errors.New("body over its limit")
	errTruncated = errors.New("body cut short")
)

// reader reads requests from a connection. What it returns of its buffer is
// valid until the next call.
type reader struct {
	conn net.Conn
	buf  []byte
	r, w int // buf[r:w] has been read and not consumed
	// open is the size of a chunk that was too large to be taken, which drain
	// has to go on with.
	open int64
}

// buffered is what came with the last read and has not been consumed.
func (in *reader) buffered() []byte { return in.buf[in.r:in.w] }

// fill reads once more, making room where there is none.
func (in *reader) fill() error {
	if in.r == in.w {
		in.r, in.w = 0, 0
		if len(in.buf) != bufferSize {
			in.buf = make([]byte, bufferSize)
		}
	}
	if in.w == len(in.buf) {
		if in.r > 0 {
			in.w = copy(in.buf, in.buffered())
			in.r = 0
		} else {
			in.buf = append(in.buf, make([]byte, len(in.buf))...)
		}
	}
	n, err := in.conn.Read(in.buf[in.w:])
	in.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// head blocks until a whole head has come and returns it parsed. A connection
// may be silent between requests for as long as it likes, but not within a head.
func (in *reader) head() (request, error) {
	for {
		// Empty lines before a request are tolerated, as RFC 9112 asks.
		b := in.buffered()
		in.r += len(b) - len(bytes.TrimLeft(b, "\r\n"))
		if in.r < in.w {
			break
		}
		if err := in.fill(); err != nil {
			return request{}, err
		}
	}
	seen, timed := 0, false
	for {
		b := in.buffered()
		if n := endOfHead(b, seen); n > 0 {
			if timed {
				in.conn.SetReadDeadline(time.Time{})
			}
			in.r += n
			return parseHead(b[:n])
		}
		if len(b) >= maxHead {
			return request{}, &badRequest{status: 431, reason: "request header too large"}
		}
		// The last line may go on with what comes next.
		seen = max(0, bytes.LastIndexByte(b, '\n'))
		if !timed {
			timed = true
			in.conn.SetReadDeadline(time.Now().Add(partTime))
		}
		if err := in.fill(); err != nil {
			return request{}, err
		}
	}
}

// body reads req's body, of at most most bytes, with the trailers it cares for.
// The result is the caller's. After errTooLarge the rest of the body is unread.
func (in *reader) body(req *request, most int64) (b []byte, tr trailers, err error) {
	if !req.chunked {
		if req.length > most {
			return nil, tr, errTooLarge
		}
		b, err = in.append(nil, req.length)
		return b, tr, err
	}
	b = []byte{}
	for {
		size, err := in.chunk()
		if err != nil {
			return nil, tr, err
		}
		if size == 0 {
			tr, err = in.trailers()
			return b, tr, err
		}
		if int64(len(b))+size > most {
			in.open = size
			return nil, tr, errTooLarge
		}
		if b, err = in.append(b, size); err != nil {
			return nil, tr, err
		}
		if line, err := in.line(); err != nil || len(line) > 0 {
			return nil, tr, errors.Join(malformed("malformed chunk"), err)
		}
	}
}

// append reads n bytes onto b. It allocates as they come, not as they are announced.
func (in *reader) append(b []byte, n int64) ([]byte, error) {
	const step = 64 << 10
	if b == nil {
		b = make([]byte, 0, min(n, step))
	}
	for n > 0 {
		if have := in.buffered(); len(have) > 0 {
			take := min(int64(len(have)), n)
			b = append(b, have[:take]...)
			in.r += int(take)
			n -= take
			continue
		}
		if n < bufferSize {
			if err := in.fill(); err != nil {
				return nil, cut(err)
			}
			continue
		}
		// A large body goes past the buffer.
		at := len(b)
		b = append(b, make([]byte, min(n, max(step, int64(at))))...)
		got, err := io.ReadFull(in.conn, b[at:])
		n -= int64(got)
		if err != nil {
			return nil, cut(err)
		}
	}
	return b, nil
}

// chunk reads the line before a chunk's bytes.
func (in *reader) chunk() (size int64, err error) {
	line, err := in.line()
	if err != nil {
		return 0, err
	}
	line, _, _ = bytes.Cut(line, []byte(";"))
	n, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 62)
	if err != nil {
		return 0, malformed("malformed chunk size")
	}
	return int64(n), nil
}

// trailers are what a streamed answer says after its last byte.
type trailers struct {
	errorType string
	errorBody string // base64
}

func (in *reader) trailers() (tr trailers, err error) {
	for total := 0; ; {
		line, err := in.line()
		if err != nil || len(line) == 0 {
			return tr, err
		}
		if total += len(line); total > maxTrailer {
			return tr, malformed("trailers too large")
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch value = bytes.TrimSpace(value); {
		case is(name, errorTypeHeader):
			tr.errorType = string(value)
		case is(name, errorBodyHeader):
			tr.errorBody = string(value)
		}
	}
}

// line reads one line of a chunked body, without its end.
func (in *reader) line() ([]byte, error) {
	for {
		b := in.buffered()
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			in.r += i + 1
			return bytes.TrimSuffix(b[:i], []byte("\r")), nil
		}
		if len(b) >= maxTrailer {
			return nil, malformed("line too long")
		}
		if err := in.fill(); err != nil {
			return nil, cut(err)
		}
	}
}

// drain reads a body that nobody wants, within bounds, and says whether the
// connection can be used again.
func (in *reader) drain(req *request) bool {
	if req.length == 0 && !req.chunked {
		return true
	}
	in.conn.SetReadDeadline(time.Now().Add(partTime))
	defer in.conn.SetReadDeadline(time.Time{})
	left := int64(maxDrain)
	for {
		size := req.length
		if in.open > 0 {
			size, in.open = in.open, 0
		} else if req.chunked {
			var err error
			if size, err = in.chunk(); err != nil {
				return false
			}
			if size == 0 {
				_, err = in.trailers()
				return err == nil
			}
		}
		if left -= size; left < 0 || in.skip(size) != nil {
			return false
		}
		if !req.chunked {
			return true
		}
		if line, err := in.line(); err != nil || len(line) > 0 {
			return false
		}
	}
}

func (in *reader) skip(n int64) error {
	for n > 0 {
		if len(in.buffered()) == 0 {
			if err := in.fill(); err != nil {
				return err
			}
		}
		take := min(n, int64(len(in.buffered())))
		in.r += int(take)
		n -= take
	}
	return nil
}

// cut names the end of a connection within a body.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTruncated
	}
	return err
}
