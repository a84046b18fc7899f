package proxy

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

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
