package lambda

import (
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rousehq/rouse/internal/nonblock"
)

// conn is one connection from the process. Its goroutine reads requests and
// answers them; only an event comes from another goroutine.
type conn struct {
	t    *Target
	nc   net.Conn
	io   net.Conn // nc, for what is small
	in   reader
	slot int // with the Keeper; -1 when it is not kept

	// write is held while something is written. Whoever takes a parked conn to
	// write its event locks it before the conn's own goroutine may go on.
	write     sync.Mutex // guards the next two
	out       []byte     // scratch for what is written
	closePoll bool       // the poll asked for the connection to be closed after the event

	parked atomic.Bool   // has an unanswered poll; changed under the Target's mu
	gate   chan struct{} // see passGate
	hung   sync.Once
}

func newConn(t *Target, nc net.Conn) *conn {
	io := nonblock.Wrap(nc)
	return &conn{t: t, nc: nc, io: io, in: reader{conn: io, buf: make([]byte, bufferSize)}, slot: -1, gate: make(chan struct{}, 1)}
}

// serve answers requests until the connection ends.
func (c *conn) serve() {
	defer c.t.drop(c)
	c.keep()
	for {
		req, err := c.in.head()
		if c.parked.Load() && !c.passGate(err) {
			return
		}
		if err != nil {
			var bad *badRequest
			if errors.As(err, &bad) {
				c.reply(bad.status, typed(bad.status), bad.reason, true)
			}
			return
		}
		if !c.handle(&req) {
			return
		}
	}
}

// keep hands the connection to the sandbox's agent as well, unless it came from there.
func (c *conn) keep() {
	k := c.t.ep.Keeper
	if k == nil || c.slot >= 0 {
		return
	}
	slot, err := k.Keep(c.nc)
	if err != nil {
		c.t.o.Log.Debug("a Runtime API connection is not kept", "err", err)
		return
	}
	c.slot = slot
}

// passGate holds back what a client sent behind its unanswered poll until the
// event has been written. It returns false when the connection ended instead.
func (c *conn) passGate(err error) bool {
	var bad *badRequest
	if err != nil && !errors.As(err, &bad) {
		return false
	}
	<-c.gate // unpark opens it; hangUp does at the latest
	return c.t.has(c)
}

// unpark lets the conn's own goroutine go on after its poll. The caller holds
// the Target's mu.
func (c *conn) unpark() {
	c.parked.Store(false)
	select {
	case c.gate <- struct{}{}:
	default:
	}
}

// hangUp closes the connection, once. Its goroutine then ends by itself.
func (c *conn) hangUp() {
	c.hung.Do(func() {
		c.nc.Close()
		c.t.unparkLost(c)
	})
}

// handle answers one request and says whether the connection goes on.
func (c *conn) handle(req *request) bool {
	ep, id := route(req.method, req.path)
	switch ep {
	case next:
		return c.poll(req)
	case response:
		return c.answer(req, id, responding)
	case invocationError:
		return c.answer(req, id, respondingErr)
	case initErrors:
		return c.initFailed(req, initError)
	case initImports:
		return c.imported(req)
	case restoreErrors:
		return c.initFailed(req, restoreError)
	case restoreNext:
		// There is no snapshot to wait for, so the process goes on at once.
		if from, ok := c.t.enter(c, restoring); !ok {
			return c.refuse(req, 403, "InvalidStateTransition", transition(from, restoring))
		}
		return c.in.drain(req) && c.send(200, "", req.close)
	case extRegister, extNext, extInitError, extExitError:
		return c.serveExtension(req, ep)
	case telemetry:
		return c.subscribe(req)
	}
	keep := c.in.drain(req)
	if string(req.method) == "HEAD" {
		return c.send(404, "", req.close || !keep) && keep
	}
	return c.reply(404, "NotFound", "no such endpoint in the Runtime API", req.close || !keep)
}

// poll parks the connection, or takes an event that waits already.
func (c *conn) poll(req *request) bool {
	if !c.in.drain(req) {
		return false
	}
	c.write.Lock()
	c.closePoll = req.close
	c.write.Unlock()
	from, ok := c.t.park(c)
	if !ok {
		return c.reply(403, "InvalidStateTransition", transition(from, ready), req.close)
	}
	// With Connection: close the event is the last that is sent; deliver hangs up.
	return true
}

// answer takes the function's answer to the event of that id, or its error.
func (c *conn) answer(req *request, id []byte, as phase) bool {
	inv, from, ok := c.t.claim(id, as)
	switch {
	case inv == nil && !ok:
		return c.refuse(req, 403, "InvalidStateTransition", transition(from, as))
	case inv == nil:
		return c.refuse(req, 400, "InvalidRequestID", "Invalid request ID")
	}
	if as == responding && req.mode != "" && req.mode != "streaming" {
		c.t.answered(inv, failed("Runtime.InvalidResponseModeHeader", "Invalid function response mode"))
		return c.refuse(req, 400, "InvalidFunctionResponseMode", "Invalid function response mode")
	}
	if !c.proceed(req) {
		c.t.unclaim(inv)
		return false
	}
	body, tr, most, err := c.take(req, inv, as)
	switch {
	case errors.Is(err, errTooLarge):
		c.t.answered(inv, tooLarge(most))
		return c.refuse(req, 413, "RequestEntityTooLarge", exceeded(most))
	case err != nil && inv.outlet.used():
		// What went out cannot be taken back by another answer. If the process has
		// ended, that is the better reason.
		timer := time.NewTimer(2 * lastWords)
		defer timer.Stop()
		select {
		case <-inv.done:
		case <-timer.C:
		}
		c.t.answered(inv, failed("Runtime.TruncatedResponse", "the response was cut short"))
		c.reply(400, "TruncatedHTTPRequest", "HTTP request detected as truncated", true)
		return false
	case err != nil:
		// The process may yet answer on another connection; its end or the deadline decide.
		c.t.unclaim(inv)
		c.reply(400, "TruncatedHTTPRequest", "HTTP request detected as truncated", true)
		return false
	}
	result := outcome(as, body, req.errorType, tr)
	c.t.answered(inv, result)
	// The caller goes on first, which has waited long enough: the process takes the
	// processor for itself when it is woken.
	runtime.Gosched()
	return c.send(202, accepted, req.close)
}

// take reads an answer, or passes it on to a caller who wants it as it comes.
// most is how large it may be.
func (c *conn) take(req *request, inv *invocation, as phase) (body []byte, tr trailers, most int, err error) {
	if as == responding && req.mode != "" && inv.outlet != nil {
		most = c.t.o.MaxStream
		inv.outlet.open(inv.ev.Stream, req.contentType)
		tr, err = c.in.stream(req, int64(most), inv.outlet)
		return nil, tr, most, err
	}
	most = c.t.o.MaxResponse
	body, tr, err = c.in.body(req, int64(most))
	return body, tr, most, err
}

// initFailed takes the report of an init that failed.
func (c *conn) initFailed(req *request, as phase) bool {
	if from, ok := c.t.enter(c, as); !ok {
		return c.refuse(req, 403, "InvalidStateTransition", transition(from, as))
	}
	if !c.proceed(req) {
		return false
	}
	body, _, err := c.in.body(req, int64(c.t.o.MaxResponse))
	if err != nil {
		body = nil
		req.close = true
	}
	c.t.initFailed(failedWith(body, failure(body, req.errorType)))
	return c.send(202, accepted, req.close)
}

// proceed tells a client that waits for it to send its body.
func (c *conn) proceed(req *request) bool {
	if !req.expect || len(c.in.buffered()) > 0 {
		return true
	}
	c.write.Lock()
	defer c.write.Unlock()
	_, err := c.io.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	return err == nil
}

// refuse answers without having looked at the body. A client that has yet to
// be told to send it sends none.
func (c *conn) refuse(req *request, status int, kind, message string) bool {
	closing := req.close
	if req.expect && len(c.in.buffered()) == 0 || !c.in.drain(req) {
		closing = true
	}
	return c.reply(status, kind, message, closing)
}
