package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/rousehq/rouse"
)

// fronts are what Rouse is compared with while it is warm.
type fronts struct {
	server, reverse, nginx *child
}

func (l *lab) fronts(ctx context.Context) (f fronts, err error) {
	if f.server, err = l.echoServer(ctx); err != nil {
		return f, err
	}
	if f.reverse, err = l.reverseProxy(ctx, f.server.addr); err == nil {
		f.nginx, err = l.nginxProxy(ctx, f.server.addr)
	}
	if err != nil {
		f.end()
	}
	return f, err
}

func (f fronts) end() {
	for _, c := range []*child{f.nginx, f.reverse, f.server} {
		if c != nil {
			c.end()
		}
	}
}

// urls names the sides of a comparison, with Rouse's.
func (f fronts) urls(rouse string) ([]string, map[string]string) {
	return []string{"rouse", "ReverseProxy", "nginx", "direct"}, map[string]string{
		"rouse": rouse, "direct": "http://" + f.server.addr + "/",
		"ReverseProxy": "http://" + f.reverse.addr + "/", "nginx": "http://" + f.nginx.addr + "/",
	}
}

// warmHTTP measures calls of a running function over the http contract.
func warmHTTP(ctx context.Context, l *lab) ([]result, error) {
	return l.warm(ctx, rouse.ContractHTTP, 64, 1, []bound{
		{"1 KB echo, http contract, 1 connection: p50", 1.05},
		{"1 KB echo, http contract, 32 connections: throughput", 0.95},
	})
}

// warmLambda measures calls of four running instances over the Runtime API.
func warmLambda(ctx context.Context, l *lab) ([]result, error) {
	return l.warm(ctx, rouse.ContractLambda, 1, 4, []bound{
		{"1 KB echo, lambda contract, 1 connection: p50", 1.5},
		{"1 KB echo, lambda contract, 32 connections on 4 instances: throughput", 0.55},
	})
}

// bound is a ratio to the ReverseProxy's figure.
type bound struct {
	asked string
	ratio float64
}

func (l *lab) warm(ctx context.Context, contract rouse.Contract, concurrency, instances int, bounds []bound) (results []result, err error) {
	d := driver(ctx)
	p, err := l.serve("warm-"+string(contract), d)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	spec, err := p.code(ctx, l.function, "provided", "bootstrap")
	if err != nil {
		return nil, err
	}
	spec.Contract = contract
	settings := rouse.DefaultSettings()
	settings.Concurrency, settings.MaxInstances = concurrency, instances
	if err := p.deploy(ctx, "echo", spec, settings); err != nil {
		return nil, err
	}
	f, err := l.fronts(ctx)
	if err != nil {
		return nil, err
	}
	defer f.end()
	sides, urls := f.urls(p.address("echo"))
	p50, rate, err := l.warmed(ctx, sides, urls)
	if err != nil {
		return nil, err
	}
	const why = "see the medians"
	slower := p50.median("rouse") / p50.median("ReverseProxy")
	faster := rate.median("rouse") / rate.median("ReverseProxy")
	return []result{
		judge(slower <= bounds[0].ratio, why, result{
			Asked:    bounds[0].asked + ", beside a tuned ReverseProxy (" + d + ")",
			Bound:    fmt.Sprintf("at most %g ×", bounds[0].ratio),
			Measured: fmt.Sprintf("%.2f × (%.0f µs, ReverseProxy %.0f µs, nginx %.0f µs)", slower, p50.median("rouse"), p50.median("ReverseProxy"), p50.median("nginx")),
			Medians:  p50.medians("µs"),
		}),
		judge(faster >= bounds[1].ratio, why, result{
			Asked:    bounds[1].asked + ", beside a tuned ReverseProxy (" + d + ")",
			Bound:    fmt.Sprintf("at least %g ×", bounds[1].ratio),
			Measured: fmt.Sprintf("%.2f × (%.1f k/s, ReverseProxy %.1f k/s, nginx %.1f k/s)", faster, rate.median("rouse")/1e3, rate.median("ReverseProxy")/1e3, rate.median("nginx")/1e3),
			Medians:  rate.medians("/s"),
		}),
	}, nil
}
