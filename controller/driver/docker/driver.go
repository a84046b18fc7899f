package docker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/docker/docker/client"
	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// Name is the word of --driver.
const Name = "docker"

// Options is what the driver is joined to.
type Options struct {
	Agents    driver.Agents
	Planner   driver.Planner
	Artifacts driver.Artifacts
	Roots     Roots          // nil when no cells are wanted
	Registry  Registry       // nil when images come from the engine alone
	Agent     string         // the path of rouse-agent, the same for the engine as for us
	Data      string         // the data directory
	Owner     string         // names the data directory whose sandboxes these are
	Sockets   driver.Sockets // how sockets get across; "" is auto
	Relay     string         // HOST:PORT as sandboxes reach us over TCP; "" is a bridge of their own
	NoEntry   error          // why the host cannot enter network namespaces; nil when it can
	Platform  bool           // sandboxes have a listener for Rouse's own API
	Log       *slog.Logger
}

// Driver makes containers.
type Driver struct {
	Options
	api       *client.Client
	host      host
	life      context.Context // of what runs beside
	cancel    context.CancelFunc
	done      <-chan struct{} // closed by cancel
	beside    sync.WaitGroup
	blind     sync.Once     // says that control groups cannot be read
	sighted   atomic.Bool   // one has been read
	ending    chan struct{} // holds a token for each container that is ending
	downloads *downloads
	saving    chan struct{} // holds a token for each image that is being unpacked
	cells
	crossing

	mu        sync.Mutex
	sandboxes map[string]*sandbox          // by container id, until stopped
	known     map[rouse.SandboxID]*sandbox // before they have a container, too
	images    map[string]image             // by id, which means the same for ever
	users     map[string]user              // by image id
}

// host is what the engine says of itself.
type host struct {
	memory rouse.Bytes
	cores  int
	arch   string
	// systemd keeps the containers' control groups, and undoes what others write.
	systemd  bool
	security []string
	foreign  error // why it does not share our kernel; nil when it does
}

var _ driver.Driver = (*Driver)(nil)

// New finds the engine that the environment names (DOCKER_HOST, or the usual
// socket) and follows its events until Close. No engine is an Unavailable error,
// as is one on another kernel unless sockets can be relayed.
func New(ctx context.Context, o Options) (*Driver, error) {
	api, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, fmt.Errorf("reading DOCKER_HOST and its kin: %w", err)
	}
	h, err := meet(ctx, api)
	if err != nil {
		return nil, errors.Join(err, api.Close())
	}
	background, cancel := context.WithCancel(context.Background())
	d := &Driver{
		Options: o, api: api, host: h, life: background, cancel: cancel, done: background.Done(),
		ending:    make(chan struct{}, endings),
		downloads: newDownloads(),
		saving:    make(chan struct{}, unpackedAtOnce),
		sandboxes: make(map[string]*sandbox),
		known:     make(map[rouse.SandboxID]*sandbox),
		images:    make(map[string]image),
		users:     make(map[string]user),
	}
	d.probeCells(h)
	if d.way, d.why, err = choose(o, h.foreign); err == nil && d.way == driver.SocketsRelay {
		err = d.openRelay(ctx)
	}
	if err == nil {
		err = d.writeNames()
	}
	if err != nil {
		cancel()
		return nil, errors.Join(err, api.Close())
	}
	d.beside.Go(func() {
		d.follow(background)
	})
	return d, nil
}

func meet(ctx context.Context, api *client.Client) (host, error) {
	var h host
	err := call(ctx, "asking the engine about itself", func(ctx context.Context) error {
		info, err := api.Info(ctx)
		if err != nil {
			return err
		}
		version, err := api.ServerVersion(ctx)
		if err != nil {
			return err
		}
		h = host{
			memory: rouse.Bytes(info.MemTotal), cores: info.NCPU, arch: version.Arch,
			systemd: info.CgroupDriver == "systemd", security: info.SecurityOptions,
		}
		h.foreign = sameKernel(info.KernelVersion)
		return nil
	})
	return h, err
}

func sameKernel(engines string) error {
	var own unix.Utsname
	if err := unix.Uname(&own); err != nil {
		return err
	}
	if release := unix.ByteSliceToString(own.Release[:]); release != engines {
		return rouse.Errorf(rouse.Unavailable, "the Docker engine runs on another kernel (%s, here %s): give --relay HOST:PORT, at which its containers reach this machine", engines, release)
	}
	return nil
}

// Name is "docker".
func (d *Driver) Name() string { return Name }

// Close stops following the engine and removes the networks of
// sandboxes when nobody is on them. Sandboxes go on, for another Rouse to adopt.
func (d *Driver) Close() error {
	d.cancel()
	d.beside.Wait()
	d.removeNetworks()
	return d.api.Close()
}

func (d *Driver) track(s *sandbox) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sandboxes[s.container] = s
}

func (d *Driver) forget(s *sandbox) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.sandboxes, s.container)
	if d.known[s.id] == s { // and not what took its place
		delete(d.known, s.id)
	}
}

// tracked finds one sandbox by its container, or nil.
func (d *Driver) tracked(container string) *sandbox {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sandboxes[container]
}

func (d *Driver) allTracked() []*sandbox {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Values(d.sandboxes))
}
