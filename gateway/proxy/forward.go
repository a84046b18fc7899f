package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"sync"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// explainer is a target that knows more about a failure than the error says:
// that its process has ended, and how. It may block for a moment to find out.
type explainer interface {
	Explain(err error) error
}

// errTimeout is the cause of a request's cancellation by its function's timeout.
var errTimeout = errors.New("timeout")

// forward sends a call on and streams the answer back. The function's timeout
// ends with the answer's header: a stream may last as long as both sides like.
// A client that leaves cancels the request.
func (p *Proxy) forward(c *gateway.Call, target http.RoundTripper) error {
	began := time.Now()
	ctx, cancel := context.WithCancelCause(c.Request.Context())
	defer cancel(nil)
	x := &exchange{call: c, target: target}
	returned := false
	defer func() {
		if !returned { // a panic; the instance has no part in it
			c.Lease.Release(nil)
		}
	}()
	err := x.forward(p, ctx, cancel, began)
	returned = true
	c.Lease.Release(err)
	return err
}

// exchange is one request on its way through the proxy.
type exchange struct {
	call   *gateway.Call
	target http.RoundTripper
	body   *upload // nil without a body

	mu     sync.Mutex // guards the response's header against late 1xx answers
	headed bool       // the final status has been or is being written
}

func (x *exchange) forward(p *Proxy, ctx context.Context, cancel context.CancelCauseFunc, began time.Time) error {
	c := x.call
	timer := time.AfterFunc(c.Revision.Spec.Timeout.D(), func() { cancel(errTimeout) })
	defer timer.Stop()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: x.informational})
	out := x.outgoing(ctx)
	if err := x.readAhead(ctx, out); err != nil {
		return err
	}
	if x.body != nil {
		// The transport may read on after it has answered, the server may not.
		defer x.body.Close()
		// A function may answer before it has read all, and then go on reading.
		// A server that cannot do both says so; then it reads the body first.
		http.NewResponseController(c.Writer).EnableFullDuplex()
	}
	res, err := x.target.RoundTrip(out)
	if err != nil {
		return x.failed(ctx, err)
	}
	timer.Stop()
	x.mu.Lock()
	x.headed = true
	x.mu.Unlock()
	if res.StatusCode == http.StatusSwitchingProtocols {
		return x.upgrade(p, out, res, began)
	}
	defer res.Body.Close()
	return x.respond(p, ctx, res, began)
}

// respond streams the answer to the client. What arrives in chunks goes on at
// once, since it may be a stream of events.
func (x *exchange) respond(p *Proxy, ctx context.Context, res *http.Response, began time.Time) error {
	w := x.call.Writer
	h := w.Header()
	copyHeader(h, res.Header)
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // keeps the server from guessing
	}
	for name := range res.Trailer {
		h.Add("Trailer", name)
	}
	announced := len(res.Trailer)
	gateway.SetTimings(h, x.call.Lease, began)
	confine(h, x.call)
	w.WriteHeader(res.StatusCode)
	flush := func() error { return nil }
	if res.ContentLength < 0 || announced > 0 {
		flush = http.NewResponseController(w).Flush
		if flush() != nil {
			return gateway.ErrClientGone
		}
	}
	buf := p.buffers.Get().(*[]byte)
	defer p.buffers.Put(buf)
	out := patient{to: w, within: p.within}
	defer out.end()
	for {
		n, err := res.Body.Read(*buf)
		if n > 0 {
			if _, werr := out.Write((*buf)[:n]); werr != nil {
				return gateway.ErrClientGone
			}
			if err == nil && flush() != nil {
				return gateway.ErrClientGone
			}
		}
		switch {
		case err == io.EOF:
			trailers(h, res.Trailer, announced)
			return nil
		case err != nil:
			return x.failed(ctx, err)
		}
	}
}

// trailers sets the trailers that came; those that were not announced need
// a prefix to be taken for trailers.
func trailers(h, from http.Header, announced int) {
	prefix := ""
	if len(from) != announced {
		prefix = http.TrailerPrefix
	}
	for name, values := range from {
		for _, value := range values {
			h.Add(prefix+name, value)
		}
	}
}

// failed says why an exchange ended without a whole answer.
func (x *exchange) failed(ctx context.Context, err error) error {
	switch {
	case context.Cause(ctx) == errTimeout:
		return rouse.Errorf(rouse.Timeout, "the function did not begin to answer within its timeout of %s", x.call.Revision.Spec.Timeout)
	case x.call.Request.Context().Err() != nil || x.body.broke():
		return gateway.ErrClientGone
	}
	if e, ok := x.target.(explainer); ok {
		err = e.Explain(err)
	}
	var coded *rouse.Error
	if errors.As(err, &coded) {
		return err
	}
	e := rouse.Errorf(rouse.FunctionError, "the function could not be reached, or closed the connection before its answer was whole")
	e.Cause = err
	return e
}

// informational passes an answer like 103 Early Hints on. 100 Continue is
// between neighbours: the server sends its own.
func (x *exchange) informational(code int, header textproto.MIMEHeader) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.headed || code == http.StatusContinue {
		return nil
	}
	h := x.call.Writer.Header()
	kept := h.Clone()
	copyHeader(h, http.Header(header))
	x.call.Writer.WriteHeader(code)
	clear(h) // what was said early is not a part of the answer
	for name, values := range kept {
		h[name] = values
	}
	return nil
}

// copyHeader leaves out what concerns the connection, and what is ours to say.
func copyHeader(to, from http.Header) {
	extra := named(from)
	for name, values := range from {
		if hopByHop(name) || name == "X-Request-Id" || (extra != nil && slices.Contains(extra, name)) {
			continue
		}
		to[name] = values
	}
}
