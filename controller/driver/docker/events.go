package docker

import (
	"context"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
)

// The labels of every container of ours.
const (
	labelOwner   = "rouse.owner"
	labelSandbox = "rouse.sandbox"
)

// follow hears of every container that ends until ctx does. When the stream
// breaks it subscribes anew, and looks up what ended in between.
func (d *Driver) follow(ctx context.Context) {
	const slowest = 5 * time.Second
	const fastest = 100 * time.Millisecond
	pause, away := fastest, false
	back := func() {
		if away {
			d.Log.Info("the engine's events are back")
		}
		pause, away = fastest, false
	}
	for ctx.Err() == nil {
		err := d.listen(ctx, back)
		if ctx.Err() != nil {
			return
		}
		if !away {
			d.Log.Warn("the engine's events have stopped; asking again", "error", err)
		}
		away = true
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, slowest)
	}
}

// listen blocks until the stream of events breaks. well is called when it stands.
func (d *Driver) listen(ctx context.Context, well func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	messages, errs := d.api.Events(ctx, events.ListOptions{Filters: filters.NewArgs(
		filters.Arg("type", "container"),
		filters.Arg("label", labelOwner+"="+d.Owner),
		filters.Arg("event", "die"),
		filters.Arg("event", "destroy"),
	)})
	if err := d.reconcile(ctx); err != nil {
		return err
	}
	well()
	for {
		select {
		case m := <-messages:
			if s := d.tracked(m.Actor.ID); s != nil {
				s.end()
			}
		case err := <-errs:
			return err
		}
	}
}

// reconcile finds the sandboxes that ended while nobody listened.
func (d *Driver) reconcile(ctx context.Context) error {
	known := d.allTracked() // before the list, so that none is newer than it
	list, err := d.containers(ctx)
	if err != nil {
		return err
	}
	alive := make(map[string]bool)
	for _, c := range list {
		alive[c.ID] = c.State == container.StateCreated || c.State == container.StateRunning
	}
	for _, s := range known {
		if !alive[s.container] {
			s.end()
		}
	}
	return nil
}

// containers lists the containers of this data directory, ended ones too.
func (d *Driver) containers(ctx context.Context) (list []container.Summary, err error) {
	err = call(ctx, "listing containers", func(ctx context.Context) error {
		list, err = d.api.ContainerList(ctx, container.ListOptions{
			All:     true,
			Filters: filters.NewArgs(filters.Arg("label", labelOwner+"="+d.Owner)),
		})
		return err
	})
	return list, err
}
