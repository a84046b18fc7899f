package main

import (
	"context"
	"net/http"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/project"
	"github.com/rousehq/rouse/gateway"
	"github.com/rousehq/rouse/gateway/adminapi"
	"github.com/rousehq/rouse/gateway/functionurl"
	"github.com/rousehq/rouse/gateway/hold"
	"github.com/rousehq/rouse/gateway/jobs"
	"github.com/rousehq/rouse/gateway/lambdaapi"
	"github.com/rousehq/rouse/gateway/limit"
	"github.com/rousehq/rouse/gateway/logsapi"
	"github.com/rousehq/rouse/gateway/page"
	"github.com/rousehq/rouse/gateway/proxy"
	"github.com/rousehq/rouse/gateway/route"
	"github.com/rousehq/rouse/gateway/sqsapi"
)

// handler is everything that the listener serves. What only reads ends with stopping.
func (p *platform) handler(stopping context.Context) *dispatch {
	c := p.config
	router := route.New(p.catalog, c.Domain...)
	guard := gateway.Guard{Hosts: c.Domain}
	pages := gateway.Guard{Hosts: c.Domain, SameOrigin: true} // of what pages may read
	stations := []gateway.Station{
		p.metrics.Station,
		limit.Station(limit.Limits{Event: c.MaxEvent, Body: c.MaxBody, Slow: c.SlowBody.D()}),
		hold.Station(p.pool),
	}
	events := append(stations[:2:2], hold.Station(p.pool.Retrying()))
	calls := proxy.New(c.Account)
	later := jobs.Config{Jobs: p.jobs, Event: calls.Event, MaxBody: c.jobPayload(), Slow: c.SlowBody.D(), Webhook: p.webhooks.Check}
	asked := jobs.API{Reader: p.jobs, Changer: p.jobs, Pauser: p.jobs, Secret: p.webhooks.Secret, Stopping: stopping}
	data := gateway.Chain(calls.Handle, router.Station, stations[0], stations[1], jobs.Station(later), stations[2])
	door := p.door()
	functions := gateway.Entry(data, p.log)
	lambda := lambdaapi.New(lambdaapi.Config{
		Catalog: p.catalog, Packages: p.artifacts, Layers: p.store, Capacity: p.pool, Stations: events, Guard: guard, Place: c.place(),
		Later: p.jobs, Webhook: p.webhooks.Check, Mappings: p.mappings, Queues: p.queues, Signing: p.signing, Objects: c.objects(),
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
	own := map[string]http.Handler{"lambda": lambda, "sqs": sqs}
	p.front = p.openFront(own)
	own["logs"] = logsapi.New(logsapi.Config{
		Catalog: p.catalog, Logs: functionLogs{p.logs}, Elsewhere: http.HandlerFunc(p.front.Elsewhere), Alone: c.AWSFallback == "", Place: c.place(), Log: p.log,
	})
	p.inside.halls.Store(&halls{router, p.front, urls, functions, lambda})
	d := &dispatch{
		router: router, front: p.front, urls: urls, exists: p.exists,
		data:   functions,
		aws:    door.signed(p.front, lambda),
		others: door.signed(p.front, pages.Wrap(p.front)),
		admin: door.token(adminapi.New(adminapi.Config{
			Catalog: p.catalog, Pool: apiPool{p.pool, p.cells}, Uploads: uploads{p.artifacts}, Logs: functionLogs{p.logs}, Keys: p.keys,
			Stations: stations, Guard: guard, Schema: project.Schema(), MaxUpload: c.MaxCode,
			Jobs: jobEndpoints(later, &asked), Queued: p.jobs.Queued, Paused: p.jobs.Paused, Webhook: p.webhooks.Check, Schedules: p.schedules,
			Version: version(), Driver: p.driver.Name(), DriverReason: p.reason, Started: time.Now(), Log: p.log,
		})),
		jobs:    door.token(pages.Wrap(gateway.Entry(asked.Handler, p.log))),
		metrics: door.token(guard.Wrap(p.metrics.Handler())),
		health:  http.HandlerFunc(page.Healthz),
		ready:   page.Readyz(p.ready, p.log),
		page: door.token(pages.Wrap(page.New(page.Config{
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
