package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rousehq/rouse"
)

// bound is a ratio to the ReverseProxy's figure.
type bound struct {
	asked string
	ratio float64
}

// warmHTTP measures calls of a running function over the http contract.
func warmHTTP(ctx context.Context, l *lab) ([]result, error) {
	results, _, err := l.warm(ctx, "server", "/fn/server/", [2]bound{
		{"1 KB echo, http contract, 1 connection: p50", 1.05},
		{"1 KB echo, http contract, 32 connections, concurrency 64: throughput", 0.95},
	}, nil)
	return results, err
}

// warmLambda measures calls of four running instances over the Runtime API.
func warmLambda(ctx context.Context, l *lab) ([]result, error) {
	results, _, err := l.warm(ctx, "events", "/fn/events/", [2]bound{
		{"1 KB echo, lambda contract, 1 connection: p50", 1.5},
		{"1 KB echo, lambda contract, 32 connections on 4 instances: throughput", 0.55},
	}, nil)
	return results, err
}

// warmInvoke measures the same instances through AWS Lambda's API, and the same
// program in MiniStack.
func warmInvoke(ctx context.Context, l *lab) ([]result, error) {
	const aim, least, emulator = 12000, 5, "MiniStack"
	var absent error
	results, rate, err := l.warm(ctx, "invoke", "/2015-03-31/functions/events/invocations", [2]bound{
		{"1 KB echo, Lambda's Invoke API, 1 connection: p50", 1.5},
		{"1 KB echo, Lambda's Invoke API, 32 connections on 4 instances: throughput", 0.55},
	}, func(f *fronts) {
		at, c, err := l.ministack(ctx, "events", l.function)
		if absent = err; err == nil {
			f.add(emulator, at, c)
		}
	})
	if err != nil {
		return nil, err
	}
	beside := result{
		Asked: "1 KB echo, Lambda's Invoke API, 32 connections: throughput, beside MiniStack " + ministackVersion + " with its local executor",
		Bound: fmt.Sprintf("at least %d ×", least),
	}
	if absent != nil {
		beside = notMeasured(beside, absent)
	} else {
		faster := rate.median("rouse") / rate.median(emulator)
		beside.Measured = fmt.Sprintf("%.1f × (%.0f/s, MiniStack %.0f/s)", faster, rate.median("rouse"), rate.median(emulator))
		beside = judge(faster >= least, beside)
	}
	return append(results, beside, judge(rate.median("rouse") >= aim, result{
		Asked:    "1 KB echo, Lambda's Invoke API, 32 connections on 4 instances: requests a second",
		Bound:    fmt.Sprintf("%d/s on 2 cores that the client shares", aim),
		Measured: fmt.Sprintf("%.0f/s", rate.median("rouse")),
	})), nil
}

// warm measures calls of path, and the other fronts of the server, to which more
// may be added.
func (l *lab) warm(ctx context.Context, name, path string, bounds [2]bound, more func(*fronts)) (results []result, rate samples, err error) {
	p, err := l.serve("warm-"+name, "docker")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	server, err := l.echoes(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	f, err := l.fronts(ctx, server)
	if err != nil {
		return nil, nil, err
	}
	defer func() { f.end() }() // those that were added, too
	f.by["rouse"] = front{url: p.Server() + path}
	if more != nil {
		more(&f)
	}
	p50, rate, err := l.warmed(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	slower := p50.median("rouse") / p50.median("ReverseProxy")
	faster := rate.median("rouse") / rate.median("ReverseProxy")
	return []result{
		judge(slower <= bounds[0].ratio, result{
			Asked:    bounds[0].asked + ", beside a tuned ReverseProxy in front of the same server (docker)",
			Bound:    fmt.Sprintf("at most %g ×", bounds[0].ratio),
			Measured: fmt.Sprintf("%.2f × (%.0f µs, ReverseProxy %.0f µs, nginx %.0f µs)", slower, p50.median("rouse"), p50.median("ReverseProxy"), p50.median("nginx")),
			Medians:  p50.medians("µs"),
		}),
		judge(faster >= bounds[1].ratio, result{
			Asked:    bounds[1].asked + ", beside a tuned ReverseProxy in front of the same server (docker)",
			Bound:    fmt.Sprintf("at least %g ×", bounds[1].ratio),
			Measured: fmt.Sprintf("%.2f × (%.1f k/s, ReverseProxy %.1f k/s, nginx %.1f k/s)", faster, rate.median("rouse")/1e3, rate.median("ReverseProxy")/1e3, rate.median("nginx")/1e3),
			Medians:  rate.medians("/s"),
		}),
	}, rate, nil
}

// echoes deploys the echo under both contracts and starts the http one, which is
// the server that all fronts are in front of.
func (l *lab) echoes(ctx context.Context, p *platform) (server rouse.InstanceID, err error) {
	spec, err := p.code(ctx, l.function, "provided", "bootstrap")
	if err != nil {
		return "", err
	}
	settings := rouse.DefaultSettings()
	settings.Idle = rouse.Duration(time.Hour) // the other fronts' requests keep nothing awake
	settings.MaxInstances = 4
	if err := p.deploy(ctx, "events", spec, settings); err != nil {
		return "", err
	}
	settings.MaxInstances, settings.Concurrency = 1, 64
	spec.Contract = rouse.ContractHTTP
	if err := p.deploy(ctx, "server", spec, settings); err != nil {
		return "", err
	}
	if _, err := post(ctx, http.DefaultClient, p.address("server"), body, http.StatusOK); err != nil {
		return "", err
	}
	list, err := p.Instances(ctx)
	if err == nil && len(list) != 1 {
		err = fmt.Errorf("%d instances, want 1", len(list))
	}
	if err != nil {
		return "", err
	}
	return list[0].ID, nil
}
