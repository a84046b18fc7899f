package link

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/runtime/netns"
	"github.com/rousehq/rouse/runtime/relay"
	"github.com/rousehq/rouse/runtime/wire"
)

// Link is the host's end of one sandbox's agent.
type Link struct {
	id    rouse.SandboxID
	host  *Host
	log   *slog.Logger
	root  string // the sandbox's folder on the host
	state *state

	proved  chan struct{} // closed when an agent has proved itself
	lost    chan struct{} // closed when its connection has ended, or the link was shut
	tasks   sync.WaitGroup
	restart chan struct{} // holds a token while a restart is under way

	mu       sync.Mutex
	record   record               // what the file says
	listener *net.UnixListener    // nil once an agent has proved itself
	greeting map[channel]struct{} // connections that have proved nothing yet
	conn     channel              // the agent's; stays set when it has ended
	agent    peer
	hello    wire.Message
	shutDown bool
	seq      uint64
	asked    map[uint64]chan answer // requests without an answer yet
	launched bool                   // Launch or Resume was called
	inspect  rouse.Inspect
	run      *run         // the present one; nil before the first
	runs     map[int]*run // present and next
	slots    map[int]bool // in use by Keep
	sockets  sockets
	session  *relay.Session   // nil unless the agent came over TCP
	entered  *netns.Namespace // nil unless the host opens the sockets
}

func (h *Host) newLink(id rouse.SandboxID, rec record) *Link {
	l := &Link{
		id:       id,
		host:     h,
		log:      h.log.With("sandbox", id),
		root:     filepath.Join(h.dir, string(id)),
		record:   rec,
		proved:   make(chan struct{}),
		lost:     make(chan struct{}),
		restart:  make(chan struct{}, 1),
		greeting: map[channel]struct{}{},
		asked:    map[uint64]chan answer{},
		runs:     map[int]*run{},
		slots:    map[int]bool{},
	}
	l.sockets = asked{l}
	return l
}

// create makes the files of a new sandbox and listens.
func (l *Link) create() error {
	if dir := l.Dir(); dir != "" {
		// Other users may pass through, to the socket, and see nothing else.
		if err := os.Mkdir(dir, 0o711); err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o711); err != nil { // whatever the umask is
			return err
		}
	}
	if err := l.record.write(l.root); err != nil {
		return err
	}
	var err error
	if l.state, err = createState(l.root); err != nil {
		return err
	}
	if err := l.listen(); err != nil {
		l.state.close()
		return err
	}
	return nil
}

// open listens again for the agent of an earlier host process.
func (l *Link) open() error {
	var err error
	if l.state, err = openState(l.root); err != nil {
		return err
	}
	if err := l.listen(); err != nil {
		l.state.close()
		return err
	}
	return nil
}

// ID is the sandbox's.
func (l *Link) ID() rouse.SandboxID { return l.id }

// Dir is the host's folder with the agent's socket in it, or "" when the agent
// comes over TCP.
func (l *Link) Dir() string {
	if l.record.Relayed != nil {
		return ""
	}
	return filepath.Join(l.root, "s")
}

// Env is what the agent's environment must hold, given the path of Dir as the
// agent sees it.
func (l *Link) Env(dir string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	way := wire.EnvDir + "=" + dir
	if l.record.Relayed != nil {
		way = wire.EnvRelay + "=" + l.record.Relayed.Reach
	}
	return []string{
		way,
		wire.EnvID + "=" + string(l.id),
		wire.EnvToken + "=" + l.record.Token,
		wire.EnvReconnect + "=" + l.host.reconnect.String(),
	}
}

// Note adds a word about the sandbox to its record. It is on disk when Note returns.
func (l *Link) Note(key, value string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.record.Notes[key] = value
	return l.record.write(l.root)
}

// Notes are the record's words.
func (l *Link) Notes() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.record.Notes)
}

// Connected blocks until the agent has connected and proved itself, or ctx
// ends. It returns ErrGone when it has gone again.
func (l *Link) Connected(ctx context.Context) error {
	select {
	case <-l.lost:
		return l.errGone()
	default:
	}
	select {
	case <-l.proved:
		return nil
	case <-l.lost:
		return l.errGone()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Lost is closed when the agent's connection has ended, and by Close.
func (l *Link) Lost() <-chan struct{} { return l.lost }

// Close ends the connection and removes the socket and the record. It does not
// end the agent: that is Terminate's, or the driver's. It blocks until nothing
// of the link runs, and is idempotent. What Launch returned stays its caller's.
func (l *Link) Close() error {
	l.shut()
	l.host.forget(l)
	return os.RemoveAll(l.root)
}

// shut ends all that runs for the link and leaves its files.
func (l *Link) shut() {
	l.mu.Lock()
	if !l.shutDown {
		l.shutDown = true
		if l.conn == nil {
			close(l.lost) // nobody else will
		} else {
			l.conn.Close()
		}
		l.stopGreeting()
		if l.entered != nil {
			l.entered.Close()
		}
	}
	l.mu.Unlock()
	l.tasks.Wait()
	l.state.close()
}
