package proxy

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"time"

	"github.com/rousehq/rouse/gateway"
)

const (
	// integrationResponse is the type by which a runtime says that a prelude
	// with status and headers comes before the body.
	integrationResponse = "application/vnd.awslambda.http-integration-response"
	// maxPrelude bounds what is kept of an answer whose prelude has not ended.
	maxPrelude = 256 << 10
)

// streamed answers a call with what its function sends in streaming mode, as it
// comes. Its Open is a rouse.Event's Stream.
type streamed struct {
	call    *gateway.Call
	before  func(http.Header) // when set, may add to the answer's header just before that goes out
	prelude []byte            // what has come of it
	headed  bool              // the head is out
	bare    bool              // an answer without a body
	control *http.ResponseController
	wrong   error // why the answer is none
}

var _ io.Writer = (*streamed)(nil)

// Open begins the answer. Of a runtime that announces no prelude everything is
// the body, of the type it says.
func (s *streamed) Open(contentType string) io.Writer {
	s.control = http.NewResponseController(s.call.Writer)
	// A client that does not read cannot hold the instance beyond its event.
	_ = s.control.SetWriteDeadline(time.Now().Add(s.call.Revision.Spec.Timeout.D())) // what cannot do it has no client
	if contentType != integrationResponse {
		kind := cmp.Or(contentType, "application/octet-stream")
		s.head(&reply{status: http.StatusOK, header: http.Header{"Content-Type": {kind}}})
		s.wrong = s.send(nil) // the first byte may be long in coming
	}
	return s
}

// Write sends b on at once. Its error is the client's leaving, or a malformed
// answer; Close has it as well.
func (s *streamed) Write(b []byte) (int, error) {
	if s.wrong != nil {
		return 0, s.wrong
	}
	taken := len(b)
	if !s.headed {
		b = s.divide(b)
	}
	if s.wrong == nil && s.headed {
		s.wrong = s.send(b)
	}
	if s.wrong != nil {
		return 0, s.wrong
	}
	return taken, nil
}

// Close ends the answer once the function has sent all of it. It returns a
// FunctionError when that was no answer, and gateway.ErrClientGone.
func (s *streamed) Close() error {
	switch {
	case s.wrong != nil:
	case !s.headed:
		s.wrong = malformed("it ended before the eight NULs behind its prelude")
	default:
		_ = s.control.SetWriteDeadline(time.Time{})
	}
	return s.wrong
}

// divide takes the prelude from the front of the answer and returns the body's
// part of it.
func (s *streamed) divide(b []byte) []byte {
	searched := max(len(s.prelude)-len(eightNULs)+1, 0)
	s.prelude = append(s.prelude, b...)
	at := bytes.Index(s.prelude[searched:], eightNULs)
	if at < 0 {
		if len(s.prelude) > maxPrelude {
			s.wrong = malformed("its prelude is over 256 KB")
		}
		return nil
	}
	prelude, body := s.prelude[:searched+at], s.prelude[searched+at+len(eightNULs):]
	rep, err := parsePrelude(prelude)
	if err != nil {
		s.wrong = err
		return nil
	}
	s.prelude = nil
	s.head(rep)
	return body
}

// head sends status and header.
func (s *streamed) head(rep *reply) {
	h := s.call.Writer.Header()
	for name, values := range rep.header {
		h[name] = values
	}
	if s.before != nil {
		s.before(h)
	}
	s.headed = true
	s.bare = rep.status == http.StatusNoContent || rep.status == http.StatusNotModified || s.call.Request.Method == http.MethodHead
	s.call.Writer.WriteHeader(rep.status)
}

func (s *streamed) send(b []byte) error {
	if len(b) > 0 && !s.bare {
		if _, err := s.call.Writer.Write(b); err != nil {
			return gateway.ErrClientGone
		}
	}
	if s.control.Flush() != nil {
		return gateway.ErrClientGone
	}
	return nil
}
