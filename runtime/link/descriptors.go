package link

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse/runtime/wire"
)

// asListener takes fd, which the agent says is a TCP listener on port; port 0 is any.
func asListener(fd, port int) (net.Listener, error) {
	f := os.NewFile(uintptr(fd), "agent's listener")
	defer f.Close()
	if err := checkTCP(fd, 1); err != nil {
		return nil, fmt.Errorf("listener from the agent: %w", err)
	}
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	at, ok := ln.Addr().(*net.TCPAddr)
	if !ok || !at.IP.IsLoopback() || port != 0 && at.Port != port {
		ln.Close()
		return nil, fmt.Errorf("listener from the agent: it is at %v", ln.Addr())
	}
	return ln, nil
}

// asConn takes fd, which the agent says is a TCP connection to port.
func asConn(fd, port int) (net.Conn, error) {
	conn, err := connected(fd)
	if err != nil {
		return nil, err
	}
	if !isAt(conn.RemoteAddr(), port) {
		conn.Close()
		return nil, errors.New("connection from the agent: not to where it was asked to connect")
	}
	return conn, nil
}

// asKept takes fd, which the agent says is a connection that it kept: one that
// the function made to port.
func asKept(fd, port int) (net.Conn, error) {
	conn, err := connected(fd)
	if err != nil {
		return nil, err
	}
	if !isAt(conn.LocalAddr(), port) {
		conn.Close()
		return nil, errors.New("kept connection from the agent: not to the Runtime API")
	}
	return conn, nil
}

// isAt says whether addr is a port of a loopback address.
func isAt(addr net.Addr, port int) bool {
	at, ok := addr.(*net.TCPAddr)
	return ok && at.Port == port && at.IP.IsLoopback()
}

// connected takes fd, which should be a TCP connection.
func connected(fd int) (*net.TCPConn, error) {
	f := os.NewFile(uintptr(fd), "agent's connection")
	defer f.Close()
	if err := checkTCP(fd, 0); err != nil {
		return nil, fmt.Errorf("connection from the agent: %w", err)
	}
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		conn.Close()
		return nil, errors.New("connection from the agent: not TCP")
	}
	if tcp.RemoteAddr() == nil {
		conn.Close()
		return nil, errors.New("connection from the agent: not connected")
	}
	return tcp, tcp.SetNoDelay(true) // as net.Dial does
}

// checkTCP says what is wrong with fd being a TCP socket that accepts
// connections (1) or does not (0).
func checkTCP(fd, accepts int) error {
	for _, want := range []struct {
		option int
		name   string
		is     func(int) bool
	}{
		{unix.SO_TYPE, "type", func(v int) bool { return v == unix.SOCK_STREAM }},
		{unix.SO_DOMAIN, "domain", func(v int) bool { return v == unix.AF_INET || v == unix.AF_INET6 }},
		{unix.SO_PROTOCOL, "protocol", func(v int) bool { return v == unix.IPPROTO_TCP }},
		{unix.SO_ACCEPTCONN, "state", func(v int) bool { return v == accepts }},
	} {
		v, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, want.option)
		if err != nil {
			return os.NewSyscallError("getsockopt", err)
		}
		if !want.is(v) {
			return fmt.Errorf("its %s is %d", want.name, v)
		}
	}
	return nil
}

// asPipe takes fd, which the agent says is the read end of a pipe.
func asPipe(fd int, name string) (io.ReadCloser, error) {
	var stat unix.Stat_t
	err := unix.Fstat(fd, &stat)
	var flags int
	if err == nil {
		flags, err = unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	}
	if err == nil && (stat.Mode&unix.S_IFMT != unix.S_IFIFO || flags&unix.O_ACCMODE != unix.O_RDONLY) {
		err = errors.New("not the read end of a pipe")
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("%s from the agent: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// pipe makes a pipe for a function's output. The function's end blocks, as
// programs expect, and belongs to its user, who may open /dev/stdout anew.
func pipe(name string, uid, gid int) (r *os.File, w int, err error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, -1, os.NewSyscallError("pipe2", err)
	}
	err = unix.SetNonblock(ends[0], true)
	if err == nil && os.Geteuid() == 0 {
		err = unix.Fchown(ends[1], uid, gid)
	}
	if err != nil {
		wire.CloseAll(ends[:])
		return nil, -1, err
	}
	return os.NewFile(uintptr(ends[0]), name), ends[1], nil
}
