package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
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

// outgoing is the request as the function gets it.
func (x *exchange) outgoing(ctx context.Context) *http.Request {
	r := x.call.Request
	h := make(http.Header, len(r.Header)+6)
	extra := named(r.Header)
	for name, values := range r.Header {
		if !hopByHop(name) && (extra == nil || !slices.Contains(extra, name)) {
			h[name] = values
		}
	}
	if kind := upgradeOf(r.Header); kind != "" {
		h["Connection"], h["Upgrade"] = []string{"Upgrade"}, []string{kind}
	}
	if slices.ContainsFunc(r.Header["Te"], func(te string) bool { return strings.Contains(te, "trailers") }) {
		h["Te"] = []string{"trailers"}
	}
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = nil // keeps the transport from naming itself
	}
	from := originOf(r)
	h["X-Forwarded-For"] = []string{from.forwarded}
	h["X-Forwarded-Proto"] = []string{from.proto}
	h["X-Forwarded-Host"] = []string{from.host}
	delete(h, "X-Forwarded-Prefix")
	if x.call.Prefix != "" {
		h["X-Forwarded-Prefix"] = []string{x.call.Prefix}
	}
	out := &http.Request{
		Method: r.Method,
		URL:    address(x.call.Path, r.URL),
		Host:   r.Host,
		Header: h,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody {
		x.body = &upload{ReadCloser: r.Body}
		out.Body, out.ContentLength, out.Trailer = x.body, r.ContentLength, r.Trailer
	}
	return out.WithContext(ctx)
}

// smallBody is the size up to which a request's body is read before it is sent
// on. The transport can then send head and body in one write, and once more when
// it meets a connection that the function has just closed.
const smallBody = 16 << 10

// readAhead takes a small body in, within the function's timeout. Bodies of
// unknown length and those that the function is to ask for first stay streams.
func (x *exchange) readAhead(ctx context.Context, out *http.Request) error {
	r := x.call.Request
	if x.body == nil || r.ContentLength < 0 || r.ContentLength > smallBody || len(r.Header["Expect"]) > 0 || len(r.Trailer) > 0 {
		return nil
	}
	// The deadline stays, so that the server does not wait for the rest either.
	stop := context.AfterFunc(ctx, func() { http.NewResponseController(x.call.Writer).SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	b := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, b)
	if err != nil {
		x.call.Writer.Header().Set("Connection", "close")
	}
	switch {
	case err != nil && context.Cause(ctx) == errTimeout:
		return rouse.Errorf(rouse.Timeout, "the request's body did not arrive within the function's timeout of %s", x.call.Revision.Spec.Timeout)
	case err != nil:
		return gateway.ErrClientGone
	}
	x.body = nil
	out.Body = io.NopCloser(bytes.NewReader(b))
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
	return nil
}

// address keeps the path as the client wrote it, byte for byte. The host only
// keys the transport's idle connections.
func address(path string, from *url.URL) *url.URL {
	u := &url.URL{Scheme: "http", Host: "function", RawQuery: from.RawQuery, ForceQuery: from.ForceQuery}
	if !strings.HasPrefix(path, "//") {
		u.Opaque = path
		return u
	}
	// An opaque part that begins so would be taken for a host.
	plain, err := url.PathUnescape(path)
	if err != nil {
		plain = path
	}
	u.Path, u.RawPath = plain, path
	return u
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

// upload is a request's body that remembers whether the client failed to send it.
type upload struct {
	io.ReadCloser
	mu     sync.Mutex
	failed bool
}

func (u *upload) Read(b []byte) (int, error) {
	n, err := u.ReadCloser.Read(b)
	if err != nil && err != io.EOF {
		u.mu.Lock()
		u.failed = true
		u.mu.Unlock()
	}
	return n, err
}

func (u *upload) broke() bool {
	if u == nil {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.failed
}
