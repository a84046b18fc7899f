package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

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
		return nil, errors.Join(err, s.Stop(undo))
	}
	return s, nil
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
		list = append(list, s)
	}
	var errs []error
	for id, link := range records {
		if err := link.Close(); err != nil {
			errs = append(errs, fmt.Errorf("dropping the record of sandbox %s: %w", id, err))
		}
	}
	return list, errors.Join(errs...)
}
