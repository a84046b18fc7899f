package lane

import (
	"bytes"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// inline is the size up to which a body is copied behind its head, so that both
// leave in one write.
const inline = 32 << 10

// answer is a request's ResponseWriter. It sends an answer whole: at once when
// its length was given and its body comes in one piece, else when the handler
// has returned.
type answer struct {
	conn   *conn
	header http.Header
	status int
	length int    // that was given; -1 for none
	body   []byte // what waits for the handler's end
	sent   bool
	beyond bool  // the handler wrote more than it announced
	err    error // of the connection
}

var _ http.ResponseWriter = (*answer)(nil)

func (w *answer) Header() http.Header { return w.header }

// WriteHeader takes the last word: informational answers are not sent.
func (w *answer) WriteHeader(status int) {
	if w.status != 0 || status < http.StatusOK {
		return
	}
	w.status = status
	if given := w.header["Content-Length"]; len(given) > 0 {
		if n, err := strconv.Atoi(given[0]); err == nil && n >= 0 {
			w.length = n
		}
	}
}

func (w *answer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case !hasBody(w.status):
		return 0, http.ErrBodyNotAllowed
	case w.sent && len(b) > 0, w.length >= 0 && len(w.body)+len(b) > w.length:
		w.beyond = true
		return 0, http.ErrContentLength
	case len(w.body) == 0 && len(b) == w.length:
		w.send(b)
		return len(b), w.err
	}
	w.body = append(w.body, b...)
	return len(b), nil
}

// SetReadDeadline is for http.ResponseController.
func (w *answer) SetReadDeadline(t time.Time) error { return w.conn.nc.SetReadDeadline(t) }

// SetWriteDeadline is for http.ResponseController.
func (w *answer) SetWriteDeadline(t time.Time) error { return w.conn.nc.SetWriteDeadline(t) }

// finish sends what has not been sent, and says whether another answer can
// follow this one.
func (w *answer) finish() bool {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.sent {
		if short := w.length >= 0 && len(w.body) < w.length; short && hasBody(w.status) {
			w.header["Connection"] = lastAnswer // the client is told that it is cut
		}
		w.send(w.body)
	}
	return w.err == nil && !w.beyond && w.header["Connection"] == nil
}

// lastAnswer is what the last answer of a connection says.
var lastAnswer = []string{"close"}

// send writes the answer with b as its body.
func (w *answer) send(b []byte) {
	w.sent = true
	h := w.header
	if hasBody(w.status) && w.length < 0 {
		h["Content-Length"] = []string{strconv.Itoa(len(b))}
	}
	if len(b) > 0 && h["Content-Type"] == nil && h["Content-Encoding"] == nil {
		h["Content-Type"] = []string{http.DetectContentType(b)}
	}
	if w.conn.lane.stopping.Load() || h["Connection"] != nil {
		h["Connection"] = lastAnswer
	}
	out := bytes.NewBuffer(w.conn.out[:0])
	out.WriteString("HTTP/1.1 ")
	out.WriteString(strconv.Itoa(w.status))
	out.WriteByte(' ')
	out.WriteString(http.StatusText(w.status))
	out.WriteString("\r\n")
	if h["Date"] == nil {
		out.WriteString(date(time.Now()))
	}
	h.Write(out)
	out.WriteString("\r\n")
	if len(b) <= inline {
		out.Write(b)
		_, w.err = w.conn.io.Write(out.Bytes())
	} else {
		_, w.err = (&net.Buffers{out.Bytes(), b}).WriteTo(w.conn.nc)
	}
	if w.conn.out = out.Bytes(); cap(w.conn.out) > 2*inline {
		w.conn.out = nil
	}
}

func hasBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// dated is the Date line of one second, for all answers in it.
type dated struct {
	second int64
	line   string
}

var lastDate atomic.Pointer[dated]

// date is the Date line of an answer at t.
func date(t time.Time) string {
	if d := lastDate.Load(); d != nil && d.second == t.Unix() {
		return d.line
	}
	d := &dated{t.Unix(), "Date: " + t.UTC().Format(http.TimeFormat) + "\r\n"}
	lastDate.Store(d)
	return d.line
}
