package lambda

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
)

// accepted is what AWS answers to a posted answer; .NET's runtime parses it.
const accepted = `{"status":"OK"}`

// inline is the size up to which an event is copied behind its head, so that
// both leave in one plain write.
const inline = 32 << 10

// send writes a status with a JSON body and says whether the connection goes on.
func (c *conn) send(status int, body string, closing bool) bool {
	c.write.Lock()
	defer c.write.Unlock()
	b := appendStatus(c.out[:0], status)
	b = append(b, "Content-Type: application/json\r\n"...)
	b = appendEnd(b, len(body), closing)
	b = append(b, body...)
	_, err := c.io.Write(b)
	c.out = b
	return err == nil && !closing
}

// reply is send with an error in AWS's shape.
func (c *conn) reply(status int, kind, message string, closing bool) bool {
	b, err := json.Marshal(struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}{message, kind})
	if err != nil {
		panic("lambda: an error that cannot be encoded: " + err.Error())
	}
	return c.send(status, string(b), closing)
}

// sendEvent answers a poll. The caller holds c.write.
func (c *conn) sendEvent(inv *invocation) error {
	ev := inv.ev
	b := appendStatus(c.out[:0], http.StatusOK)
	b = append(b, "Content-Type: application/json\r\n"...)
	b = appendHeader(b, "Lambda-Runtime-Aws-Request-Id: ", ev.ID)
	b = append(b, "Lambda-Runtime-Deadline-Ms: "...)
	b = strconv.AppendInt(b, inv.deadline.UnixMilli(), 10)
	b = append(b, "\r\n"...)
	b = appendHeader(b, "Lambda-Runtime-Invoked-Function-Arn: ", inv.arn)
	b = appendHeader(b, "Lambda-Runtime-Trace-Id: ", inv.trace)
	b = appendHeader(b, "Lambda-Runtime-Client-Context: ", string(ev.ClientContext))
	b = appendHeader(b, "Lambda-Runtime-Cognito-Identity: ", string(ev.Identity))
	b = appendEnd(b, len(ev.Payload), c.closePoll)
	var err error
	if len(ev.Payload) <= inline {
		b = append(b, ev.Payload...)
		_, err = c.io.Write(b)
	} else {
		_, err = (&net.Buffers{b, ev.Payload}).WriteTo(c.nc)
	}
	if c.out = b; cap(b) > 2*inline {
		c.out = nil
	}
	return err
}

func appendStatus(b []byte, status int) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(status)...)
	return append(b, "\r\n"...)
}

func appendEnd(b []byte, length int, closing bool) []byte {
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(length), 10)
	if closing {
		b = append(b, "\r\nConnection: close"...)
	}
	return append(b, "\r\n\r\n"...)
}

// appendHeader leaves an empty header out. What callers of the function gave
// cannot end the line: control characters become spaces, which mean the same
// between the tokens of JSON.
func appendHeader(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, name...)
	for i := range len(value) {
		ch := value[i]
		if ch < ' ' || ch == 0x7f {
			ch = ' '
		}
		b = append(b, ch)
	}
	return append(b, "\r\n"...)
}

// typed is the error type of a request that was not understood.
func typed(status int) string {
	if status == http.StatusRequestHeaderFieldsTooLarge {
		return "RequestHeaderFieldsTooLarge"
	}
	return "InvalidRequest"
}

func transition(from, to phase) string {
	return fmt.Sprintf("State transition from %s to %s failed for runtime. Error: State transition is not allowed", from, to)
}

func exceeded(most int) string {
	return fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", most)
}
