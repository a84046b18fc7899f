package adminapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

const (
	// maxJSON bounds the bodies that describe things; code comes as an artifact.
	maxJSON = 1 * rouse.MB
	// slowBody is how long a client may take to send one.
	slowBody = 30 * time.Second
)

// reply answers with v as JSON.
func reply(c *gateway.Call, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return replyRaw(c, status, append(b, '\n'))
}

// replyRaw answers with JSON that is encoded already. A failed write is the
// client's leaving.
func replyRaw(c *gateway.Call, status int, b []byte) error {
	h := c.Writer.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	h.Set("X-Content-Type-Options", "nosniff")
	c.Writer.WriteHeader(status)
	if _, err := c.Writer.Write(b); err != nil {
		return gateway.ErrClientGone
	}
	return nil
}

// readJSON reads a body and checks it against into's type, key by key; then
// it decodes into into, whose present values are what missing keys mean.
func readJSON(c *gateway.Call, into any) error {
	raw, err := readBody(c)
	if err != nil {
		return err
	}
	return decode(raw, into)
}

// readBody blocks until the whole body is here, within bounds of size and time.
func readBody(c *gateway.Call) ([]byte, error) {
	control := http.NewResponseController(c.Writer)
	if control.SetReadDeadline(time.Now().Add(slowBody)) == nil {
		defer control.SetReadDeadline(time.Time{})
	}
	raw, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, int64(maxJSON)))
	if err == nil {
		return raw, nil
	}
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return nil, rouse.Errorf(rouse.TooLarge, "body: over the limit of %s", maxJSON)
	}
	return nil, broken(c, err)
}

// broken is the error for a body that did not arrive.
func broken(c *gateway.Call, err error) error {
	c.Writer.Header().Set("Connection", "close")
	if c.Request.Context().Err() != nil || errors.Is(err, io.ErrUnexpectedEOF) {
		return gateway.ErrClientGone
	}
	return rouse.Errorf(rouse.Invalid, "body: was not received whole, or not in time")
}
