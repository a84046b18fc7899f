package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/docker/mount"
)

// noteZygote says in a cell's record that it is no empty one any more.
const noteZygote = "zygote"

// ZygoteFor is a zygote for code of class c: its network, what its image's name
// means now, and its modules. ok is false when c wants none, when there can be
// none, and for modules that were refused.
func (d *Driver) ZygoteFor(ctx context.Context, c driver.Class) (driver.Class, bool) {
	if c.Zygote == (driver.Zygote{}) {
		return driver.Class{}, false
	}
	empty, ok := d.CellFor(ctx, c)
	if !ok {
		return driver.Class{}, false
	}
	img, err := d.meant(ctx, c.Image)
	if err != nil {
		return driver.Class{}, false
	}
	empty.Image, empty.Zygote = img.id, c.Zygote
	d.cells.mu.Lock()
	defer d.cells.mu.Unlock()
	return empty, !d.sterile[empty]
}

// giveUpZygotes remembers a class of zygotes whose modules will not do.
func (d *Driver) giveUpZygotes(c driver.Class) {
	d.cells.mu.Lock()
	defer d.cells.mu.Unlock()
	const most = 256
	if len(d.sterile) >= most {
		clear(d.sterile)
	}
	d.sterile[c] = true
}

// hatch makes an empty cell a zygote: it mounts the base image's root and has
// the agent start the interpreter under the user and with the rights that the
// function will have. It blocks until the modules are loaded. Modules that will
// not do are an Invalid error.
func (s *sandbox) hatch(ctx context.Context, c driver.Class) error {
	img, err := s.d.inspect(ctx, c.Image)
	if err != nil {
		return missing(c.Image, err)
	}
	if err := s.link.Note(noteZygote, c.Zygote.Modules); err != nil {
		return fmt.Errorf("writing a sandbox's record: %w", err)
	}
	s.image, s.runtime, s.zygote = img, true, true
	// Whatever a class adds later has its place. The loader remembers which of its
	// folders were not there: those of the code and of layers must have been.
	places := targets(img, driver.Class{Code: "any", Layers: "any"})
	places[taskDir+"/lib"], places[optDir+"/lib"] = true, true
	layers, err := s.d.Roots.Layers(img.id, places)
	if err != nil {
		return err
	}
	command, err := s.d.Planner.Zygote(c.Zygote.Runtime, c.Zygote.Contract, c.Zygote.List(), rouse.Layout{Task: taskDir, Runtime: runtimeDir, Tmp: tmpDir})
	if err != nil {
		return err
	}
	u, err := s.d.userOf(ctx, img, true, func(_ context.Context, path string) (string, error) { return mount.Read(layers, path) })
	if err != nil {
		return err
	}
	if err := s.init.Mount(mount.Root{Layers: layers}); err != nil {
		return fmt.Errorf("mounting into a cell: %w", err)
	}
	command.Env = s.environment(u, command.Env)
	err = s.link.Prepare(ctx, rouse.Launch{
		Command: command, Enter: true, UID: u.uid, GID: u.gid, Groups: u.groups,
		Limits: []rouse.Limit{{Resource: unix.RLIMIT_CORE}},
	})
	if rouse.CodeOf(err) == rouse.Invalid {
		s.d.giveUpZygotes(c)
		s.d.Log.Warn("functions with this zygote start without it", "runtime", c.Zygote.Runtime, "modules", c.Zygote.Modules, "error", err)
	}
	return err
}

// limitTo gives a cell the limits of a class, and says whether its zygote, if it
// has one, is still there: one that has more memory than that is ended.
func (s *sandbox) limitTo(ctx context.Context, c driver.Class) (zygote bool, err error) {
	limit := func() error { return errors.Join(s.limit(ctx, c), s.limitFunction(c)) }
	err = limit()
	if err == nil || !s.zygote {
		return s.zygote, err
	}
	s.d.Log.Warn("a zygote does not fit into a function's memory", "image", strings.TrimPrefix(s.image.id, "sha256:"), "memory", c.Memory, "error", err)
	if err := s.link.Clear(ctx); err != nil {
		return false, err
	}
	return false, limit()
}
