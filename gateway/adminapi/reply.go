package adminapi

import (
	"encoding/json"
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
func readBody(c *gateway.Call) ([]byte, error) { return gateway.ReadBody(c, maxJSON, slowBody) }
