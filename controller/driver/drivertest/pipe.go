package drivertest

import (
	"context"
	"io"
	"net"
	"sync"
	"syscall"
)

// pipeListener is a listener whose connections are net.Pipes.
type pipeListener struct {
	name   string
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func newPipeListener(name string) *pipeListener {
	l := &pipeListener{name: name, conns: make(chan net.Conn), closed: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.closed) })
	return l
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.close()
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr(l.name) }

// dial connects as soon as Accept takes the connection. A closed listener
// refuses, as a port does on which nothing listens.
func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	var err error
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		err = refused(l.Addr())
	case <-ctx.Done():
		err = ctx.Err()
	}
	ours.Close()
	theirs.Close()
	return nil, err
}

func refused(a net.Addr) error {
	return &net.OpError{Op: "dial", Net: a.Network(), Addr: a, Err: syscall.ECONNREFUSED}
}

type pipeAddr string

func (a pipeAddr) Network() string { return "pipe" }
func (a pipeAddr) String() string  { return string(a) }

// stream carries what the runs of a process print to whoever reads, and ends
// with the sandbox. As with a pipe that is full, a write waits for the reader.
type stream struct {
	chunks chan []byte
	ended  chan struct{}
	finish func()

	mu   sync.Mutex
	rest []byte
}

func newStream() *stream {
	o := &stream{chunks: make(chan []byte), ended: make(chan struct{})}
	o.finish = sync.OnceFunc(func() { close(o.ended) })
	return o
}

func (o *stream) Read(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.rest) == 0 {
		select {
		case o.rest = <-o.chunks:
		case <-o.ended:
			return 0, io.EOF
		}
	}
	n := copy(p, o.rest)
	o.rest = o.rest[n:]
	return n, nil
}

// Close has the writers fail from now on, as a pipe without a reader does.
func (o *stream) Close() error {
	o.finish()
	return nil
}

// writer is one run's end, which fails once the run is killed.
func (o *stream) writer(ctx context.Context) io.Writer { return &streamWriter{o, ctx} }

type streamWriter struct {
	o   *stream
	ctx context.Context // the run's life
}

func (w *streamWriter) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	select {
	case w.o.chunks <- append([]byte(nil), p...):
		return len(p), nil
	case <-w.o.ended:
		return 0, syscall.EPIPE
	case <-w.ctx.Done():
		return 0, w.ctx.Err()
	}
}
