package process

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/internal/cgroup"
)

// Name is the word of --driver.
const Name = "process"

// Options is what the driver is joined to.
type Options struct {
	Agents    driver.Agents
	Planner   driver.Planner
	Artifacts driver.Artifacts
	Agent     string // the path of rouse-agent
	Dir       string // for the sandboxes' folders and the bootstraps; nobody else's
	Log       *slog.Logger
	Sockets   driver.Sockets // how sockets get across; "" is auto
	Platform  bool           // sandboxes have a listener for Rouse's own API
	// FirstUID is the first of the users that sandboxes get when Rouse runs as
	// root. Nothing else may use them: 0 picks some that depend on Dir, so that
	// two data directories do not share any.
	FirstUID int
}

// Driver makes sandboxes of plain processes.
type Driver struct {
	Options
	root         bool // sandboxes get users of their own
	makeGroup    func(parent, name string, l cgroup.Limits) (cgroup.Group, error)
	uids         *uids
	interpreters interpreters
	says         sync.Once
	running      sync.WaitGroup // every goroutine of every sandbox
	closing      chan struct{}
	close        func()
}

var _ driver.Driver = (*Driver)(nil)

// New makes the driver's folder and writes the bootstraps into it. It fails
// when the users of sandboxes could not reach the folder.
func New(o Options) (*Driver, error) {
	for _, path := range []*string{&o.Dir, &o.Agent} { // agents start in another folder
		abs, err := filepath.Abs(*path)
		if err != nil {
			return nil, err
		}
		*path = abs
	}
	if o.FirstUID == 0 {
		o.FirstUID = firstUID(o.Dir)
	}
	d := &Driver{Options: o, root: os.Geteuid() == 0, uids: newUIDs(o.FirstUID), makeGroup: cgroup.Make, closing: make(chan struct{})}
	d.close = sync.OnceFunc(func() { close(d.closing) })
	d.interpreters.reachable = func(path string) error {
		if d.root {
			return reachable(path)
		}
		return nil
	}
	for _, dir := range []string{d.Dir, d.sandboxes(), d.bootstraps()} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return nil, fmt.Errorf("making the process driver's folder: %w", err)
		}
		if err := os.Chmod(dir, 0o711); err != nil { // whatever the umask is
			return nil, fmt.Errorf("opening the process driver's folder: %w", err)
		}
	}
	if d.root {
		if err := reachable(o.Dir); err != nil {
			return nil, fmt.Errorf("functions run as users of their own, who cannot reach the data directory: %w", err)
		}
	}
	if way, _ := d.Sockets(); way == driver.SocketsRelay {
		relayer, ok := o.Agents.(driver.Relayer)
		if !ok {
			return nil, errors.New("agents cannot come over TCP here")
		}
		if err := relayer.Relay("127.0.0.1:0", ""); err != nil {
			return nil, fmt.Errorf("listening for agents: %w", err)
		}
	}
	if err := o.Planner.Unpack(d.bootstraps()); err != nil {
		return nil, fmt.Errorf("writing the bootstraps: %w", err)
	}
	return d, nil
}

var _ driver.Crosser = (*Driver)(nil)

// Sockets is host unless something else is demanded: there is no wall.
func (d *Driver) Sockets() (driver.Sockets, string) {
	if d.Options.Sockets == "" || d.Options.Sockets == driver.SocketsAuto {
		return driver.SocketsHost, "functions share the host's network"
	}
	return d.Options.Sockets, "--sockets " + string(d.Options.Sockets)
}

// enter has the host open a sandbox's sockets, when it is to.
func (d *Driver) enter(link driver.Link) {
	if way, _ := d.Sockets(); way == driver.SocketsHost {
		link.Enter(nil)
	}
}

// Name is "process".
func (d *Driver) Name() string { return Name }

func (d *Driver) sandboxes() string { return filepath.Join(d.Dir, "sandboxes") }

func (d *Driver) bootstraps() string { return filepath.Join(d.Dir, "runtime") }

var _ driver.Refuser = (*Driver)(nil)

// Refuse says what this driver never runs.
func (d *Driver) Refuse(spec rouse.Spec) error {
	cores := runtime.NumCPU()
	switch {
	case spec.Artifact.Image != "":
		return rouse.Errorf(rouse.Invalid, "image: driver process cannot run images; use --driver docker")
	case spec.Writable:
		return rouse.Errorf(rouse.Invalid, "writable: with driver process functions see the host's files, as their user; leave it out")
	case spec.CPU > float64(cores):
		return rouse.Errorf(rouse.Invalid, "cpu %g: this host has %d", spec.CPU, cores)
	}
	return nil
}

// Check refuses images, unknown runtimes, runtimes whose interpreter is not on
// this host, and more memory or CPU than the host has.
func (d *Driver) Check(ctx context.Context, spec rouse.Spec, _ func(string)) (rouse.Spec, error) {
	if err := d.Refuse(spec); err != nil {
		return spec, err
	}
	if _, err := d.interpreter(ctx, spec.Runtime); err != nil {
		return spec, err
	}
	var host unix.Sysinfo_t
	if err := unix.Sysinfo(&host); err != nil {
		return spec, fmt.Errorf("reading the host's memory: %w", err)
	}
	if total := rouse.Bytes(host.Totalram) * rouse.Bytes(host.Unit); spec.Memory > total {
		return spec, rouse.Errorf(rouse.Invalid, "memory %s: this host has %dMB", spec.Memory, total/rouse.MB)
	}
	return spec, nil
}

// Make starts an agent in a new folder and blocks until it answers.
func (d *Driver) Make(ctx context.Context, c driver.Class) (driver.Sandbox, error) {
	if c.Image != "" && !strings.HasPrefix(c.Image, "runtime:") {
		return nil, rouse.Errorf(rouse.Invalid, "image: driver process cannot run images; use --driver docker")
	}
	d.says.Do(func() {
		d.Log.Warn("driver process isolates little: functions share the host's network and see its files; network none and the size of /tmp are not enforced")
	})
	link, err := d.Agents.Expect(rouse.SandboxID(strings.ToLower(rand.Text()[:13])))
	if err != nil {
		return nil, fmt.Errorf("making a sandbox's record: %w", err)
	}
	s := newSandbox(d, link, c)
	if err := s.make(ctx); err != nil {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		return nil, errors.Join(err, s.Stop(undo))
	}
	return s, nil
}

// List returns the sandboxes that have a record, and removes folders that have none.
func (d *Driver) List(context.Context) ([]driver.Sandbox, error) {
	links, err := d.Agents.Left()
	if err != nil {
		return nil, fmt.Errorf("reading the records of sandboxes: %w", err)
	}
	var list []driver.Sandbox
	known := make(map[string]bool)
	for _, link := range links {
		known[string(link.ID())] = true
		list = append(list, d.left(link))
	}
	folders, err := os.ReadDir(d.sandboxes())
	if err != nil {
		return nil, fmt.Errorf("reading the sandboxes' folders: %w", err)
	}
	for _, folder := range folders {
		if !known[folder.Name()] {
			if err := removeAll(filepath.Join(d.sandboxes(), folder.Name())); err != nil {
				return nil, fmt.Errorf("removing a folder that nobody uses: %w", err)
			}
		}
	}
	return list, nil
}

// Close ends what watches over the sandboxes. They go on, for another Rouse to adopt.
func (d *Driver) Close() error {
	d.close()
	d.running.Wait()
	return nil
}

// interpreter finds the program that a runtime needs; "" when it needs none.
func (d *Driver) interpreter(ctx context.Context, runtime string) (string, error) {
	program, err := d.Planner.Interpreter(runtime)
	if err != nil || program == "" {
		return "", err
	}
	path, err := d.interpreters.find(ctx, program)
	if err != nil {
		return "", &rouse.Error{
			Code:    rouse.Invalid,
			Message: fmt.Sprintf("runtime %s: no %s on this host that functions can use; install it or use --driver docker", runtime, program),
			Cause:   err,
		}
	}
	return path, nil
}
