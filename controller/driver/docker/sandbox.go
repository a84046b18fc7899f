package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/docker/mount"
	"github.com/rousehq/rouse/controller/driver/internal/cgroup"
)

const (
	// grace is how long a process may take to end when nothing else is said.
	grace = 10 * time.Second
	// noteDriver says in a sandbox's record whose it is.
	noteDriver = "driver"
	// endings is how many containers may end at a time. An engine that has to
	// clean up after fifty at once takes minutes, and was seen to lock itself up
	// for good (20.10, in its bookkeeping of networks).
	endings = 8
)

// sandbox is a container with an agent.
type sandbox struct {
	d         *Driver
	id        rouse.SandboxID
	link      driver.Link // nil when the record was lost: the sandbox can only be stopped
	container string      // its id; "" until it is made
	image     image
	runtime   bool          // the image is a runtime's base
	answers   bool          // the agent has connected
	pid       int           // of the agent, as the host counts; 0 where that is not known
	group     cgroup.Group  // the container's; none where the pid is not known
	nested    *cgroup.Group // the function's, inside of it; nil where there is none
	gauge     *cgroup.Gauge // nil where the control group cannot be read
	init      *mount.Cell   // nil unless the container was made as a cell
	zygote    bool          // the cell has its image's root and an interpreter
	layer     string        // what the engine keeps of the container's own files; "" where that is not known
	writable  rouse.Bytes   // that may be written beside /tmp; 0 where nothing can be
	full      atomic.Bool   // more was
	gone      chan struct{} // closed when the container or its agent has ended
	end       func()

	assigned sync.Once
	stopping chan struct{} // holds a token while somebody stops the sandbox
	stopped  bool          // under the token
}

var (
	_ driver.Sandbox = (*sandbox)(nil)
	_ driver.Adopter = (*sandbox)(nil)
)

func (d *Driver) newSandbox(id rouse.SandboxID, link driver.Link) *sandbox {
	s := &sandbox{d: d, id: id, link: link, gone: make(chan struct{}), stopping: make(chan struct{}, 1)}
	s.end = sync.OnceFunc(func() { close(s.gone) })
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known[id] = s
	return s
}

func (s *sandbox) ID() rouse.SandboxID { return s.id }

// make creates and starts the container and waits for its agent. Whoever calls
// it stops the sandbox when it fails.
func (s *sandbox) make(ctx context.Context, c driver.Class) error {
	if c.IsZygote() {
		if err := s.make(ctx, c.Empty()); err != nil {
			return err
		}
		return s.hatch(ctx, c)
	}
	if err := s.link.Note(noteDriver, Name); err != nil {
		return fmt.Errorf("writing a sandbox's record: %w", err)
	}
	if err := s.create(ctx, c); err != nil {
		return err
	}
	s.d.track(s)
	err := call(ctx, "starting a container", func(ctx context.Context) error {
		return s.d.api.ContainerStart(ctx, s.container, container.StartOptions{})
	})
	if err != nil {
		return refused("started", err)
	}
	if err := s.measure(ctx); err != nil {
		return refused("started", err)
	}
	if err := s.enter(); err != nil {
		return err
	}
	if err := s.connected(ctx); err != nil {
		return err
	}
	s.nest()
	if !c.IsCell() {
		return s.limitFunction(c)
	}
	if err := s.hold(); err != nil {
		s.d.used(err)
		return err
	}
	return s.link.Note(noteSpare, string(c.Network)+"/"+string(c.Caps))
}

// create makes the container. An image that was removed from the engine after it
// had been looked at is looked for once more, where it came from.
func (s *sandbox) create(ctx context.Context, c driver.Class) error {
	err := s.createOnce(ctx, c)
	if errdefs.IsNotFound(err) && s.d.forgetImage(s.image.id) {
		err = s.createOnce(ctx, c)
	}
	return missing(c.Image, err)
}

// createOnce is an error for which errdefs.IsNotFound holds when the engine has
// no such image any more.
func (s *sandbox) createOnce(ctx context.Context, c driver.Class) error {
	if err := s.findImage(ctx, c); err != nil {
		return err
	}
	code, ok := "", true
	if c.Code != "" {
		if code, ok = s.d.Artifacts.Path(c.Code); !ok {
			return errNoCode()
		}
	}
	opt, err := c.Opt(s.d.Artifacts)
	if err != nil {
		return err
	}
	if c.Network == rouse.NetworkEgress {
		if err := s.d.ensureNetwork(ctx); err != nil {
			return err
		}
	}
	config, hostConfig := s.d.configuration(s, c, code, opt)
	// Given up halfway, the engine would make it all the same.
	s.container = "rouse-" + string(s.id) // its name, until the engine says its id
	err = call(context.WithoutCancel(ctx), "creating a container", func(ctx context.Context) error {
		made, err := s.d.api.ContainerCreate(ctx, config, hostConfig, nil, nil, s.container)
		if err == nil {
			s.container = made.ID
		}
		return err
	})
	if errdefs.IsNotFound(err) {
		return err
	}
	return refused("made", err)
}

func (s *sandbox) findImage(ctx context.Context, c driver.Class) (err error) {
	if c.IsCell() {
		s.image, err = s.d.ensureCellImage(ctx)
		return err
	}
	ref, err := s.d.base(c.Image)
	if err != nil {
		return err
	}
	s.image, err = s.d.inspect(ctx, ref)
	if errdefs.IsNotFound(err) && ref == c.Image {
		s.image, err = s.d.bring(ctx, c)
	}
	if err != nil {
		return missing(c.Image, err)
	}
	s.runtime = strings.HasPrefix(c.Image, runtimePrefix)
	return nil
}

func errNoCode() error {
	return rouse.Errorf(rouse.StartFailed, "the function's code is not on this machine; deploy it again")
}

// refused gives the engine's refusal a code. What it says of paths and internals
// stays in the log.
func refused(what string, err error) error {
	var coded *rouse.Error
	if err == nil || errors.As(err, &coded) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &rouse.Error{Code: rouse.StartFailed, Message: "the container could not be " + what, Cause: err}
}

// connected waits for the agent, or for the container's end.
func (s *sandbox) connected(ctx context.Context) error {
	ctx, cancel := driver.Until(ctx, s.gone)
	defer cancel()
	err := s.link.Connected(ctx)
	if err == nil {
		s.answers = true
		s.watch()
		return nil
	}
	select {
	case <-s.gone:
		return &rouse.Error{Code: rouse.StartFailed, Message: "the container ended before its agent answered", Cause: err}
	default:
		return fmt.Errorf("waiting for the agent: %w", err)
	}
}

// watch ends the sandbox with its agent's connection.
func (s *sandbox) watch() {
	s.d.beside.Go(func() {
		select {
		case <-s.link.Lost():
			s.end()
		case <-s.gone:
		case <-s.d.done:
		}
	})
}

// Wait blocks until the container or its agent has ended.
func (s *sandbox) Wait(ctx context.Context) error {
	select {
	case <-s.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stop ends the process and the agent, and removes the container and the record.
// When the engine does not answer it returns an Unavailable error and may be
// called again.
func (s *sandbox) Stop(ctx context.Context) error {
	select {
	case s.stopping <- struct{}{}:
		defer func() { <-s.stopping }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.stopped {
		return nil
	}
	select {
	case s.d.ending <- struct{}{}:
		defer func() { <-s.d.ending }()
	case <-ctx.Done(): // no time for turns
	}
	s.terminate(ctx)
	// What was begun is finished, even when the caller's time is over.
	if err := s.remove(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	s.end()
	s.d.forget(s)
	if err := removeTree(s.d.upperDir(s.id)); err != nil {
		return fmt.Errorf("removing what a function wrote: %w", err)
	}
	if s.link != nil {
		if err := s.link.Close(); err != nil {
			return fmt.Errorf("dropping a sandbox's record: %w", err)
		}
	}
	s.stopped = true
	if s.gauge != nil {
		s.gauge.Close()
	}
	if s.init != nil {
		s.init.Close()
	}
	return nil
}

// terminate lets the process end by itself, until ctx or grace ends. An agent
// that does not answer ends with its container.
func (s *sandbox) terminate(ctx context.Context) {
	if !s.answers {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	ctx, over := driver.Until(ctx, s.gone)
	defer over()
	if err := s.link.Terminate(ctx); err != nil {
		s.d.Log.Debug("an agent did not end by itself", "sandbox", s.id, "error", err)
	}
}

// remove returns when the engine has no trace of the container.
func (s *sandbox) remove(ctx context.Context) error {
	if s.container == "" {
		return nil
	}
	err := call(ctx, "removing a container", func(ctx context.Context) error {
		return s.d.api.ContainerRemove(ctx, s.container, container.RemoveOptions{Force: true, RemoveVolumes: true})
	})
	switch {
	case errdefs.IsNotFound(err):
		return nil
	case errdefs.IsConflict(err): // somebody else removes it just now
		return s.removed(ctx)
	}
	return err
}

func (s *sandbox) removed(ctx context.Context) error {
	return call(ctx, "waiting for a container's removal", func(ctx context.Context) error {
		result, errs := s.d.api.ContainerWait(ctx, s.container, container.WaitConditionRemoved)
		select {
		case <-result:
			return nil
		case err := <-errs:
			if errdefs.IsNotFound(err) {
				return nil
			}
			return err
		}
	})
}
