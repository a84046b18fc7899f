package proxy

import (
	"net/http"
	"time"
)

const (
	// patience is how long a client may take nothing of what is written to it.
	patience = 2 * time.Minute
	// piece is how much has to be taken within that time, and small what needs no
	// time, since it fits into the connection's buffers.
	piece = 64 << 10
	small = 4 << 10
)

// patient writes an answer. Without an end to its waiting a client could hold an
// instance, or an answer's memory, by not reading.
type patient struct {
	to      http.ResponseWriter
	within  time.Duration
	wrote   bool
	control *http.ResponseController // nil until a wait had to be bounded
}

// Write blocks until b is on its way. It fails when the client has gone or takes nothing.
func (p *patient) Write(b []byte) (n int, err error) {
	if !p.wrote && len(b) <= small {
		p.wrote = true
		return p.to.Write(b)
	}
	if p.control == nil {
		p.control = http.NewResponseController(p.to)
	}
	for len(b) > 0 && err == nil {
		_ = p.control.SetWriteDeadline(time.Now().Add(p.within)) // what cannot do it has no client
		var more int
		more, err = p.to.Write(b[:min(len(b), piece)])
		n, b = n+more, b[more:]
	}
	return n, err
}

// end lets the connection serve its next request.
func (p *patient) end() {
	if p.control != nil {
		_ = p.control.SetWriteDeadline(time.Time{})
	}
}
