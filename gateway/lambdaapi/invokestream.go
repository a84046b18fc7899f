package lambdaapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// invokeStream runs a function and passes on what it answers as it comes.
func (a *api) invokeStream(c *gateway.Call, name string) error {
	if err := a.resolve(c, "InvokeWithResponseStream", name); err != nil {
		return err
	}
	if c.Request.Header.Get("X-Amz-Invocation-Type") == "DryRun" {
		delete(c.Writer.Header(), "X-Amz-Executed-Version")
		c.Writer.WriteHeader(http.StatusNoContent)
		return nil
	}
	return a.settle(c, a.streaming(c), func(c *gateway.Call, body []byte) {
		out := newChunks(c)
		out.complete("Unhandled", string(body), nil)
	})
}

// streamEnd is invokeEnd for an answer in event-stream framing.
func (a *api) streamEnd(c *gateway.Call) error {
	ev := c.Event
	ev.Report = new(rouse.Report)
	out := newChunks(c)
	ev.Stream = func(string) io.Writer {
		// A client that does not read cannot hold the instance beyond its event.
		_ = out.control.SetWriteDeadline(time.Now().Add(c.Revision.Spec.Timeout.D())) // what cannot do it has no client
		return out
	}
	lease := c.Lease
	c.Lease = nil // Invoke takes it over
	result, err := gateway.Invoke(c.Request.Context(), lease, ev)
	var log []byte
	if c.Request.Header.Get("X-Amz-Log-Type") == "Tail" {
		log = ev.Report.Log
	}
	var e *rouse.Error
	switch {
	case errors.As(err, &e):
		if body := FailureBody(c.ID, e); body != nil {
			out.complete("Unhandled", string(body), log)
		}
		return err
	case err != nil:
		return err
	case result.Failure != nil:
		out.complete("Unhandled", string(result.Payload), log)
		return gateway.HandlerFailed(result.Failure)
	case !result.Streamed: // a function that answers in one piece
		payload := result.Payload
		if len(payload) == 0 {
			payload = null
		}
		if _, err := out.Write(payload); err != nil {
			return gateway.ErrClientGone
		}
	}
	out.complete("", "", log)
	return nil
}

// chunks frames what is written to it as events of an event stream.
type chunks struct {
	w       http.ResponseWriter
	control *http.ResponseController
	encoder *eventstream.Encoder
}

func newChunks(c *gateway.Call) *chunks {
	return &chunks{w: c.Writer, control: http.NewResponseController(c.Writer), encoder: eventstream.NewEncoder()}
}

// maxChunk keeps an event far below what clients take.
const maxChunk = 64 << 10

// Write sends p as PayloadChunk events, at once.
func (s *chunks) Write(p []byte) (int, error) {
	for sent := 0; sent < len(p); sent += maxChunk {
		if err := s.send("PayloadChunk", "application/octet-stream", p[sent:min(sent+maxChunk, len(p))]); err != nil {
			return sent, err
		}
	}
	return len(p), nil
}

// complete sends the last event. A client that left cannot be told anything.
func (s *chunks) complete(code, details string, log []byte) {
	body := struct {
		ErrorCode    string `json:",omitempty"`
		ErrorDetails string `json:",omitempty"`
		LogResult    string `json:",omitempty"`
	}{code, details, base64.StdEncoding.EncodeToString(log)}
	b, err := json.Marshal(body)
	if err != nil {
		panic("lambdaapi: an event that cannot be encoded: " + err.Error())
	}
	_ = s.control.SetWriteDeadline(time.Time{}) // of what came before
	s.send("InvokeComplete", "application/json", b)
}

func (s *chunks) send(event, contentType string, payload []byte) error {
	if gateway.Sent(s.w) == 0 {
		s.w.Header()["Content-Type"] = []string{"application/vnd.amazon.eventstream"}
		s.w.WriteHeader(http.StatusOK)
	}
	err := s.encoder.Encode(s.w, eventstream.Message{
		Headers: eventstream.Headers{
			{Name: ":message-type", Value: eventstream.StringValue("event")},
			{Name: ":event-type", Value: eventstream.StringValue(event)},
			{Name: ":content-type", Value: eventstream.StringValue(contentType)},
		},
		Payload: payload,
	})
	if err != nil {
		return err
	}
	return s.control.Flush()
}
