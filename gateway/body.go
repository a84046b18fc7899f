package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/rousehq/rouse"
)

// firstBuffer is what a body gets before any of it has come, however much it
// announces: memory follows what was received.
const firstBuffer = 64 << 10

// ReadBody reads a call's whole body. It blocks until that is here, at most for
// within from the call's beginning. More than most bytes are a TooLarge error;
// what is late or badly framed is Invalid, and a client that hangs up is
// ErrClientGone.
func ReadBody(c *Call, most rouse.Bytes, within time.Duration) ([]byte, error) {
	length := c.Request.ContentLength
	switch {
	case length > int64(most):
		return nil, TooLarge(most)
	case length == 0 || c.Request.Body == nil:
		return nil, nil
	}
	control := http.NewResponseController(c.Writer)
	deadlines := control.SetReadDeadline(c.Began.Add(within)) == nil
	size := int64(512)
	if length >= 0 {
		size = min(firstBuffer, length)
	}
	buf := make([]byte, 0, size)
	for {
		n, err := c.Request.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > int64(most):
			return nil, TooLarge(most)
		case err == io.EOF, length >= 0 && int64(len(buf)) == length && err == nil:
			if deadlines {
				control.SetReadDeadline(time.Time{})
			}
			return buf, nil
		case err != nil:
			return nil, Unread(c, err, within)
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

// TooLarge is the error for a body that is over its limit.
func TooLarge(most rouse.Bytes) error {
	return rouse.Errorf(rouse.TooLarge, "body: over the limit of %s", most)
}

// Unread says why a body could not be read to its end. The connection is of no
// more use, and its deadline stays, so that the server does not wait for the rest.
func Unread(c *Call, err error, within time.Duration) error {
	c.Writer.Header().Set("Connection", "close")
	var coded *rouse.Error
	switch {
	case errors.As(err, &coded): // a station's before us
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return rouse.Errorf(rouse.Invalid, "body: not received within %s", rouse.Duration(within))
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.Canceled), c.Request.Context().Err() != nil:
		return ErrClientGone
	}
	return rouse.Errorf(rouse.Invalid, "body: cannot be read; its framing is broken")
}
