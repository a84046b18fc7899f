package docker

import (
	"context"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/rousehq/rouse"
)

// sweepLater removes strays once the engine has finished whatever an earlier
// process asked of it, or when the driver closes.
func (d *Driver) sweepLater() {
	select {
	case <-time.After(callTimeout):
	case <-d.done:
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := d.sweep(ctx); err != nil {
		d.Log.Debug("looking for containers that an earlier run had asked for", "error", err)
	}
}

// sweep removes the containers of this data directory that List has not seen and
// this process has not asked for: the engine was still making them when an
// earlier one was killed.
func (d *Driver) sweep(ctx context.Context) error {
	list, err := d.containers(ctx)
	if err != nil {
		return err
	}
	for _, c := range list {
		if d.knows(rouse.SandboxID(c.Labels[labelSandbox])) {
			continue
		}
		err := d.api.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
		if err != nil && !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) {
			return err
		}
		d.Log.Info("a container that an earlier run had asked for is removed", "container", c.ID)
	}
	return nil
}

// knows says whether a sandbox is this process' own, or was listed.
func (d *Driver) knows(id rouse.SandboxID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known[id] != nil
}
