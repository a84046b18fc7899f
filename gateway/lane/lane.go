package lane

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// maxBody is the largest body that the lane takes in. What a handler leaves of
// it is read after the answer, so that the connection can go on.
const maxBody = 256 << 10

// Lane is both a Handler, around the one of an http.Server, and a Listener, from
// which the same server takes the connections that are given back.
type Lane struct {
	pick  func(*http.Request) http.Handler
	other http.Handler
	idle  time.Duration
	log   *slog.Logger

	back     chan net.Conn
	stopping atomic.Bool // answers are the last of their connections; set under mu
	closed   chan struct{}
	closing  sync.Once

	mu    sync.Mutex
	conns map[*conn]struct{}
	work  sync.WaitGroup // one for each of conns, added under mu while the lane does not stop
}

var (
	_ http.Handler = (*Lane)(nil)
	_ net.Listener = (*Lane)(nil)
)

// Config is what a Lane needs.
type Config struct {
	// Pick is the handler of a request that is the lane's: one that answers it
	// whole. It is nil for all others.
	Pick func(*http.Request) http.Handler
	// Other handles what is not the lane's.
	Other http.Handler
	// Idle is how long a connection may be silent between requests.
	Idle time.Duration
	Log  *slog.Logger
}

// New makes a lane. Shutdown ends it.
func New(c Config) *Lane {
	return &Lane{
		pick: c.Pick, other: c.Other, idle: c.Idle, log: c.Log,
		back: make(chan net.Conn), closed: make(chan struct{}), conns: make(map[*conn]struct{}),
	}
}

// ServeHTTP takes the connection of a request that is the lane's along.
func (l *Lane) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := l.pick(r); h == nil || !plain(r) || !l.take(h, w, r) {
		l.other.ServeHTTP(w, r)
	}
}

// take has a goroutine of the lane's answer r, and what follows it. It returns
// false when the server below keeps the connection.
func (l *Lane) take(h http.Handler, w http.ResponseWriter, r *http.Request) bool {
	if !l.enter() {
		return false
	}
	nc, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		l.work.Done()
		return false
	}
	ahead, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	c := newConn(l, nc, ahead)
	l.mu.Lock()
	l.conns[c] = struct{}{}
	l.mu.Unlock()
	go c.serve(h, r)
	return true
}

// enter counts a connection that is about to come, unless the lane stops.
func (l *Lane) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopping.Load() {
		return false
	}
	l.work.Add(1)
	return true
}

// leave forgets c, whose connection has ended or went back.
func (l *Lane) leave(c *conn) {
	l.mu.Lock()
	delete(l.conns, c)
	l.mu.Unlock()
	l.work.Done()
}

// giveBack has the server go on with a connection, of which ahead was read and
// not served.
func (l *Lane) giveBack(nc net.Conn, ahead []byte) {
	select {
	case l.back <- &resumed{Conn: nc, ahead: ahead}:
	case <-l.closed:
		nc.Close()
	}
}

// Accept blocks until a connection is given back, or the lane is closed: then it
// returns http.ErrServerClosed.
func (l *Lane) Accept() (net.Conn, error) {
	select {
	case nc := <-l.back:
		return nc, nil
	case <-l.closed:
		return nil, http.ErrServerClosed
	}
}

// Close gives no connection back any more. The server calls it when it stops;
// it may be called often.
func (l *Lane) Close() error {
	l.closing.Do(func() { close(l.closed) })
	return nil
}

// Addr is no address: connections come from the server's other listeners.
func (l *Lane) Addr() net.Addr { return addr{} }

type addr struct{}

func (addr) Network() string { return "lane" }
func (addr) String() string  { return "lane" }

// Shutdown closes silent connections at once and the others when they have been
// answered, and blocks until there are none. When ctx ends it closes those that
// are left, and returns its error.
func (l *Lane) Shutdown(ctx context.Context) error {
	l.mu.Lock()
	l.stopping.Store(true)
	l.mu.Unlock()
	l.Close()
	l.each(func(c *conn) {
		if !c.busy.Load() { // if it becomes so now, it knows that we stop
			c.nc.Close()
		}
	})
	done := make(chan struct{})
	go func() {
		l.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		l.each(func(c *conn) { c.nc.Close() })
		return ctx.Err()
	}
}

func (l *Lane) each(do func(*conn)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		do(c)
	}
}
