package http

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync/atomic"
	"time"
)

// direct says whether a request can be exchanged on the caller's own goroutine:
// its body, if any, is in memory and small, so that writing it does not wait for
// the server to read the answer away. http.Transport is for all others, and hands
// each request to two more goroutines and back.
func direct(req *http.Request) bool {
	const small = 16 << 10
	bodyless := req.Body == nil || req.Body == http.NoBody
	if !bodyless && (req.GetBody == nil || req.ContentLength <= 0 || req.ContentLength > small) {
		return false
	}
	return req.Header["Upgrade"] == nil && req.Header["Expect"] == nil && req.Header["Connection"] == nil && req.Trailer == nil
}

// exchange sends req and returns the answer once its head is there. As
// http.Transport does, it tries anew when a kept connection turns out to be
// closed and the server cannot have acted on the request.
func (t *Target) exchange(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	for {
		c, err := t.connect(req.Context())
		if err != nil {
			return nil, err
		}
		res, err := t.on(c, req)
		if err == nil {
			return res, nil
		}
		c.Close()
		if !c.used || req.Context().Err() != nil || !repeatable(c, req, err) {
			return nil, err
		}
		if req.GetBody != nil {
			if req.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// errSilent means that the connection ended before a byte of the answer came.
var errSilent = errors.New("the server closed the connection without an answer")

// repeatable says whether a request that failed on a kept connection may be sent again.
func repeatable(c *conn, req *http.Request, err error) bool {
	if c.written == 0 {
		return true
	}
	if !errors.Is(err, errSilent) {
		return false
	}
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return req.Header["Idempotency-Key"] != nil || req.Header["X-Idempotency-Key"] != nil
}

// connect takes an idle connection or makes one.
func (t *Target) connect(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, run := t.idle.get()
	if c != nil {
		return c, nil
	}
	nc, err := t.dial(ctx, "", "")
	if err != nil {
		return nil, err
	}
	return newConn(nc, run), nil
}

// on exchanges req on c. After an error c is of no more use.
func (t *Target) on(c *conn, req *http.Request) (*http.Response, error) {
	// The end of the request's time ends whatever the connection waits for.
	stop := context.AfterFunc(req.Context(), func() { c.SetDeadline(time.Unix(1, 0)) })
	res, err := c.roundTrip(req)
	if err != nil {
		stop()
		if ctxErr := req.Context().Err(); ctxErr != nil {
			err = ctxErr
		}
		return nil, err
	}
	body := &answerBody{ReadCloser: res.Body, t: t, c: c, stop: stop, keep: !res.Close && !req.Close && !c.broken}
	if res.Body == http.NoBody { // whose end nobody may read
		body.end(true)
		return res, nil
	}
	res.Body = body
	return res, nil
}

func (c *conn) roundTrip(req *http.Request) (*http.Response, error) {
	c.written = 0
	err := req.Write(c.w)
	if err == nil {
		err = c.w.Flush()
	}
	c.broken = err != nil
	if c.broken && c.written == 0 {
		return nil, err
	}
	// A server may refuse a request before it has read all of it, and close.
	c.left = maxHead
	if _, silent := c.r.Peek(1); silent != nil {
		return nil, errors.Join(errSilent, err, silent)
	}
	res, err := c.head(req)
	c.left = -1
	return res, err
}

// head reads heads until one that is not merely informational; maxHead bounds
// them all together.
func (c *conn) head(req *http.Request) (*http.Response, error) {
	trace := httptrace.ContextClientTrace(req.Context())
	for {
		res, err := http.ReadResponse(c.r, req)
		switch {
		case err != nil:
			return nil, err
		case res.StatusCode == http.StatusSwitchingProtocols:
			return nil, errors.New("the server switched protocols without being asked to")
		case res.StatusCode >= 200:
			return res, nil
		}
		if trace != nil && trace.Got1xxResponse != nil {
			if err := trace.Got1xxResponse(res.StatusCode, textproto.MIMEHeader(res.Header)); err != nil {
				return nil, err
			}
		}
	}
}

// answerBody is an answer's body. Its end gives the connection back.
type answerBody struct {
	io.ReadCloser
	t    *Target
	c    *conn
	stop func() bool
	keep bool
	over atomic.Bool
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end(err == io.EOF)
	}
	return n, err
}

// Close ends the exchange; an answer that was not read to its end takes the
// connection with it.
func (b *answerBody) Close() error {
	b.end(false)
	return nil
}

func (b *answerBody) end(whole bool) {
	if b.over.Swap(true) {
		return
	}
	// Once the request's time has ended, its deadline may be set at any moment.
	if inTime := b.stop(); whole && inTime && b.keep && b.c.r.Buffered() == 0 {
		b.t.idle.put(b.c)
		return
	}
	b.c.Close()
}
