package link

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/rousehq/rouse/runtime/relay"
	"github.com/rousehq/rouse/runtime/wire"
)

// channel is a connection with an agent.
type channel interface {
	// Send blocks while the agent does not read, for some seconds at most.
	Send(m wire.Message, files ...int) error
	// Recv blocks until a message comes, with what is beside it, the caller's.
	Recv() (wire.Message, things, error)
	SetReadDeadline(t time.Time) error
	// Close wakes Recv. It does not block.
	Close() error
}

// things are what comes beside a message: descriptors or, over TCP, streams.
type things struct {
	files   []int
	streams []*relay.Stream
}

func (t things) count() int { return len(t.files) + len(t.streams) }

// discard closes what nobody wants.
func (t things) discard() {
	wire.CloseAll(t.files)
	for _, stream := range t.streams {
		if stream != nil {
			stream.Close()
		}
	}
}

// listener takes the one thing for a TCP listener on port; 0 is any.
func (t things) listener(port int) (net.Listener, error) {
	if len(t.streams) > 0 {
		return streamListener{t.streams[0], streamAddr(port)}, nil
	}
	return asListener(t.files[0], port)
}

// kept takes the one thing for a TCP connection that came to port.
func (t things) kept(port int) (net.Conn, error) {
	if len(t.streams) > 0 {
		return streamConn{t.streams[0], streamAddr(port)}, nil
	}
	return asKept(t.files[0], port)
}

// conn takes the one thing for a TCP connection to port.
func (t things) conn(port int) (net.Conn, error) {
	if len(t.streams) > 0 {
		return streamConn{t.streams[0], streamAddr(port)}, nil
	}
	return asConn(t.files[0], port)
}

// pipe takes the one thing for the read end of a pipe.
func (t things) pipe(name string) (io.ReadCloser, error) {
	if len(t.streams) > 0 {
		return streamPipe{t.streams[0]}, nil
	}
	return asPipe(t.files[0], name)
}

// local is a channel on the same kernel.
type local struct{ *wire.Conn }

func (l local) Recv() (wire.Message, things, error) {
	m, files, err := l.Conn.Recv()
	return m, things{files: files}, err
}

// distant is a channel over TCP.
type distant struct{ *relay.Session }

var errNoDescriptors = errors.New("descriptors cannot be passed over TCP")

func (d distant) Send(m wire.Message, files ...int) error {
	if len(files) > 0 {
		return errNoDescriptors
	}
	return d.Session.Send(m)
}

func (d distant) Recv() (wire.Message, things, error) {
	m, streams, err := d.Session.Recv()
	return m, things{streams: streams}, err
}

func (d distant) Close() error { return d.Abort() }

var (
	_ channel = local{}
	_ channel = distant{}
)
