package link

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rousehq/rouse"
)

// Options are a Host's settings; the zero value has sensible ones.
type Options struct {
	// Reconnect is how long an agent waits for a lost host before it ends its
	// sandbox. 0 is a minute.
	Reconnect time.Duration
	Log       *slog.Logger // nil discards
}

// Host owns the links of one data directory.
type Host struct {
	dir       string
	reconnect time.Duration
	log       *slog.Logger

	closed chan struct{}  // closed by Close
	beside sync.WaitGroup // what serves the relay
	once   sync.Once

	mu       sync.Mutex
	links    map[rouse.SandboxID]*Link
	relay    *relayed         // nil unless agents come over TCP
	listener *net.TCPListener // the relay's
}

// New makes a Host that keeps its sandboxes' folders in dir, which it creates.
// No other Host may use dir at the same time.
func New(dir string, o Options) (*Host, error) {
	if o.Reconnect <= 0 {
		o.Reconnect = time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &Host{dir: dir, reconnect: o.Reconnect, log: o.Log, closed: make(chan struct{}), links: map[rouse.SandboxID]*Link{}}, nil
}

// Expect makes the socket and the record of a new sandbox. It does not block.
// An id that was used before is a Conflict.
func (h *Host) Expect(id rouse.SandboxID) (*Link, error) {
	if !validID(id) {
		return nil, rouse.Errorf(rouse.Invalid, "sandbox id %q: use 1 to 64 letters, digits, '-', '_' or '.'", id)
	}
	rec := newRecord(id)
	h.mu.Lock()
	rec.Relayed = h.relay
	h.mu.Unlock()
	l := h.newLink(id, rec)
	if err := os.Mkdir(l.root, 0o700); os.IsExist(err) {
		return nil, rouse.Errorf(rouse.Conflict, "sandbox %s exists", id)
	} else if err != nil {
		return nil, err
	}
	if err := l.create(); err != nil {
		os.RemoveAll(l.root)
		return nil, err
	}
	h.add(l)
	return l, nil
}

// Left lists the sandboxes that have a record from an earlier host process, and
// listens for their agents again. A folder whose record cannot be read is
// removed: nothing in it could be believed.
func (h *Host) Left() ([]*Link, error) {
	entries, err := os.ReadDir(h.dir)
	if err != nil {
		return nil, err
	}
	var left []*Link
	for _, entry := range entries {
		id := rouse.SandboxID(entry.Name())
		root := filepath.Join(h.dir, entry.Name())
		if !entry.IsDir() || !validID(id) || h.knows(id) {
			continue
		}
		rec, err := readRecord(root, id)
		var l *Link
		if err == nil {
			l = h.newLink(id, rec)
			err = l.open()
		}
		if err != nil {
			h.log.Warn("forgetting a sandbox of an earlier process", "sandbox", id, "error", err)
			if err := os.RemoveAll(root); err != nil {
				return left, err
			}
			continue
		}
		h.add(l)
		left = append(left, l)
	}
	return left, nil
}

// Close ends every connection and leaves sockets and records, so that another
// Host can take the sandboxes over. It blocks until nothing of the host runs.
func (h *Host) Close() error {
	h.mu.Lock()
	links := h.links
	h.links = map[rouse.SandboxID]*Link{}
	listener := h.listener
	h.mu.Unlock()
	h.once.Do(func() { close(h.closed) })
	if listener != nil {
		listener.Close()
	}
	for _, l := range links {
		l.shut()
	}
	h.beside.Wait()
	return nil
}

func (h *Host) add(l *Link) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.links[l.id] = l
}

func (h *Host) knows(id rouse.SandboxID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.links[id] != nil
}

func (h *Host) forget(l *Link) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.links[l.id] == l {
		delete(h.links, l.id)
	}
}

// validID keeps ids from being anything but one path component.
func validID(id rouse.SandboxID) bool {
	if id == "" || len(id) > 64 || id[0] == '.' {
		return false
	}
	for _, c := range []byte(id) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}

// errGone says which sandbox it was.
func (l *Link) errGone() error { return fmt.Errorf("sandbox %s: %w", l.id, rouse.ErrGone) }
