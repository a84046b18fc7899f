package link

import (
	"cmp"
	"context"
	"errors"
	"net"
	"os"

	"github.com/rousehq/rouse/runtime/wire"
)

// sockets is a way in which sockets get across the sandbox's wall.
type sockets interface {
	// listen listens on a port of the sandbox's loopback, 0 for any free one, and
	// has the agent keep the listener under name for the next host.
	listen(ctx context.Context, port int, name string) (net.Listener, error)
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

// asked has the agent open sockets. It passes their descriptors or, over TCP,
// carries their bytes.
type asked struct{ link *Link }

var _ sockets = asked{}

func (a asked) listen(ctx context.Context, port int, name string) (net.Listener, error) {
	m, beside, err := a.link.ask(ctx, wire.Message{Kind: wire.KindListen, Port: port, Name: name}, 1)
	if err != nil {
		return nil, err
	}
	return beside.listener(cmp.Or(port, m.Port))
}

func (a asked) dial(ctx context.Context, port int) (net.Conn, error) {
	_, beside, err := a.link.ask(ctx, wire.Message{Kind: wire.KindDial, Port: port}, 1)
	if err == nil {
		return beside.conn(port)
	}
	return nil, dialError(port, err)
}

func (a asked) free(ctx context.Context) (int, error) {
	m, _, err := a.link.ask(ctx, wire.Message{Kind: wire.KindFree}, 0)
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
