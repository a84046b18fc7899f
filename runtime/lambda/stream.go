package lambda

import (
	"errors"
	"io"
	"sync"
)

// outlet is where a streamed answer goes as it comes. It is shut before the
// caller of the event goes on, so that nothing is written behind its back.
type outlet struct {
	mu   sync.Mutex // held while something is written
	to   io.Writer  // nil until the answer begins
	shut bool
}

// open asks the caller where the answer goes, unless the event is over.
func (o *outlet) open(stream func(string) io.Writer, contentType string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.shut && o.to == nil {
		o.to = stream(contentType)
	}
}

// used says whether the caller was asked.
func (o *outlet) used() bool {
	if o == nil {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.to != nil
}

// write passes b on. An answer that nobody takes any more is read all the same:
// the function goes on, as on AWS.
func (o *outlet) write(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.shut || o.to == nil || len(b) == 0 {
		return
	}
	if _, err := o.to.Write(b); err != nil {
		o.shut = true
	}
}

// close waits for the write that is under way.
func (o *outlet) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.shut = true
}

// stream passes a body on as it comes and returns its trailers. After
// errTooLarge the rest of the body is unread.
func (in *reader) stream(req *request, most int64, to *outlet) (tr trailers, err error) {
	if !req.chunked {
		if req.length > most {
			return tr, errTooLarge
		}
		return tr, in.pass(req.length, to)
	}
	for total := int64(0); ; {
		size, err := in.chunk()
		if err != nil {
			return tr, err
		}
		if size == 0 {
			return in.trailers()
		}
		if total += size; total > most {
			in.open = size
			return tr, errTooLarge
		}
		if err := in.pass(size, to); err != nil {
			return tr, err
		}
		if line, err := in.line(); err != nil || len(line) > 0 {
			return tr, errors.Join(malformed("malformed chunk"), err)
		}
	}
}

// pass writes the next n bytes to an outlet, in the pieces in which they come.
func (in *reader) pass(n int64, to *outlet) error {
	for n > 0 {
		if len(in.buffered()) == 0 {
			if err := in.fill(); err != nil {
				return cut(err)
			}
		}
		part := in.buffered()
		part = part[:min(int64(len(part)), n)]
		to.write(part)
		in.r += len(part)
		n -= int64(len(part))
	}
	return nil
}
