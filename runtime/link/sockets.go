package link

import (
	"context"
	"errors"
	"net"
	"os"

	"github.com/rousehq/rouse/runtime/wire"
)

// sockets is a way in which sockets get across the sandbox's wall.
type sockets interface {
	// listen listens on a port of the sandbox's loopback, 0 for any free one, and
	// has the agent keep the listener for the next host.
	listen(ctx context.Context, port int) (net.Listener, error)
	// dial connects to a port there. It fails at once while nobody listens, with an
	// error that is ECONNREFUSED.
	dial(ctx context.Context, port int) (net.Conn, error)
	// free finds a port that nobody uses there.
	free(ctx context.Context) (port int, err error)
}

// way is how sockets get across.
func (l *Link) way() sockets {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sockets
}

// passed has the agent open sockets and pass their descriptors.
type passed struct{ link *Link }

var _ sockets = passed{}

func (p passed) listen(ctx context.Context, port int) (net.Listener, error) {
	_, files, err := p.link.ask(ctx, wire.Message{Kind: wire.KindListen, Port: port}, 1)
	if err != nil {
		return nil, err
	}
	return asListener(files[0], port)
}

func (p passed) dial(ctx context.Context, port int) (net.Conn, error) {
	_, files, err := p.link.ask(ctx, wire.Message{Kind: wire.KindDial, Port: port}, 1)
	if err == nil {
		return asConn(files[0], port)
	}
	return nil, dialError(port, err)
}

func (p passed) free(ctx context.Context) (int, error) {
	m, _, err := p.link.ask(ctx, wire.Message{Kind: wire.KindFree}, 0)
	return m.Port, err
}

// dialError is what net.Dial would say where the agent says err.
func dialError(port int, err error) error {
	var r *refusal
	if errors.As(err, &r) && r.errno != 0 {
		err = os.NewSyscallError("connect", r.errno)
	}
	return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}, Err: err}
}
