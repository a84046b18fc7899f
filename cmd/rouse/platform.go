package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/artifact"
	"github.com/rousehq/rouse/controller/async"
	"github.com/rousehq/rouse/controller/async/destination"
	"github.com/rousehq/rouse/controller/catalog"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/imports"
	"github.com/rousehq/rouse/controller/keys"
	"github.com/rousehq/rouse/controller/logs"
	"github.com/rousehq/rouse/controller/pool"
	"github.com/rousehq/rouse/controller/signing"
	"github.com/rousehq/rouse/controller/store"
	"github.com/rousehq/rouse/controller/store/bolt"
	trigger "github.com/rousehq/rouse/controller/trigger/queue"
	"github.com/rousehq/rouse/controller/trigger/schedule"
	"github.com/rousehq/rouse/gateway/awsfront"
	"github.com/rousehq/rouse/gateway/metrics"
	"github.com/rousehq/rouse/runtime/bootstrap"
	"github.com/rousehq/rouse/runtime/link"
	"github.com/rousehq/rouse/runtime/netns"
)

// flushTimeout bounds the wait for what functions printed last.
const flushTimeout = 2 * time.Second

// platform is a running Rouse without its listener.
type platform struct {
	config config
	log    *slog.Logger

	store     store.Store
	artifacts *artifact.Store
	logs      *logs.Logs
	agents    *link.Host
	driver    driver.Driver
	pool      *pool.Pool
	catalog   *catalog.Catalog
	metrics   *metrics.Metrics
	imports   *imports.Imports
	events    *bolt.Space
	jobs      *async.Engine
	queues    queues
	mappings  *trigger.Mappings
	keys      *keys.Keys
	signing   *signing.Configs
	front     *awsfront.Front
	webhooks  *destination.Webhooks
	schedules *schedule.Schedules
	inside    *inside

	reason   string // why this driver
	draining atomic.Bool
	life     context.Context // of what goes on beside requests
	end      context.CancelFunc
	beside   sync.WaitGroup
	stopDue  func() // ends the schedules and waits until they have ended; nil before they run
}

// openPlatform builds everything in the order in which it depends on one
// another, takes over what an earlier run left, and blocks until it can serve.
// close ends it.
func openPlatform(ctx context.Context, c config, log *slog.Logger) (*platform, error) {
	p := &platform{config: c, log: log, inside: newInside(c.place(), log)}
	p.life, p.end = context.WithCancel(context.Background())
	if err := p.open(ctx); err != nil {
		return nil, errors.Join(err, p.close(ctx))
	}
	return p, nil
}

func (p *platform) open(ctx context.Context) error {
	data := p.config.Data
	agentFile, err := findAgent(p.config.Agent)
	if err != nil {
		return err
	}
	if err := makeDataDir(data); err != nil {
		return err
	}
	// The store's lock is the data directory's: nothing is touched before it.
	db, err := bolt.Open(filepath.Join(data, "rouse.db"), bolt.Options{})
	if err != nil {
		return err
	}
	p.store = db
	if p.artifacts, err = artifact.Open(filepath.Join(data, "artifacts"), artifact.Options{MaxUnpacked: p.config.MaxCode}); err != nil {
		return err
	}
	if p.logs, err = logs.Open(filepath.Join(data, "logs"), logs.Options{Log: p.log}); err != nil {
		return err
	}
	if p.agents, err = link.New(filepath.Join(data, "run"), link.Options{Reconnect: p.config.Reconnect.D(), Log: p.log}); err != nil {
		return err
	}
	if p.imports, err = imports.Open(ctx, p.store, p.log); err != nil {
		return err
	}
	if p.signing, err = signing.Open(ctx, p.store); err != nil {
		return err
	}
	if err := p.openKeys(ctx); err != nil {
		return err
	}
	owner, err := dataID(data)
	if err != nil {
		return err
	}
	agentFile, err = placeAgent(agentFile, data)
	if err != nil {
		return err
	}
	p.driver, p.reason, err = openDriver(ctx, p.config.Driver, base{
		agents: agents{p.agents}, planner: bootstrap.Planner{Images: p.config.RuntimeImage, Region: p.config.Region}, artifacts: p.artifacts,
		agent: agentFile, data: data, owner: owner, cells: p.config.Cells, log: p.log,
		sockets: driver.Sockets(p.config.Sockets), noEntry: netns.Probe(), relay: p.config.Relay, platform: p.config.PlatformEndpoint,
	})
	if err != nil {
		return err
	}
	return p.openControl(ctx)
}

// openControl makes the pool and the catalog, which know one another.
func (p *platform) openControl(ctx context.Context) error {
	p.metrics = metrics.New(metrics.Config{
		Version: version(), Driver: p.driver.Name(), Log: p.log,
		Snapshot: p.snapshot,
		Exists:   p.exists,
	})
	p.pool = pool.New(pool.Config{
		Driver: p.driver,
		Attach: attacher{p.logs, p.config.MaxEvent, p.config.place(), p.imports, p.inside, p.log}.attach,
		Lookup: func(id rouse.RevisionID) (rouse.Revision, rouse.Function, error) {
			rev, fn, err := p.catalog.Lookup(id)
			return withImports(p.imports, rev), fn, err
		},
		Account:      p.config.AccountConcurrency,
		MaxInstances: p.config.MaxInstances,
		MaxStarts:    p.config.MaxStarts,
		Memory:       p.config.MemoryBudget,
		Observer:     p.metrics,
		Log:          p.log,
	})
	var err error
	p.catalog, err = catalog.Open(ctx, catalog.Config{
		Functions: p.store, Revisions: p.store, Pool: catalogPool{p.pool, p.imports}, Checker: checker{p.driver, p.pool},
		Artifacts: p.artifacts, Removed: p.forget, Now: time.Now, Log: p.log,
	})
	if err != nil {
		return err
	}
	adopted, removed, err := p.pool.Adopt(ctx)
	if err != nil {
		return err
	}
	if adopted+removed > 0 {
		p.log.Info("found sandboxes of an earlier run", "taken_over", adopted, "removed", removed)
	}
	p.catalog.Provision()
	p.catalog.Resume()
	p.beside.Go(p.collect)
	p.beside.Go(func() { p.imports.Run(p.life) })
	if err := p.openJobs(ctx); err != nil {
		return err
	}
	if err := p.openQueues(ctx); err != nil {
		return err
	}
	if err := p.openSchedules(ctx); err != nil {
		return err
	}
	return p.openMappings(ctx)
}

// forget removes what a deleted function leaves outside of the catalog.
func (p *platform) forget(name rouse.FunctionName) {
	p.imports.Forget(name)
	p.pool.Forget(name)
	if err := p.logs.Remove(name); err != nil {
		p.log.Warn("a deleted function's logs could not be removed", "function", name, "error", err)
	}
	if n, err := p.schedules.Drop(p.life, name); err != nil {
		p.log.Warn("a deleted function's schedules could not be deleted", "function", name, "error", err)
	} else if n > 0 {
		p.log.Info("deleted the schedules of a deleted function", "function", name, "schedules", n)
	}
	if n, err := p.jobs.Drop(p.life, name); err != nil {
		p.log.Warn("a deleted function's jobs could not be ended", "function", name, "error", err)
	} else if n > 0 {
		p.log.Info("ended the jobs of a deleted function", "function", name, "jobs", n)
	}
}

// cells is what there is of spare sandboxes; nil where the driver keeps none.
func (p *platform) cells() *rouse.Cells {
	keeper, ok := p.driver.(interface{ Cells() rouse.Cells })
	if !ok {
		return nil
	}
	now := keeper.Cells()
	return &now
}

// sockets says in words how sockets get across the sandboxes' walls.
func (p *platform) sockets() string {
	crosser, ok := p.driver.(driver.Crosser)
	if !ok {
		return string(driver.SocketsAgent)
	}
	way, why := crosser.Sockets()
	return fmt.Sprintf("%s (%s)", way, why)
}

// close ends what open began, the last first. Requests that run have until
// ctx's end; then they are ended. Nothing of ours is left running.
func (p *platform) close(ctx context.Context) error {
	p.draining.Store(true)
	var errs []error
	failed := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	if p.mappings != nil {
		failed("ending event source mappings", p.mappings.Close(ctx))
	}
	if p.queues.moves != nil {
		p.queues.moves.Close()
	}
	if p.stopDue != nil {
		p.stopDue()
	}
	if p.jobs != nil {
		failed("ending jobs", p.jobs.Close(ctx))
	}
	if p.webhooks != nil {
		p.webhooks.Close()
	}
	if p.catalog != nil {
		p.catalog.Close()
	}
	if p.pool != nil {
		failed("stopping instances", p.pool.Close(ctx))
	}
	failed("closing the functions' way in", p.inside.close())
	p.end()
	p.beside.Wait()
	if p.front != nil {
		p.front.Close()
	}
	if p.driver != nil {
		failed("closing the driver", p.driver.Close())
	}
	if p.agents != nil {
		failed("closing the agents' links", p.agents.Close())
	}
	if p.logs != nil {
		// The streams have ended with their sandboxes; only what is read is still to be written.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		failed("closing the logs", p.logs.Close(ctx))
	}
	if p.events != nil {
		failed("closing the events", p.events.Close())
	}
	if p.store != nil {
		failed("closing the store", p.store.Close())
	}
	return errors.Join(errs...)
}
