package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/artifact/registry"
	"github.com/rousehq/rouse/controller/artifact/rootfs"
	"github.com/rousehq/rouse/controller/cells"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/docker"
	"github.com/rousehq/rouse/controller/driver/process"
)

// engineTimeout is how long --driver auto waits for an engine's first word.
const engineTimeout = 5 * time.Second

// base is what every driver is given.
type base struct {
	agents    driver.Agents
	planner   driver.Planner
	artifacts driver.Artifacts
	agent     string // path of rouse-agent
	data      string
	owner     string // names the data directory
	cells     int    // most spare sandboxes
	sockets   driver.Sockets
	platform  bool   // sandboxes have a way to Rouse's own API
	relay     string // HOST:PORT as sandboxes reach us over TCP
	noEntry   error  // why network namespaces cannot be entered
	log       *slog.Logger
}

// drivers is the table of --driver, the preferred one first.
var drivers = []struct {
	name string
	open func(context.Context, base) (driver.Driver, error)
}{
	{docker.Name, openDocker},
	{process.Name, openProcess},
}

func openDocker(ctx context.Context, b base) (driver.Driver, error) {
	ctx, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	o := docker.Options{
		Agents: b.agents, Planner: b.planner, Artifacts: b.artifacts, Agent: b.agent, Data: b.data, Owner: b.owner, Log: b.log,
		Sockets: b.sockets, NoEntry: b.noEntry, Relay: b.relay, Platform: b.platform,
	}
	from := published{client: registry.New()}
	o.Registry = from
	if b.cells == 0 {
		return docker.New(ctx, o)
	}
	images, err := rootfs.Open(filepath.Join(b.data, "images"), rootfs.Options{})
	if err != nil {
		return nil, err
	}
	from.roots = images
	o.Roots, o.Registry = roots{images}, from
	d, err := docker.New(ctx, o)
	if err != nil {
		return nil, err
	}
	return cells.New(d, cells.Options{Most: b.cells, Log: b.log}), nil
}

func openProcess(_ context.Context, b base) (driver.Driver, error) {
	return process.New(process.Options{
		Agents: b.agents, Planner: b.planner, Artifacts: b.artifacts, Agent: b.agent,
		Dir: filepath.Join(b.data, "process"), Log: b.log, Sockets: b.sockets, Platform: b.platform,
	})
}

// openDriver opens the driver called name, or for "auto" the first one of the
// table that works here. It says in words why this one.
func openDriver(ctx context.Context, name string, b base) (d driver.Driver, reason string, err error) {
	var passed []string
	for _, entry := range drivers {
		if name != "auto" && name != entry.name {
			continue
		}
		d, err := entry.open(ctx, b)
		switch {
		case err == nil && name != "auto":
			return d, "--driver " + name, nil
		case err == nil && len(passed) == 0:
			return d, "it is the preferred one and works here", nil
		case err == nil:
			return d, "others do not work here: " + passed[0], nil
		case name != "auto":
			return nil, "", fmt.Errorf("driver %s: %w", name, causeChain(err))
		}
		passed = append(passed, fmt.Sprintf("%s (%v)", entry.name, plainChain(err)))
	}
	return nil, "", fmt.Errorf("no driver works here: %v", passed)
}

// causeChain is err as whoever starts the platform needs it: with what the engine said.
func causeChain(err error) error {
	var e *rouse.Error
	if errors.As(err, &e) && e.Cause != nil {
		return fmt.Errorf("%s (%w)", e.Message, e.Cause)
	}
	return plainChain(err)
}

// plainChain is err with the public message of an Error in it alone.
func plainChain(err error) error {
	var e *rouse.Error
	if errors.As(err, &e) {
		return errors.New(e.Message)
	}
	return err
}
