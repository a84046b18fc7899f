package lambda

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rousehq/rouse"
)

const (
	// MaxEvent is AWS's limit on a synchronous invocation's payload.
	MaxEvent = 6 << 20
	// MaxResponse is AWS's limit on an answer; the 100 bytes are AWS's own.
	MaxResponse = 6<<20 + 100
	// MaxStream is AWS's limit on a streamed answer.
	MaxStream = 200 << 20

	// maxConns is how many connections one process may have open.
	maxConns = 64
	// lastWords is how long the connections of a process that has ended may take
	// to be read to their end, in case it answered before.
	lastWords = 20 * time.Millisecond
	// killTime bounds the wait for a process to be gone.
	killTime = time.Second
)

// Options are what a Target is told of its revision.
type Options struct {
	Timeout     time.Duration // of an event without a deadline
	MaxEvent    int           // bytes; 0 is MaxEvent
	MaxResponse int           // bytes; 0 is MaxResponse
	MaxStream   int           // bytes of a streamed answer; 0 is MaxStream
	ARN         string        // of an event without one
	Runtime     string        // for the log: what runs the code
	Version     string        // for the log and extensions; empty is $LATEST
	Function    string        // for extensions, as are the next two
	Handler     string
	Account     string
	Region      string         // for the log; empty is us-east-1
	Memory      rouse.Bytes    // for the log: the limit
	Provisioned bool           // the init belongs to no event
	Traced      bool           // the traces that begin here are sampled
	Logging     *rouse.Logging // what of the log is kept, as JSON; nil is a log of text
	Output      Output         // nil is nowhere
	// Imports is told what our bootstrap says that the code imported. Nil has it
	// not asked for.
	Imports func(modules []string)
	Log     *slog.Logger // nil discards
}

// Target speaks to one instance's process.
type Target struct {
	ep          rouse.Endpoint
	o           Options
	needRestart bool

	// ctx ends with the Target; work counts every goroutine it started.
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	// killing is held by whoever ends the process until it is gone.
	killing sync.Mutex

	// subs are who is sent telemetry; nil when nobody wants it.
	subs atomic.Pointer[[]*subscription]

	mu     sync.Mutex // guards all below
	closed bool
	phase  phase
	conns  map[*conn]struct{}
	parked []*conn // polls that wait for an event, the last one first to be served
	// current has been written to the process, which has not polled again since.
	current *invocation
	// waiting has come before the process polled.
	waiting *invocation
	alarm   *time.Timer // fires at the deadline of current or waiting

	// One run of the process.
	run       int
	watched   bool
	stopWatch context.CancelFunc
	exit      error         // how the run ended; nil while it goes on
	ending    bool          // the process is being ended by us
	inited    chan struct{} // closed when initErr is final
	initErr   error
	ext       extensions
	// telemetry ends with the run, and with it what delivers it; nil before the
	// first subscription.
	telemetry    context.Context
	endTelemetry context.CancelFunc
	rested       bool          // the init is over
	again        bool          // the init runs within an event
	began        time.Time     // when the init did
	polled       time.Time     // when the process first did; zero until then
	init         time.Duration // how long it took, until an event has reported it
	measured     reading       // of its memory
}

var _ rouse.EventTarget = (*Target)(nil)

// New serves ep's Runtime API until Close. For an adopted sandbox it goes on
// with the connections that were kept.
func New(ep rouse.Endpoint, o Options) *Target {
	if o.MaxEvent == 0 {
		o.MaxEvent = MaxEvent
	}
	if o.MaxResponse == 0 {
		o.MaxResponse = MaxResponse
	}
	if o.MaxStream == 0 {
		o.MaxStream = MaxStream
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	t := &Target{
		ep:     ep,
		o:      o,
		phase:  started,
		conns:  make(map[*conn]struct{}),
		inited: make(chan struct{}),
		began:  time.Now(),
	}
	if t.o.Output == nil {
		t.o.Output = nowhere{}
	}
	if t.o.Version == "" {
		t.o.Version = string(rouse.Latest)
	}
	t.o.Region = cmp.Or(t.o.Region, rouse.DefaultPlace.Region)
	if !ep.Started.IsZero() {
		t.began = ep.Started
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.alarm = time.AfterFunc(time.Hour, t.expire)
	t.alarm.Stop()
	if ep.Kept != nil {
		t.adopt(ep.Kept)
	} else {
		t.sayInitStart()
	}
	t.work.Go(t.accept)
	return t
}

// adopt takes over kept connections. A process that was at work when its host
// died has lost its answer's reader, so only one that waits is gone on with.
func (t *Target) adopt(kept *rouse.Kept) {
	_, waits := kept.Conns[kept.Waiting]
	t.needRestart = !waits
	t.mu.Lock() // a connection may have ended already
	defer t.mu.Unlock()
	for slot, nc := range kept.Conns {
		if !waits {
			nc.Close()
			continue
		}
		c := newConn(t, nc)
		c.slot = slot
		t.conns[c] = struct{}{}
		if slot == kept.Waiting {
			c.parked.Store(true)
			t.parked = append(t.parked, c)
			t.phase, t.rested = ready, true
			close(t.inited)
		}
		t.work.Go(c.serve)
	}
}

// NeedsRestart says that an adopted process was at work when its host died: it
// has to be restarted (Reset, Process.Restart) before Ready can succeed.
func (t *Target) NeedsRestart() bool { return t.needRestart }

// Ready blocks until the process has polled for its first event. It returns a
// StartFailed error when the init failed, with the error that the runtime
// reported, when the process ended, or when ctx's deadline passed.
func (t *Target) Ready(ctx context.Context) error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return rouse.ErrGone
	}
	t.watch()
	inited := t.inited
	t.mu.Unlock()
	select {
	case <-inited:
	case <-ctx.Done():
		if !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			return ctx.Err()
		}
		e := rouse.Errorf(rouse.StartFailed, "the runtime did not ask for its first event in time")
		e.Cause = context.DeadlineExceeded
		t.failInit(e) // which may have ended in the meantime, in some way
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.initErr == nil && t.exit != nil {
		return t.exitError(rouse.StartFailed, "")
	}
	return t.initErr
}

// Reset forgets the process that was: it closes every connection and fails what
// is open. It blocks until that process's watch has ended. The Runtime API goes
// on listening for the next process, whose exit Ready watches for.
func (t *Target) Reset() {
	t.reset(false)
	t.sayInitStart()
}

// reset is Reset for another init, which is the same one again when it runs
// within an event.
func (t *Target) reset(again bool) {
	t.mu.Lock()
	reason := cmp.Or(t.ext.reason, failedReason)
	t.mu.Unlock()
	t.dismiss(reason)
	t.killing.Lock() // whoever is ending the old process must not hit the new one
	defer t.killing.Unlock()
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return
	}
	t.needRestart = false
	then := t.forget(errReset)
	t.phase, t.exit, t.ending = started, nil, false
	t.inited, t.initErr = make(chan struct{}), nil
	t.began, t.polled, t.init, t.rested, t.ext, t.again = time.Now(), time.Time{}, 0, false, extensions{}, again
	t.mu.Unlock()
	then()
}

// Close closes the Runtime API with every connection and fails what is open. It
// blocks until every goroutine has ended, and is idempotent.
func (t *Target) Close() error {
	t.mu.Lock()
	alive := !t.closed && !t.gone()
	t.mu.Unlock()
	if alive {
		t.dismiss(spindown)
	}
	t.mu.Lock()
	then := func() {}
	if !t.closed {
		t.closed = true
		then = t.forget(rouse.ErrGone)
	}
	t.mu.Unlock()
	then()
	t.cancel()
	err := t.ep.RuntimeAPI.Close()
	t.work.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// forget ends the present run's bookkeeping. The caller holds mu, and calls
// what is returned without it.
func (t *Target) forget(reason error) func() {
	t.run++
	if t.stopWatch != nil {
		t.stopWatch()
	}
	t.watched, t.stopWatch = false, nil
	if t.endTelemetry != nil {
		t.endTelemetry()
		t.telemetry, t.endTelemetry = nil, nil
		t.subs.Store(nil)
	}
	conns := make([]*conn, 0, len(t.conns))
	for c := range t.conns {
		conns = append(conns, c)
	}
	clear(t.conns) // what is left in them means nothing anymore
	t.parked = nil
	text := "the process was replaced"
	if reason == rouse.ErrGone {
		text = goneText
	}
	then := t.fail(broken(rouse.FunctionError, reason, text))
	select {
	case <-t.inited:
	default:
		t.initErr = reason
		close(t.inited)
	}
	return func() {
		for _, c := range conns {
			c.hangUp()
		}
		then()
	}
}

var errReset = errors.New("the process is being restarted")

// acceptPause is how long nobody is taken in while there is no descriptor left.
const acceptPause = 50 * time.Millisecond

// accept takes connections until the listener is closed.
func (t *Target) accept() {
	for {
		nc, err := t.ep.RuntimeAPI.Accept()
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM) || errors.Is(err, syscall.ENOBUFS) {
			t.o.Log.Error("taking a connection to the Runtime API", "err", err)
			select {
			case <-time.After(acceptPause):
			case <-t.ctx.Done():
			}
			continue
		}
		if err != nil {
			if t.ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
				t.o.Log.Warn("the Runtime API has stopped listening", "err", err)
			}
			return
		}
		c := newConn(t, nc)
		t.mu.Lock()
		full := t.closed || len(t.conns) >= maxConns
		if !full {
			t.conns[c] = struct{}{}
		}
		t.mu.Unlock()
		if full {
			nc.Close()
			continue
		}
		t.work.Go(c.serve)
	}
}
