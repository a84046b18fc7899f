package link

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse/runtime/wire"
)

const (
	greetings    = 8               // connections that may be proving themselves at once
	helloTimeout = 5 * time.Second // for the proof
	acceptPause  = 50 * time.Millisecond
)

// listen opens the socket. The folder is named by a descriptor, since a unix
// address holds only 108 bytes and a data directory may lie deep.
func (l *Link) listen() error {
	if l.record.Relayed != nil { // its agent comes to the host's own listener
		return nil
	}
	socket := filepath.Join(l.Dir(), wire.SocketName)
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		return err
	}
	dir, err := unix.Open(l.Dir(), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: l.Dir(), Err: err}
	}
	defer unix.Close(dir)
	ln, err := net.ListenUnix("unixpacket", &net.UnixAddr{
		Net:  "unixpacket",
		Name: fmt.Sprintf("/proc/self/fd/%d/%s", dir, wire.SocketName),
	})
	if err != nil {
		return err
	}
	ln.SetUnlinkOnClose(false) // that path means something else by then
	if err := os.Chmod(socket, 0o666); err != nil {
		ln.Close()
		return err
	}
	l.listener = ln
	l.tasks.Go(func() {
		acceptAll(ln.AcceptUnix, greetings, l.lost, l.log, func(socket *net.UnixConn, left func()) {
			l.tasks.Go(func() {
				defer left()
				l.greet(socket)
			})
		})
	})
	return nil
}

// acceptAll gives greet whoever comes until the listener is closed, which goes with
// the closing of over. At most room of them are being greeted at once: greet does not
// block, and left is called when it is over.
func acceptAll[Socket net.Conn](accept func() (Socket, error), room int, over <-chan struct{}, log *slog.Logger, greet func(_ Socket, left func())) {
	places := make(chan struct{}, room)
	for {
		socket, err := accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no descriptors left, most likely
			log.Error("accepting an agent", "error", err)
			select {
			case <-time.After(acceptPause):
			case <-over:
			}
			continue
		}
		select {
		case places <- struct{}{}:
			greet(socket, func() { <-places })
		case <-over:
			socket.Close()
			return
		}
	}
}

// greet hears who has come. The agent itself is then served to its end;
// anybody else is shown the door.
func (l *Link) greet(socket *net.UnixConn) {
	conn, err := wire.New(socket)
	if err != nil {
		socket.Close()
		return
	}
	defer conn.Close()
	who, err := peerOf(conn)
	if err != nil {
		return
	}
	l.listenTo(local{conn}, func(hello wire.Message) error { return l.prove(hello, who) }, who)
}

// listenTo hears one that has come until it is gone: the agent, if prove says so.
func (l *Link) listenTo(conn channel, prove func(hello wire.Message) error, who peer) {
	if !l.hear(conn) {
		return
	}
	_ = conn.SetReadDeadline(time.Now().Add(helloTimeout))
	hello, beside, err := conn.Recv()
	beside.discard()
	if err == nil {
		err = l.admit(conn, hello, prove, who)
	}
	if err != nil {
		l.unhear(conn)
		l.log.Debug("refused a connection to the agent's socket", "error", err)
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	l.serve(conn)
}

// hear counts conn among those that have proved nothing yet.
func (l *Link) hear(conn channel) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shutDown || l.conn != nil {
		return false
	}
	l.greeting[conn] = struct{}{}
	return true
}

func (l *Link) unhear(conn channel) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.greeting, conn)
}

// admit makes conn the agent's connection if hello proves it, and welcomes it.
func (l *Link) admit(conn channel, hello wire.Message, prove func(wire.Message) error, who peer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := prove(hello); err != nil {
		return err
	}
	if l.shutDown || l.conn != nil {
		return errors.New("another agent was first")
	}
	if err := conn.Send(wire.Message{Kind: wire.KindWelcome, Token: l.record.Reconnect}); err != nil {
		return err
	}
	delete(l.greeting, conn)
	l.stopGreeting()
	l.conn, l.agent, l.hello = conn, who, hello
	if d, ok := conn.(distant); ok {
		l.session = d.Session
	}
	if hello.Run > 0 {
		l.present(hello.Run)
		if hello.Exit != nil {
			l.exited(*hello.Exit)
		}
	}
	close(l.proved)
	return nil
}

// prove checks hello against the record. l.mu is held.
func (l *Link) prove(hello wire.Message, who peer) error {
	proved := sameToken(hello.Token, l.record.Reconnect)
	if l.record.Launched == nil { // the first one may not have been replaced yet
		proved = proved || sameToken(hello.Token, l.record.Token)
	}
	if !proved {
		return errors.New("wrong token")
	}
	return l.plausible(hello, who)
}

// plausible says what the record has against somebody who knows the token. l.mu
// is held.
func (l *Link) plausible(hello wire.Message, who peer) error {
	switch {
	case hello.Kind != wire.KindHello || hello.ID != string(l.id):
		return errors.New("not a hello of this sandbox's agent")
	case l.record.Launched != nil && !l.record.Launched.Agent.same(who):
		return fmt.Errorf("process %d of user %d instead of the agent", who.PID, who.UID)
	case l.record.Launched == nil && hello.Run != 0:
		return errors.New("it runs what nobody gave it")
	}
	return nil
}

func sameToken(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// stopGreeting closes the socket and whoever waits there. l.mu is held.
func (l *Link) stopGreeting() {
	if l.listener != nil {
		l.listener.Close()
		l.listener = nil
		_ = os.Remove(filepath.Join(l.Dir(), wire.SocketName))
	}
	for conn := range l.greeting {
		conn.Close()
	}
}

// peerOf asks the kernel who is at the other end.
func peerOf(conn *wire.Conn) (peer, error) {
	var cred *unix.Ucred
	var err error
	if ctlErr := conn.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); ctlErr != nil {
		return peer{}, ctlErr
	}
	if err != nil {
		return peer{}, os.NewSyscallError("SO_PEERCRED", err)
	}
	return peer{PID: int(cred.Pid), UID: int(cred.Uid)}, nil
}
