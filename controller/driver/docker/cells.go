package docker

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/docker/mount"
)

// mostRefused is how many cells in a row may turn out to be of no use before
// none are made any more.
const mostRefused = 3

// stale is how old the driver's knowledge of what an image's name means may be
// before it is asked for again, beside the start that used it.
const stale = time.Second

// calmDown is how long an image is left alone that could not be unpacked for a
// reason that passes: an engine that went away, a full disk.
const calmDown = time.Minute

// cells is what the driver knows of cells here.
type cells struct {
	unpacking unpacking

	mu      sync.Mutex
	unused  string                // why there are none; "" when there are
	noUpper bool                  // what they run cannot write to its root
	refused int                   // in a row
	named   map[string]named      // what names of base images mean
	hard    map[string]time.Time  // image ids that cannot be unpacked or mounted until then; zero is ever
	sterile map[driver.Class]bool // zygotes whose modules were refused
}

type named struct {
	image image
	at    time.Time
}

var _ driver.CellMaker = (*Driver)(nil)

// probeCells finds out whether cells can be used, and why not.
func (d *Driver) probeCells(h host) {
	d.named, d.hard, d.sterile = make(map[string]named), make(map[string]time.Time), make(map[driver.Class]bool)
	if d.Roots == nil {
		d.unused = "they are not wanted"
		return
	}
	if h.foreign != nil {
		d.unused = "the engine runs on another kernel"
		return
	}
	for _, option := range h.security {
		for _, mode := range []string{"userns", "rootless"} {
			if strings.Contains(option, "name="+mode) {
				d.unused = "the engine runs containers in a user namespace (" + mode + ")"
				return
			}
		}
	}
	err := mount.Probe(d.Data)
	if err == nil {
		err = d.Roots.Probe()
	}
	if err != nil {
		d.unused = err.Error()
		return
	}
	if err := mount.ProbeUpper(d.Data); err != nil {
		d.noUpper = true
		d.Log.Debug("functions with a writable root start in containers of their own", "error", err)
	}
}

// NoCells says why cells are not used, or "".
func (d *Driver) NoCells() string {
	d.cells.mu.Lock()
	defer d.cells.mu.Unlock()
	return d.unused
}

// CellFor is a cell of c's network, when c's image is unpacked. Otherwise it is
// unpacked meanwhile, for the next start.
func (d *Driver) CellFor(ctx context.Context, c driver.Class) (driver.Class, bool) {
	if c.IsCell() || d.NoCells() != "" || c.Writable && d.noUpper {
		return driver.Class{}, false
	}
	img, err := d.meant(ctx, c.Image)
	if err != nil {
		return driver.Class{}, false // which whoever makes the sandbox will explain
	}
	if d.isHard(img.id) {
		return driver.Class{}, false
	}
	if !d.Roots.Has(img.id) {
		d.unpackLater(img)
		return driver.Class{}, false
	}
	return c.Empty(), true
}

// meant is the image of a class, as the engine said when it was last asked. A
// name may have come to mean another one: it is looked up again, beside.
func (d *Driver) meant(ctx context.Context, class string) (image, error) {
	ref, err := d.base(class)
	if err != nil {
		return image{}, err
	}
	d.cells.mu.Lock()
	known, ok := d.named[ref]
	old := ok && time.Since(known.at) > stale
	if old {
		known.at = time.Now() // somebody is at it
		d.named[ref] = known
	}
	d.cells.mu.Unlock()
	if !ok {
		return d.find(ctx, ref) // which knows ids
	}
	if old {
		d.beside.Go(func() {
			if _, err := d.inspect(d.life, ref); err != nil && d.life.Err() == nil {
				d.Log.Debug("looking up a base image", "image", ref, "error", err)
			}
		})
	}
	return known.image, nil
}

// know remembers what ref means now.
func (d *Driver) know(ref string, img image) {
	d.cells.mu.Lock()
	defer d.cells.mu.Unlock()
	const most = 256
	if len(d.named) >= most {
		clear(d.named)
	}
	d.named[ref] = named{img, time.Now()}
}

// tooHard remembers an image that no cell can be used for until then; the zero
// time is for ever.
func (d *Driver) tooHard(id string, until time.Time) {
	d.cells.mu.Lock()
	defer d.cells.mu.Unlock()
	d.hard[id] = until
}

func (d *Driver) isHard(id string) bool {
	d.cells.mu.Lock()
	defer d.cells.mu.Unlock()
	until, known := d.hard[id]
	return known && (until.IsZero() || time.Now().Before(until))
}

// used notes how a cell fared, and gives cells up when they fail one after another.
func (d *Driver) used(err error) {
	d.cells.mu.Lock()
	defer d.cells.mu.Unlock()
	if err == nil {
		d.refused = 0
		return
	}
	if d.refused++; d.refused == mostRefused && d.unused == "" {
		d.unused = err.Error()
		d.Log.Warn("cells are given up; every start makes a container from now on", "error", err)
	}
}

// unfit is why a cell cannot be used for a revision that may be fine.
type unfit struct{ cause error }

func (u *unfit) Error() string { return u.cause.Error() }

func (u *unfit) Unwrap() error { return u.cause }

// isUnfit says whether a start that failed with err in a cell may succeed in a
// container of its own.
func isUnfit(err error) bool {
	var u *unfit
	return errors.As(err, &u) || errors.Is(err, rouse.ErrGone)
}

// cell is a sandbox that was made empty. When it turns out to be of no use for
// its revision, a container that is made for it takes its place and its id.
type cell struct {
	id rouse.SandboxID

	mu    sync.Mutex
	now   *sandbox
	plain bool          // now is no cell any more
	fork  bool          // the process began as a fork of the cell's zygote
	mount time.Duration // how long it took
}

var (
	_ driver.Sandbox = (*cell)(nil)
	_ driver.Placed  = (*cell)(nil)
	_ driver.Weighed = (*cell)(nil)
)

func (c *cell) ID() rouse.SandboxID { return c.id }

func (c *cell) current() *sandbox {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Assign mounts rev's files into the cell and starts its process.
func (c *cell) Assign(ctx context.Context, rev rouse.Revision) (rouse.Endpoint, error) {
	s := c.current()
	endpoint, took, err := s.occupy(ctx, rev)
	if err == nil || !isUnfit(err) || ctx.Err() != nil {
		c.mu.Lock()
		c.mount, c.fork = took, endpoint.Forked
		c.mu.Unlock()
		if err == nil {
			s.d.used(nil)
		}
		return endpoint, err
	}
	if s.alive() { // a cell that died says nothing about others
		s.d.used(err)
		s.d.tooHard(s.image.id, time.Time{})
	}
	s.d.Log.Warn("a cell could not be used; a container is made instead", "sandbox", c.id, "function", rev.Function, "error", err)
	endpoint, instead := c.standIn(ctx, rev)
	if known := (*rouse.Error)(nil); instead != nil && errors.As(err, &known) && known.Code == rouse.Invalid {
		// It says more of the image than the engine does.
		instead = &rouse.Error{Code: rouse.StartFailed, Message: known.Message, Cause: errors.Join(err, instead)}
	}
	return endpoint, instead
}

// standIn makes a container for rev in the cell's place.
func (c *cell) standIn(ctx context.Context, rev rouse.Revision) (rouse.Endpoint, error) {
	old := c.current()
	if err := old.Stop(ctx); err != nil {
		return rouse.Endpoint{}, err
	}
	link, err := old.d.Agents.Expect(c.id)
	if err != nil {
		return rouse.Endpoint{}, err
	}
	s := old.d.newSandbox(c.id, link)
	c.mu.Lock()
	c.now, c.plain = s, true
	c.mu.Unlock()
	if err := s.make(ctx, driver.Plain(rev)); err != nil { // Stop removes what there is of it
		return rouse.Endpoint{}, err
	}
	return s.Assign(ctx, rev)
}

// Placed is TierZygote or TierCell, unless a container had to stand in.
func (c *cell) Placed() (rouse.Tier, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.plain {
		return rouse.TierCold, 0
	}
	if c.fork {
		return rouse.TierZygote, c.mount
	}
	return rouse.TierCell, c.mount
}

// Wait blocks until the sandbox is gone, and what stood in for it too.
func (c *cell) Wait(ctx context.Context) error {
	for {
		s := c.current()
		if err := s.Wait(ctx); err != nil || s == c.current() {
			return err
		}
	}
}

// Stop is the present sandbox's.
func (c *cell) Stop(ctx context.Context) error { return c.current().Stop(ctx) }

// Weight is measured on the processes of the cell.
func (c *cell) Weight() rouse.Bytes { return c.current().weight() }
