package docker

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/docker/mount"
	"github.com/rousehq/rouse/controller/driver/internal/cgroup"
)

// crossing is how sockets get across the walls of this driver's sandboxes.
type crossing struct {
	mu  sync.Mutex
	way driver.Sockets
	why string
}

var _ driver.Crosser = (*Driver)(nil)

// choose chooses the way and says why. foreign is why the engine has another
// kernel; it is returned when no way leads there. What was forced and cannot be
// is an Unavailable error.
func choose(o Options, foreign error) (way driver.Sockets, why string, err error) {
	auto := o.Sockets == "" || o.Sockets == driver.SocketsAuto
	switch {
	case o.Sockets == driver.SocketsRelay:
		return o.Sockets, "--sockets relay", nil
	case foreign != nil && o.Relay != "" && auto:
		return driver.SocketsRelay, "the engine runs on another kernel", nil
	case foreign != nil:
		return "", "", foreign
	case o.Sockets == driver.SocketsHost && o.NoEntry != nil:
		return "", "", rouse.Errorf(rouse.Unavailable, "sockets host: network namespaces cannot be entered from here: %w; give auto or agent", o.NoEntry)
	case !auto:
		return o.Sockets, "--sockets " + string(o.Sockets), nil
	case o.NoEntry != nil:
		return driver.SocketsAgent, "network namespaces cannot be entered from here: " + o.NoEntry.Error(), nil
	}
	return driver.SocketsHost, "network namespaces can be entered", nil
}

// Sockets is the way that new sandboxes use, and why.
func (d *Driver) Sockets() (driver.Sockets, string) {
	d.crossing.mu.Lock()
	defer d.crossing.mu.Unlock()
	return d.way, d.why
}

// passOn has agents open the sockets from now on, since the host could not.
func (d *Driver) passOn(err error) {
	d.crossing.mu.Lock()
	defer d.crossing.mu.Unlock()
	if d.way != driver.SocketsHost {
		return
	}
	d.way, d.why = driver.SocketsAgent, err.Error()
	d.Log.Warn("sandboxes' network namespaces cannot be entered; agents open the sockets and pass them", "error", err)
}

// enter gives the link the sandbox's network namespace, when the host is to
// open the sockets. Only where that is demanded is it an error that it cannot.
func (s *sandbox) enter() error {
	if way, _ := s.d.Sockets(); way != driver.SocketsHost {
		return nil
	}
	ns, err := s.network()
	switch {
	case err == nil:
		s.link.Enter(ns)
		return nil
	case s.d.Options.Sockets == driver.SocketsHost:
		return fmt.Errorf("opening sockets in a sandbox: %w", err)
	case s.pid == 0: // which is so for all of them
		s.d.passOn(err)
	default: // it has just ended, most likely
		s.d.Log.Debug("a network namespace cannot be opened", "sandbox", s.id, "error", err)
	}
	return nil
}

// network opens the network namespace of the container's first process. The pid
// is the engine's word: it is held and checked while the namespace is opened,
// and not used again.
func (s *sandbox) network() (*os.File, error) {
	if s.pid == 0 {
		return nil, errors.New("the engine's processes cannot be seen from here")
	}
	held, err := mount.Find(s.pid, func(pid int) error {
		_, err := cgroup.Of(pid, s.container)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer held.Close()
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", s.pid))
	if err != nil {
		return nil, err
	}
	if err := held.Alive(); err != nil { // then the pid may have meant somebody else
		return nil, errors.Join(err, ns.Close())
	}
	return ns, nil
}
