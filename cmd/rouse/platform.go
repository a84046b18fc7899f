package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/project"
	"github.com/rousehq/rouse/controller/artifact"
	"github.com/rousehq/rouse/controller/async"
	"github.com/rousehq/rouse/controller/async/destination"
	"github.com/rousehq/rouse/controller/catalog"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/imports"
	"github.com/rousehq/rouse/controller/keys"
	"github.com/rousehq/rouse/controller/logs"
	"github.com/rousehq/rouse/controller/pool"
	"github.com/rousehq/rouse/controller/store"
	"github.com/rousehq/rouse/controller/store/bolt"
	trigger "github.com/rousehq/rouse/controller/trigger/queue"
	"github.com/rousehq/rouse/controller/trigger/schedule"
	"github.com/rousehq/rouse/gateway"
	"github.com/rousehq/rouse/gateway/adminapi"
	"github.com/rousehq/rouse/gateway/awsfront"
	"github.com/rousehq/rouse/gateway/functionurl"
	"github.com/rousehq/rouse/gateway/hold"
	"github.com/rousehq/rouse/gateway/jobs"
	"github.com/rousehq/rouse/gateway/lambdaapi"
	"github.com/rousehq/rouse/gateway/limit"
	"github.com/rousehq/rouse/gateway/metrics"
	"github.com/rousehq/rouse/gateway/page"
	"github.com/rousehq/rouse/gateway/proxy"
	"github.com/rousehq/rouse/gateway/route"
	"github.com/rousehq/rouse/gateway/sqsapi"
	"github.com/rousehq/rouse/runtime/bootstrap"
	"github.com/rousehq/rouse/runtime/link"
	"github.com/rousehq/rouse/runtime/netns"
)

// collectEvery is how often code is removed that nothing refers to any more.
const collectEvery = time.Hour

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

// collect removes code that no revision and no instance refers to, until the
// platform's life ends.
func (p *platform) collect() {
	again := time.NewTicker(collectEvery)
	defer again.Stop()
	for {
		removed, err := p.artifacts.Collect(p.life, p.inUse())
		if err != nil && p.life.Err() == nil {
			p.log.Warn("removing unused code", "error", err)
		}
		if len(removed) > 0 {
			p.log.Info("removed unused code", "artifacts", len(removed))
		}
		p.collectPackages()
		p.collectFiles()
		select {
		case <-again.C:
		case <-p.life.Done():
			return
		}
	}
}

// collectPackages removes uploaded archives that no function refers to.
func (p *platform) collectPackages() {
	used := make(map[string]bool)
	for _, fn := range p.catalog.Functions() {
		if fn.Lambda != nil && fn.Lambda.Latest.Package != nil {
			used[fn.Lambda.Latest.Package.Digest] = true
		}
		for _, v := range fn.Versions {
			if v.Lambda != nil && v.Lambda.Package != nil {
				used[v.Lambda.Package.Digest] = true
			}
		}
	}
	for l, err := range p.store.AllLayers(p.life) {
		if err != nil {
			return // what is used is not known
		}
		for _, v := range l.Versions {
			used[v.Package.Digest] = true
		}
	}
	removed, err := p.artifacts.CollectPackages(p.life, func(digest string) bool { return used[digest] })
	if err != nil && p.life.Err() == nil {
		p.log.Warn("removing unused packages", "error", err)
	}
	if removed > 0 {
		p.log.Info("removed unused packages", "packages", removed)
	}
}

// collectFiles has the driver remove what it keeps for revisions that are gone.
func (p *platform) collectFiles() {
	keeper, ok := p.driver.(driver.Collector)
	if !ok {
		return
	}
	var specs []rouse.Spec
	for rev := range p.catalog.Revisions() {
		specs = append(specs, rev.Spec)
	}
	removed, err := keeper.Collect(p.life, specs)
	if err != nil && p.life.Err() == nil {
		p.log.Warn("removing unused images", "error", err)
	}
	if removed > 0 {
		p.log.Info("removed unused images", "files", removed)
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

// inUse says of code whether something refers to it.
func (p *platform) inUse() func(digest string) bool {
	used := make(map[string]bool)
	use := func(spec *rouse.Spec) {
		used[spec.Artifact.Code] = true
		for _, layer := range spec.Layers {
			used[layer] = true
		}
	}
	for rev := range p.catalog.Revisions() {
		use(&rev.Spec)
	}
	for l, err := range p.store.AllLayers(p.life) {
		if err != nil {
			return func(string) bool { return true } // what is used is not known
		}
		for _, v := range l.Versions {
			used[v.Package.Code] = true
		}
	}
	for _, i := range p.pool.Instances() {
		if rev, err := p.catalog.Revision(i.Revision); err == nil {
			use(&rev.Spec)
		}
	}
	return func(digest string) bool { return used[digest] }
}

// handler is everything that the listener serves. What only reads ends with stopping.
func (p *platform) handler(stopping context.Context) http.Handler {
	c := p.config
	router := route.New(p.catalog, c.Domain...)
	guard := gateway.Guard{Hosts: c.Domain}
	stations := []gateway.Station{
		p.metrics.Station,
		limit.Station(limit.Limits{Event: c.MaxEvent, Body: c.MaxBody, Slow: c.SlowBody.D()}),
		hold.Station(p.pool),
	}
	events := append(stations[:2:2], hold.Station(p.pool.Retrying()))
	calls := proxy.New(c.Account)
	later := jobs.Config{Jobs: p.jobs, Event: calls.Event, MaxBody: c.jobPayload(), Webhook: p.webhooks.Check}
	asked := jobs.API{Reader: p.jobs, Changer: p.jobs, Pauser: p.jobs, Secret: p.webhooks.Secret, Stopping: stopping}
	data := gateway.Chain(calls.Handle, router.Station, stations[0], stations[1], jobs.Station(later), stations[2])
	door := p.door()
	functions := gateway.Entry(data, p.log)
	lambda := lambdaapi.New(lambdaapi.Config{
		Catalog: p.catalog, Packages: p.artifacts, Layers: p.store, Capacity: p.pool, Stations: events, Guard: guard, Place: c.place(),
		Later: p.jobs, Webhook: p.webhooks.Check, Mappings: p.mappings, Queues: p.queues,
		Concurrency: c.AccountConcurrency, MaxEvent: c.MaxEvent, Runtimes: lambdaRuntimes(), Log: p.log,
	})
	urls := functionurl.New(functionurl.Config{
		Catalog: p.catalog, Next: gateway.Chain(calls.Handle, events...), Domains: c.Domain, Place: c.place(), MaxEvent: c.MaxEvent, Log: p.log,
		Caller: func(w http.ResponseWriter, r *http.Request) (*gateway.URLCaller, error) {
			return p.urlCaller(door, w, r)
		},
	})
	sqs := sqsapi.New(sqsapi.Config{
		Reader: p.queues, Writer: p.queues, Messages: p.queues, Leases: p.queues, Moves: p.queues,
		Guard: guard, Place: c.place(), Stopping: stopping, Now: p.jobs.Queues().Clock().Now, Log: p.log,
	})
	p.front = p.openFront(map[string]http.Handler{"lambda": lambda, "sqs": sqs})
	p.inside.halls.Store(&halls{router, p.front, urls, functions, lambda})
	d := &dispatch{
		router: router, front: p.front, urls: urls, exists: p.exists,
		data:   functions,
		aws:    door.signed(p.front, lambda),
		others: door.signed(p.front, guard.Wrap(p.front)),
		admin: door.token(adminapi.New(adminapi.Config{
			Catalog: p.catalog, Pool: apiPool{p.pool, p.cells}, Uploads: uploads{p.artifacts}, Logs: functionLogs{p.logs}, Keys: p.keys,
			Stations: stations, Guard: guard, Schema: project.Schema(), MaxUpload: c.MaxCode,
			Jobs: jobEndpoints(later, &asked), Queued: p.jobs.Queued, Webhook: p.webhooks.Check, Schedules: p.schedules,
			Version: version(), Driver: p.driver.Name(), DriverReason: p.reason, Started: time.Now(), Log: p.log,
		})),
		jobs:    door.token(guard.Wrap(gateway.Entry(asked.Handler, p.log))),
		metrics: door.token(guard.Wrap(p.metrics.Handler())),
		health:  http.HandlerFunc(page.Healthz),
		ready:   page.Readyz(p.ready, p.log),
		page: door.token(guard.Wrap(page.New(page.Config{
			Catalog: p.catalog, Pool: p.pool, Version: version(), Driver: p.driver.Name(), Log: p.log,
		}))),
		stopping: stopping,
	}
	if !c.Public {
		d.data = door.token(functions)
	}
	return d
}

func (p *platform) exists(name rouse.FunctionName) bool {
	_, err := p.catalog.Function(name)
	return err == nil
}

func (p *platform) ready(context.Context) error {
	if p.draining.Load() {
		return rouse.Errorf(rouse.Unavailable, "the platform is shutting down")
	}
	return nil
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
