package agent

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse/runtime/relay"
	"github.com/rousehq/rouse/runtime/wire"
)

// relayTimeout bounds connecting to a host over TCP, proofs included.
const relayTimeout = 5 * time.Second

// connectRelay looks for the host beside the loop, since it may be far.
func (a *agent) connectRelay() {
	a.dialing = true
	config, again := a.config, a.again
	a.helpers.Go(func() {
		conn, err := a.openRelay(config, again)
		posted := a.post(func() {
			a.dialing = false
			if err == nil {
				a.hello(conn, "")
			}
		})
		if !posted && err == nil {
			conn.Close()
		}
	})
}

// openRelay connects, proves itself, and starts what stands in for the host. It
// returns the agent's connection with that.
func (a *agent) openRelay(c Config, again bool) (*wire.Conn, error) {
	socket, err := a.reach(c.Relay)
	if err != nil {
		return nil, err
	}
	if err := a.within(socket, func() error { return relay.Greet(socket, c.ID, c.Token, again) }); err != nil {
		socket.Close()
		return nil, err
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		socket.Close()
		return nil, os.NewSyscallError("socketpair", err)
	}
	ours, err := wire.New(os.NewFile(uintptr(ends[0]), "relay"))
	theirs, err2 := wire.New(os.NewFile(uintptr(ends[1]), "agent"))
	if err := errors.Join(err, err2); err != nil {
		socket.Close()
		return nil, err
	}
	s := newStandIn(theirs, relay.New(socket, relay.Agent), socket, a.done)
	a.helpers.Go(s.run)
	return ours, nil
}

// within gives f some time, and less when the agent ends.
func (a *agent) within(socket *os.File, f func() error) error {
	if err := socket.SetDeadline(time.Now().Add(relayTimeout)); err != nil {
		return err
	}
	finished := make(chan struct{})
	a.helpers.Go(func() {
		select {
		case <-a.done:
			_ = socket.SetDeadline(time.Unix(1, 0))
		case <-finished:
		}
	})
	err := f()
	close(finished)
	return errors.Join(err, socket.SetDeadline(time.Time{}))
}

// reach connects to the host's address.
func (a *agent) reach(address string) (*os.File, error) {
	to, family, err := resolve(address)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(family, socketFlags, unix.IPPROTO_TCP)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	socket := os.NewFile(uintptr(fd), "host")
	err = unix.Connect(fd, to)
	if err == unix.EINPROGRESS {
		err = a.within(socket, func() error { return arrived(socket) })
	}
	if err == nil {
		err = patient(fd)
	}
	if err != nil {
		socket.Close()
		return nil, err
	}
	return socket, nil
}

// arrived blocks until socket is connected or cannot be.
func arrived(socket *os.File) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = raw.Write(func(fd uintptr) bool {
		result = outcome(int(fd))
		return result != unix.EINPROGRESS
	})
	return errors.Join(err, result)
}

// patient has small frames sent at once, and a host that vanished noticed.
func patient(fd int) error {
	for option, value := range map[int]int{
		unix.TCP_NODELAY: 1, unix.TCP_KEEPIDLE: 15, unix.TCP_KEEPINTVL: 5, unix.TCP_KEEPCNT: 3,
	} {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, option, value); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1))
}

// resolve reads IP:PORT, or NAME:PORT with a name that /etc/hosts knows. A
// resolver of the network's names would be larger than the agent.
func resolve(address string) (unix.Sockaddr, int, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		colon := strings.LastIndexByte(address, ':')
		if colon < 0 {
			return nil, 0, err
		}
		hosts, hostsErr := os.ReadFile("/etc/hosts")
		if hostsErr != nil {
			return nil, 0, hostsErr
		}
		to, err = netip.ParseAddrPort(known(string(hosts), address[:colon]) + address[colon:])
	}
	switch {
	case err != nil:
		return nil, 0, err
	case to.Addr().Unmap().Is4():
		return &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().Unmap().As4()}, syscall.AF_INET, nil
	}
	return &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}, syscall.AF_INET6, nil
}

// known is the IPv4 address that hosts has for a name, or "".
func known(hosts, name string) string {
	for line := range strings.Lines(hosts) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		for i, word := range words {
			if i > 0 && word == name && !strings.Contains(words[0], ":") {
				return words[0]
			}
		}
	}
	return ""
}
