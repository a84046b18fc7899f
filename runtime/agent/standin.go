package agent

import (
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse/runtime/relay"
	"github.com/rousehq/rouse/runtime/wire"
)

// lastBytes is how long an agent that ends goes on sending what was printed.
const lastBytes = 2 * time.Second

// standIn is to the agent what a host on the same kernel would be. It takes the
// agent's descriptors and carries their bytes to the host that is far, over a
// session's streams, and gives the agent descriptors where that host names
// streams.
type standIn struct {
	agent   *wire.Conn
	session *relay.Session
	socket  *os.File        // the session's
	ending  <-chan struct{} // closed when the agent ends
	lost    chan struct{}   // closed when the session has ended
	work    sync.WaitGroup
	outputs sync.WaitGroup // stdout and its like, which are counted in work, too

	mu    sync.Mutex
	local map[uint32]*os.File // what each stream leads to, in use
}

func newStandIn(agent *wire.Conn, session *relay.Session, socket *os.File, ending <-chan struct{}) *standIn {
	return &standIn{
		agent: agent, session: session, socket: socket, ending: ending,
		lost: make(chan struct{}), local: map[uint32]*os.File{},
	}
}

// run blocks until the host or the agent has ended the conversation. What the
// agent holds outlasts it.
func (s *standIn) run() {
	s.work.Go(s.fromAgent)
	for {
		m, streams, err := s.session.Recv()
		if err == nil {
			err = s.toAgent(m, streams)
		}
		if err != nil {
			break
		}
	}
	close(s.lost)
	s.agent.Close()
	_ = s.session.Close()
	s.mu.Lock()
	for _, file := range s.local {
		_ = file.SetDeadline(time.Unix(1, 0)) // wakes who waits for it
	}
	s.mu.Unlock()
	s.work.Wait()
}

// fromAgent passes on what the agent says until it has nothing more to say.
func (s *standIn) fromAgent() {
	for {
		m, files, err := s.agent.Recv()
		if err == nil {
			err = s.toHost(m, files)
		}
		if err != nil {
			break
		}
	}
	select {
	case <-s.ending:
		s.finish()
	default:
	}
	_ = s.session.Abort()
}

// finish has the host read everything that the function printed, and waits until
// it has hung up.
func (s *standIn) finish() {
	sent := make(chan struct{})
	s.work.Go(func() {
		s.outputs.Wait()
		_ = withFD(s.socket, func(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) })
		close(sent)
	})
	enough := time.NewTimer(lastBytes)
	defer enough.Stop()
	select {
	case <-sent:
	case <-enough.C:
		return
	}
	select {
	case <-s.lost:
	case <-enough.C:
	}
}

// toAgent says what the host said, with descriptors instead of streams.
func (s *standIn) toAgent(m wire.Message, streams []*relay.Stream) error {
	m.Streams = nil
	switch {
	case m.Kind == wire.KindStart && len(streams) == m.Start.Outputs():
		return s.start(m, streams)
	case m.Kind == wire.KindHold && len(streams) == 1:
		file := s.leadsTo(streams[0])
		if file == nil { // it has ended meanwhile
			return nil
		}
		return withFD(file, func(fd int) error { return s.agent.Send(m, fd) })
	}
	return s.agent.Send(m)
}

// start makes the function's pipes, of which the host is to read one end.
func (s *standIn) start(m wire.Message, streams []*relay.Stream) error {
	reads, writes := make([]int, len(streams)), make([]int, len(streams))
	for i := range streams {
		var ends [2]int
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
			return os.NewSyscallError("pipe2", err)
		}
		reads[i], writes[i] = ends[0], ends[1]
		if err := unix.SetNonblock(reads[i], true); err != nil {
			return err
		}
		// The function may open /dev/stdout anew, and to chown takes a right.
		if err := unix.Fchmod(writes[i], 0o666); err != nil {
			return os.NewSyscallError("fchmod", err)
		}
	}
	err := s.agent.Send(m, append(slices.Clone(writes), reads...)...)
	wire.CloseAll(writes)
	for i, stream := range streams {
		s.print(stream, os.NewFile(uintptr(reads[i]), "output"))
	}
	return err
}

// toHost says what the agent said, with a stream instead of its descriptor.
func (s *standIn) toHost(m wire.Message, files []int) error {
	if len(files) == 0 {
		return s.session.Send(m)
	}
	wire.CloseAll(files[1:]) // an agent answers with one at most
	file := os.NewFile(uintptr(files[0]), "function's")
	carry, err := s.carrier(files[0])
	var stream *relay.Stream
	if err == nil {
		stream, err = s.session.SendWith(m) // which has to come before the first byte
	}
	if err != nil {
		file.Close()
		return err
	}
	carry(stream, file)
	return nil
}

// carrier is what fits fd: a listener, a connection or a pipe.
func (s *standIn) carrier(fd int) (func(*relay.Stream, *os.File), error) {
	switch listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); {
	case err == unix.ENOTSOCK:
		return s.print, nil
	case err != nil:
		return nil, os.NewSyscallError("getsockopt", err)
	case listens != 0:
		return s.accept, nil
	}
	return s.carry, nil
}

func (s *standIn) leadsTo(stream *relay.Stream) *os.File {
	if stream == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.local[stream.Number()]
}

// withFD lends f's descriptor.
func withFD(f *os.File, use func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if ctlErr := raw.Control(func(fd uintptr) { err = use(int(fd)) }); ctlErr != nil {
		return ctlErr
	}
	return err
}
