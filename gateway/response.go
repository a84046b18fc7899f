package gateway

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// Sent is the status that has gone out on w, 0 when none has. It knows only
// the writers of Entry; of any other it answers 0.
func Sent(w http.ResponseWriter) int {
	if s, ok := w.(interface{ Sent() int }); ok {
		return s.Sent()
	}
	return 0
}

// response remembers what went out, so that an error is written only where it
// still can be, and keeps the abilities of the writer below.
type response struct {
	http.ResponseWriter
	status   int
	hijacked bool
}

var (
	_ http.Flusher  = (*response)(nil)
	_ http.Hijacker = (*response)(nil)
	_ io.ReaderFrom = (*response)(nil)
)

func (r *response) Sent() int { return r.status }

// Unwrap lets http.ResponseController reach deadlines and full duplex.
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *response) WriteHeader(status int) {
	// 1xx answers come before the one that counts.
	if r.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *response) Write(b []byte) (int, error) {
	r.began()
	return r.ResponseWriter.Write(b)
}

func (r *response) WriteString(s string) (int, error) {
	r.began()
	return io.WriteString(r.ResponseWriter, s)
}

func (r *response) ReadFrom(src io.Reader) (int64, error) {
	r.began()
	return io.Copy(r.ResponseWriter, src)
}

func (r *response) Flush() { r.FlushError() }

func (r *response) FlushError() error {
	r.began()
	return http.NewResponseController(r.ResponseWriter).Flush()
}

func (r *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := http.NewResponseController(r.ResponseWriter).Hijack()
	if err == nil {
		r.hijacked = true
		r.status = http.StatusSwitchingProtocols
	}
	return conn, buf, err
}

func (r *response) began() {
	if r.status == 0 {
		r.status = http.StatusOK
	}
}
