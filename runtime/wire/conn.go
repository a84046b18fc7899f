package wire

import (
	"errors"
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// sendTimeout is how long a peer may leave its end unread before it counts as gone.
const sendTimeout = 5 * time.Second

var errTruncated = errors.New("a message or its descriptors are over the limit")

// Socket is a connected, non-blocking SOCK_SEQPACKET socket: an *os.File or a
// *net.UnixConn.
type Socket interface {
	syscall.Conn
	io.Closer
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// Conn sends and receives messages. One goroutine may receive while others send.
type Conn struct {
	socket Socket
	raw    syscall.RawConn

	sending sync.Mutex // one message at a time, since the deadline is the socket's
}

// New makes a Conn that owns s.
func New(s Socket) (*Conn, error) {
	raw, err := s.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &Conn{socket: s, raw: raw}, nil
}

// Connect reaches the socket at path, which must be short enough for a unix
// address. It does not block; a host that is too busy to accept is an error.
func Connect(path string) (*Conn, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		syscall.Close(fd)
		return nil, os.NewSyscallError("connect", err)
	}
	return New(os.NewFile(uintptr(fd), path))
}

// Close ends the connection and wakes Send and Recv.
func (c *Conn) Close() error { return c.socket.Close() }

// SetReadDeadline makes a Recv fail that blocks longer than until t; zero is never.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.socket.SetReadDeadline(t) }

// Control calls f with the socket's descriptor.
func (c *Conn) Control(f func(fd uintptr)) error { return c.raw.Control(f) }

// Send sends m with duplicates of files, which stay the caller's. It blocks
// while the peer does not read, at most a few seconds; after an error of the
// socket the connection is of no more use.
func (c *Conn) Send(m Message, files ...int) error {
	if len(files) > MaxFiles {
		return errors.New("more than " + strconv.Itoa(MaxFiles) + " descriptors in a message")
	}
	b, err := Encode(m)
	if err != nil {
		return err
	}
	var oob []byte
	if len(files) > 0 {
		oob = syscall.UnixRights(files...)
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	if err := c.socket.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return err
	}
	var sent error
	err = c.raw.Write(func(fd uintptr) bool {
		for {
			_, sent = syscall.SendmsgN(int(fd), b, oob, nil, syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT)
			if sent != syscall.EINTR {
				return sent != syscall.EAGAIN
			}
		}
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("sendmsg", sent)
}

// buffers are taken only when there is something to read, so that the many
// connections that wait cost none.
var buffers = sync.Pool{New: func() any { return new([MaxSize]byte) }}

// Recv blocks until a message comes. Its descriptors, close-on-exec, are the
// caller's. It returns io.EOF when the peer has closed; after any error the
// connection is of no more use.
func (c *Conn) Recv() (m Message, files []int, err error) {
	var got error
	err = c.raw.Read(func(fd uintptr) bool {
		buf := buffers.Get().(*[MaxSize]byte)
		defer buffers.Put(buf)
		m, files, got = receive(int(fd), buf)
		return got != syscall.EAGAIN
	})
	if err == nil {
		err = got
	}
	return m, files, err
}

func receive(fd int, buf *[MaxSize]byte) (Message, []int, error) {
	oob := make([]byte, syscall.CmsgSpace(MaxFiles*4))
	n, oobn, flags, _, err := syscall.Recvmsg(fd, buf[:], oob, syscall.MSG_CMSG_CLOEXEC|syscall.MSG_DONTWAIT)
	for err == syscall.EINTR {
		n, oobn, flags, _, err = syscall.Recvmsg(fd, buf[:], oob, syscall.MSG_CMSG_CLOEXEC|syscall.MSG_DONTWAIT)
	}
	if err != nil {
		return Message{}, nil, err
	}
	files, err := rights(oob[:oobn])
	if err == nil && flags&(syscall.MSG_TRUNC|syscall.MSG_CTRUNC) != 0 {
		err = errTruncated
	}
	if err == nil && n == 0 {
		err = io.EOF
	}
	var m Message
	if err == nil {
		m, err = Decode(buf[:n])
	}
	if err != nil {
		CloseAll(files)
		return Message{}, nil, err
	}
	return m, files, nil
}

// rights returns every descriptor in oob, also beside an error.
func rights(oob []byte) (files []int, err error) {
	if len(oob) == 0 {
		return nil, nil
	}
	messages, err := syscall.ParseSocketControlMessage(oob)
	for _, m := range messages {
		if m.Header.Level != syscall.SOL_SOCKET || m.Header.Type != syscall.SCM_RIGHTS {
			continue
		}
		got, parseErr := syscall.ParseUnixRights(&m)
		files = append(files, got...)
		err = errors.Join(err, parseErr)
	}
	return files, err
}

// CloseAll closes descriptors that came with a message nobody wants.
func CloseAll(files []int) {
	for _, fd := range files {
		syscall.Close(fd)
	}
}
