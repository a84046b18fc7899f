package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// Make creates a container of the class and blocks until its agent answers.
func (d *Driver) Make(ctx context.Context, c driver.Class) (driver.Sandbox, error) {
	id := rouse.SandboxID(strings.ToLower(rand.Text()[:13]))
	link, err := d.Agents.Expect(id)
	if err != nil {
		return nil, fmt.Errorf("making a sandbox's record: %w", err)
	}
	s := d.newSandbox(id, link)
	if err := s.make(ctx, c); err != nil {
		// The caller's time may be over; the container goes all the same.
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if left := s.Stop(undo); left != nil {
			d.beside.Go(func() { d.removeLater(s) })
			err = errors.Join(err, left)
		}
		return nil, err
	}
	if c.IsCell() || c.IsZygote() {
		return &cell{id: id, now: s}, nil
	}
	return s, nil
}

// removeLater removes what could not be made once the engine answers again.
// When the driver closes it tries for the last time; what is left then has a
// record, by which a later Rouse finds it.
func (d *Driver) removeLater(s *sandbox) {
	const slowest = 5 * time.Second
	pause, last := 100*time.Millisecond, false
	for !last {
		select {
		case <-time.After(pause):
		case <-d.done:
			last = true
		}
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		err := s.Stop(ctx)
		cancel()
		if err == nil {
			return
		}
		d.Log.Debug("a sandbox that could not be made is still to be removed", "sandbox", s.id, "error", err)
		pause = min(2*pause, slowest)
	}
}

// List returns the containers that carry our label, and drops the records that
// have no container any more.
func (d *Driver) List(ctx context.Context) ([]driver.Sandbox, error) {
	links, err := d.Agents.Left()
	if err != nil {
		return nil, fmt.Errorf("reading the records of sandboxes: %w", err)
	}
	records := make(map[rouse.SandboxID]driver.Link)
	for _, link := range links {
		records[link.ID()] = link
	}
	containers, err := d.containers(ctx)
	if err != nil {
		return nil, err
	}
	var list []driver.Sandbox
	for _, c := range containers {
		id := rouse.SandboxID(c.Labels[labelSandbox])
		s := d.newSandbox(id, records[id])
		s.container = c.ID
		if c.State != container.StateRunning {
			s.end()
		}
		d.track(s)
		delete(records, id)
		if unused(s.link) {
			list = append(list, left{&cell{id: id, now: s}})
			continue
		}
		list = append(list, s)
	}
	d.beside.Go(d.sweepLater)
	known := make(map[rouse.SandboxID]bool)
	for _, s := range list {
		known[s.ID()] = true
	}
	errs := []error{d.removeUppers(known)}
	for id, link := range records {
		if err := link.Close(); err != nil {
			errs = append(errs, fmt.Errorf("dropping the record of sandbox %s: %w", id, err))
		}
	}
	return list, errors.Join(errs...)
}
