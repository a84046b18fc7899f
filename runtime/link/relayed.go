package link

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/runtime/relay"
	"github.com/rousehq/rouse/runtime/wire"
)

// strangers is how many TCP connections may be proving themselves at once.
const strangers = 256

// relayed is how a sandbox's agent reaches a host over TCP.
type relayed struct {
	Listen string `json:"listen"` // our IP:PORT
	Reach  string `json:"reach"`  // the same, as the agent sees it
}

// Relay has the agents of the sandboxes that are expected from now on connect
// over TCP instead of the socket in their folder. listen is our own IP:PORT; with
// port 0 it is the port of the sandboxes that an earlier host left, or a free
// one. reach is HOST:PORT as agents see it; without a host it is listen's, and
// with port 0 the port is. It is called once, and before Left. It does not block.
func (h *Host) Relay(listen, reach string) error {
	ln, err := h.listenRelay(listen)
	if err != nil {
		return err
	}
	at := ln.Addr().(*net.TCPAddr)
	host, port, err := net.SplitHostPort(cmp.Or(reach, ":0"))
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	if port == "0" {
		port = fmt.Sprint(at.Port)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.relay = &relayed{Listen: at.String(), Reach: net.JoinHostPort(cmp.Or(host, at.IP.String()), port)}
	h.listener = ln
	h.beside.Go(func() {
		acceptAll(ln.AcceptTCP, strangers, h.closed, h.log, func(socket *net.TCPConn, left func()) {
			h.beside.Go(func() { h.greetRelayed(socket, left) })
		})
	})
	return nil
}

// listenRelay prefers the address that agents know already.
func (h *Host) listenRelay(listen string) (*net.TCPListener, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, err
	}
	if port == "0" {
		for _, known := range h.knownRelays() {
			ip, port, err := net.SplitHostPort(known)
			if err != nil || ip != host {
				continue
			}
			ln, err := net.Listen("tcp", net.JoinHostPort(ip, port))
			if err == nil {
				return ln.(*net.TCPListener), nil
			}
			h.log.Warn("the agents of an earlier process cannot come back", "error", err)
			break
		}
	}
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, err
	}
	return ln.(*net.TCPListener), nil
}

func (h *Host) relays() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.relay != nil
}

// knownRelays are the addresses that records speak of.
func (h *Host) knownRelays() (list []string) {
	entries, err := os.ReadDir(h.dir)
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		rec, err := readRecord(filepath.Join(h.dir, entry.Name()), rouse.SandboxID(entry.Name()))
		if err == nil && rec.Relayed != nil {
			list = append(list, rec.Relayed.Listen)
		}
	}
	return list
}

// greetRelayed hears who has come over TCP. An agent is then served to its end;
// anybody else is shown the door.
func (h *Host) greetRelayed(socket *net.TCPConn, left func()) {
	l, err := h.meet(socket)
	left()
	if err != nil {
		socket.Close()
		h.log.Debug("refused a connection to the relay", "from", socket.RemoteAddr(), "error", err)
		return
	}
	l.serveRelayed(socket)
}

// meet finds out whose agent has come, and has it prove that.
func (h *Host) meet(socket *net.TCPConn) (*Link, error) {
	met := make(chan struct{})
	defer close(met)
	h.beside.Go(func() {
		select {
		case <-h.closed:
			socket.Close()
		case <-met:
		}
	})
	if err := socket.SetDeadline(time.Now().Add(helloTimeout)); err != nil {
		return nil, err
	}
	visitor, err := relay.Receive(socket)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	l := h.links[rouse.SandboxID(visitor.ID)]
	h.mu.Unlock()
	if l == nil {
		return nil, errors.New("no such sandbox")
	}
	token, err := l.relayToken(visitor.Again)
	if err != nil {
		return nil, err
	}
	if err := visitor.Check(token); err != nil {
		return nil, err
	}
	err = errors.Join(socket.SetDeadline(time.Time{}), socket.SetKeepAliveConfig(net.KeepAliveConfig{
		Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3,
	}))
	if err != nil {
		return nil, err
	}
	return l, l.enlist()
}

// relayToken is what the link's agent has to know.
func (l *Link) relayToken(again bool) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.record.Relayed == nil:
		return "", errors.New("this sandbox's agent does not come over TCP")
	case again:
		return relay.NextToken(l.record.Token, l.record.Reconnect), nil
	case l.record.Launched != nil:
		return "", errors.New("it runs something, and says that nobody has welcomed it before")
	}
	return l.record.Token, nil
}

// enlist counts the caller among what shut waits for, until serveRelayed returns.
func (l *Link) enlist() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shutDown {
		return l.errGone()
	}
	l.tasks.Add(1)
	return nil
}

// serveRelayed serves somebody who knows the token until the connection ends.
func (l *Link) serveRelayed(socket *net.TCPConn) {
	defer l.tasks.Done()
	session := relay.New(socket, relay.Host)
	defer session.Close()
	nobody := peer{} // the kernel does not know who is at the other end
	l.listenTo(distant{session}, func(hello wire.Message) error { return l.plausible(hello, nobody) }, nobody)
}

// startRelayed gives the agent the command. It makes the pipes there, whose
// output comes over a stream each.
func (l *Link) startRelayed(ctx context.Context, m wire.Message, ep *rouse.Endpoint) error {
	for i := range m.Start.Outputs() {
		output, err := l.session.Open()
		if err != nil {
			return l.errGone()
		}
		*outputsOf(ep)[i] = streamPipe{output}
		m.Streams = append(m.Streams, output.Number())
	}
	l.mu.Lock()
	l.present(1)
	l.mu.Unlock()
	if m.Start.Fork {
		return l.askToFork(ctx, m, ep)
	}
	return l.tell(m)
}

// keepRelayed is Keep for a connection that the agent carries.
func (k keeper) keepRelayed(conn streamConn) (int, error) {
	slot, err := k.link.takeSlot()
	if err != nil {
		return -1, err
	}
	err = k.link.tell(wire.Message{Kind: wire.KindHold, Name: keptName(slot), Streams: []uint32{conn.stream.Number()}})
	if err != nil {
		k.link.freeSlot(slot)
		return -1, err
	}
	return slot, nil
}
