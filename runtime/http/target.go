// Package http is the host's side of the http contract: code that listens on
// $PORT in its sandbox, reached through the Endpoint's Dial. A Target finds out
// when the code listens, keeps connections to it and tells a dead process from
// a bad answer.
package http

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rousehq/rouse"
)

const (
	// idleTime is shorter than the shortest keep-alive that common servers grant
	// (gunicorn: 2 s), so that a request never meets a connection that is just
	// being closed. Connecting again costs little.
	idleTime = 1500 * time.Millisecond
	// lastWord is how long a failed exchange waits for the word that the process
	// has ended, which may come a little later than its closed connections.
	lastWord = 20 * time.Millisecond
	maxIdle  = 1000 // as many as a function's concurrency may be
)

// Options are what a Target is told of its revision.
type Options struct {
	Health string       // a path that answers 2xx once the code is ready; "" is none
	Log    *slog.Logger // nil discards
}

// Target speaks to one instance's server.
type Target struct {
	ep        rouse.Endpoint
	o         Options
	idle      idleConns
	transport *http.Transport // for requests that are not direct

	// ctx ends with the Target; work counts every goroutine it started.
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu     sync.Mutex // guards all below
	closed bool
	spare  net.Conn // made while probing, for the first request
	expiry *time.Timer
	run    *run
}

// run is the process from one start to its end.
type run struct {
	stop context.CancelFunc
	over chan struct{} // closed when the run has ended; exit and err are final then
	exit rouse.Exit
	err  error
}

var (
	_ rouse.Target      = (*Target)(nil)
	_ http.RoundTripper = (*Target)(nil)
)

// New makes a Target. It connects when Ready is called.
func New(ep rouse.Endpoint, o Options) *Target {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	t := &Target{ep: ep, o: o}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.transport = &http.Transport{
		DialContext:            t.dial,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTime,
		MaxResponseHeaderBytes: maxHead,
		DisableCompression:     true, // what the function encodes is the client's to decode
		ExpectContinueTimeout:  time.Second,
		// Never another protocol, never the environment's proxy.
		ForceAttemptHTTP2: false,
		Proxy:             nil,
	}
	return t
}

// RoundTrip sends one request to the server; see http.RoundTripper. When it
// fails because the process has ended, the error is a FunctionError that wraps
// rouse.ErrBroken.
func (t *Target) RoundTrip(req *http.Request) (*http.Response, error) {
	exchange := t.transport.RoundTrip
	if direct(req) {
		exchange = t.exchange
	}
	res, err := exchange(req)
	if err != nil && req.Context().Err() == nil {
		return nil, t.Explain(err)
	}
	return res, err
}

// Explain finds out whether err, from an exchange with the server, comes of the
// process's end, and says so. It blocks for some milliseconds, since the
// connections of a process close before its end is known.
func (t *Target) Explain(err error) error {
	if errors.Is(err, rouse.ErrBroken) {
		return err
	}
	const what = "the function's process ended while it answered: "
	t.mu.Lock()
	r, closed := t.run, t.closed
	t.mu.Unlock()
	switch {
	case closed: // in use it is only closed when its sandbox has ended or is about to
		return gone.failure(rouse.FunctionError, what)
	case r == nil:
		return err
	}
	timer := time.NewTimer(lastWord)
	defer timer.Stop()
	select {
	case <-r.over:
		return r.failure(rouse.FunctionError, what)
	case <-t.ctx.Done():
		return gone.failure(rouse.FunctionError, what)
	case <-timer.C:
		return err
	}
}

// gone is a run that nobody heard the end of.
var gone = &run{err: rouse.ErrGone}

// Reset forgets the process that was, with its idle connections. It blocks until
// that process's watch has ended. Ready begins anew.
func (t *Target) Reset() {
	t.mu.Lock()
	r := t.run
	t.run = nil
	spare := t.takeSpare()
	t.mu.Unlock()
	if spare != nil {
		spare.Close()
	}
	if r != nil {
		r.stop()
	}
	t.idle.reset()
	t.transport.CloseIdleConnections()
}

// Close gives up the idle connections and blocks until every goroutine has
// ended; connections in use end with their requests. It is idempotent.
func (t *Target) Close() error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	t.Reset()
	t.work.Wait()
	return nil
}

// dial connects for the transport.
func (t *Target) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	t.mu.Lock()
	spare := t.takeSpare()
	t.mu.Unlock()
	if spare != nil {
		return spare, nil
	}
	return t.ep.Dial(ctx)
}

// keepSpare keeps a connection for the first request, for a while.
func (t *Target) keepSpare(conn net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.spare != nil {
		conn.Close()
		return
	}
	t.spare = conn
	t.expiry = time.AfterFunc(idleTime, func() {
		t.mu.Lock()
		mine := t.spare == conn
		if mine {
			t.spare = nil
		}
		t.mu.Unlock()
		if mine {
			conn.Close()
		}
	})
}

// takeSpare returns the spare connection, or nil. The caller holds mu.
func (t *Target) takeSpare() net.Conn {
	conn := t.spare
	if conn != nil {
		t.spare = nil
		t.expiry.Stop()
	}
	return conn
}

// current is the watch over the present run, which it begins if need be.
func (t *Target) current() (*run, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, rouse.ErrGone
	}
	if t.run != nil {
		return t.run, nil
	}
	ctx, cancel := context.WithCancel(t.ctx)
	r := &run{stop: cancel, over: make(chan struct{})}
	t.run = r
	t.work.Go(func() {
		defer cancel()
		exit, err := t.ep.Process.Wait(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !errors.Is(err, rouse.ErrGone) {
			t.o.Log.Warn("waiting for a function's process", "err", err)
			return
		}
		r.exit, r.err = exit, err
		close(r.over)
	})
	return r, nil
}

// failure says how the run ended. It is called after over is closed.
func (r *run) failure(code rouse.Code, what string) *rouse.Error {
	e := &rouse.Error{Code: code, Type: "Runtime.ExitError", Cause: errors.Join(rouse.ErrBroken, r.err)}
	switch {
	case r.err != nil:
		e.Message = what + "its sandbox is gone"
	case r.exit.OOM:
		e.Type = "Runtime.OutOfMemory"
		e.Message = what + "out of memory"
		if r.exit.PeakMemory > 0 {
			e.Message += " at " + r.exit.PeakMemory.String()
		}
	default:
		e.Message = what + r.exit.String()
	}
	return e
}
