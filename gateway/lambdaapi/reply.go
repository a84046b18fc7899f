package lambdaapi

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/rousehq/rouse/gateway"
)

// withStatus is an answer whose status is not its operation's usual one.
type withStatus struct {
	status int
	body   any
}

// reply answers with v as JSON, or with nothing when it is nil.
func reply(c *gateway.Call, status int, v any) error {
	if other, ok := v.(withStatus); ok {
		status, v = other.status, other.body
	}
	if v == nil {
		c.Writer.Header()["Content-Type"] = jsonType // AWS says so of nothing, too
		c.Writer.WriteHeader(status)
		return nil
	}
	b, err := compact(v)
	if err != nil {
		return err
	}
	writeJSON(c.Writer, status, b)
	return nil
}

// compact is v as JSON whose characters stand for themselves.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// date is a moment as Lambda writes it.
func date(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000-0700") }
