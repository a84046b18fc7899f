package link

import (
	"context"
	"errors"
	"net"
	"os"

	"github.com/rousehq/rouse/runtime/netns"
	"github.com/rousehq/rouse/runtime/wire"
)

// opened has the host open sockets itself, in the sandbox's network namespace.
type opened struct {
	link *Link
	ns   *netns.Namespace
}

var _ sockets = opened{}

// Enter has the host open the sandbox's sockets itself from now on, in the
// network namespace that ns names; nil is the host's own. The link owns ns. It
// is called before Launch or Resume, and at most once.
func (l *Link) Enter(ns *os.File) {
	o := opened{l, netns.New(ns)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shutDown {
		o.ns.Close()
		return
	}
	l.sockets, l.entered = o, o.ns
}

func (o opened) listen(_ context.Context, port int, name string) (net.Listener, error) {
	ln, err := o.ns.Listen(port)
	if err != nil {
		return nil, err
	}
	raw, err := ln.SyscallConn()
	if err == nil {
		ctlErr := raw.Control(func(fd uintptr) {
			err = o.link.tell(wire.Message{Kind: wire.KindHold, Name: name}, int(fd))
		})
		err = errors.Join(ctlErr, err)
	}
	if err != nil {
		ln.Close()
		return nil, err
	}
	return ln, nil
}

func (o opened) dial(ctx context.Context, port int) (net.Conn, error) {
	select {
	case <-o.link.lost: // whoever may listen there now is not the function any more
		return nil, o.link.errGone()
	default:
	}
	conn, err := o.ns.Dial(ctx, port)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

func (o opened) free(context.Context) (int, error) { return o.ns.Free() }
