package limit

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// firstBuffer is what a body gets before any of it has come, however much it
// announces: memory follows what was received.
const firstBuffer = 64 << 10

// readAll reads a body of a length that may be unknown (-1). It blocks until
// the body has ended, at most for the time that slow clients have.
func readAll(c *gateway.Call, length int64, l Limits) ([]byte, error) {
	control := http.NewResponseController(c.Writer)
	deadlines := control.SetReadDeadline(c.Began.Add(l.Slow)) == nil
	size := int64(firstBuffer)
	if length >= 0 {
		size = min(size, length)
	} else {
		size = 512
	}
	buf := make([]byte, 0, size)
	for {
		n, err := c.Request.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > int64(l.Event):
			return nil, tooLarge(l.Event)
		case err == io.EOF, length >= 0 && int64(len(buf)) == length && err == nil:
			if deadlines {
				control.SetReadDeadline(time.Time{})
			}
			return buf, nil
		case err != nil:
			return nil, unread(c, err, l.Slow)
		}
		if len(buf) == cap(buf) {
			buf = grow(buf, length)
		}
	}
}

// grow doubles, but never beyond what the client announced.
func grow(buf []byte, length int64) []byte {
	size := int64(2 * cap(buf))
	if length >= 0 {
		size = min(size, length)
	}
	bigger := make([]byte, len(buf), size)
	copy(bigger, buf)
	return bigger
}

// unread says why a body could not be read. The connection is of no more use.
func unread(c *gateway.Call, err error, slow time.Duration) error {
	c.Writer.Header().Set("Connection", "close")
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return rouse.Errorf(rouse.Invalid, "body: not received within %s", rouse.Duration(slow))
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.Canceled), c.Request.Context().Err() != nil:
		return gateway.ErrClientGone
	}
	return rouse.Errorf(rouse.Invalid, "body: cannot be read; its framing is broken")
}

// counted ends a body of unknown length with a TooLarge error beyond its limit.
type counted struct {
	io.ReadCloser
	limit rouse.Bytes
	left  int64 // bytes still allowed; used by the reader only
	// over is read by the station while a transport may still be reading.
	over atomic.Bool
}

func (b *counted) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, tooLarge(b.limit)
	}
	// One byte more than allowed tells a body that ends at the limit from a longer one.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		b.over.Store(true)
		return n - 1, tooLarge(b.limit)
	}
	return n, err
}
