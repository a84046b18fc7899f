package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/rousehq/rouse"
)

// noisy measures a function while another one has more slow requests than it
// can serve, without an end and with its queue full.
func noisy(ctx context.Context, l *lab) (results []result, err error) {
	d := driver(ctx)
	p, spec, err := l.serveEcho(ctx, "noisy", d)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	spec.Contract = rouse.ContractHTTP
	settings := rouse.DefaultSettings()
	settings.MaxInstances = 1
	if err := p.deploy(ctx, "quiet", spec, settings); err != nil {
		return nil, err
	}
	spec.Environment = map[string]string{"SLOW": "100ms"}
	settings.MaxInstances = 2
	if err := p.deploy(ctx, "noisy", spec, settings); err != nil {
		return nil, err
	}
	got, err := alternate(l.rounds, []string{"alone", "beside the noise"}, func(side string) (float64, error) {
		end := func() {}
		if side != "alone" {
			if end, err = p.noise(ctx, "noisy", settings.Queue); err != nil {
				return 0, err
			}
		}
		defer end()
		f, err := l.wrk(ctx, front{url: p.address("quiet")}, 1)
		return float64(f.p99) / float64(time.Microsecond), err
	})
	if err != nil {
		return nil, err
	}
	ratio := got.median("beside the noise") / got.median("alone")
	return []result{judge(ratio <= 2, result{
		Asked:    "a function's warm p99 at 1 connection while another one's queue is full of slow requests (" + d + ")",
		Bound:    "within 2 × of its quiet figure",
		Measured: fmt.Sprintf("%.2f × (%.0f µs, quiet %.0f µs)", ratio, got.median("beside the noise"), got.median("alone")),
		Medians:  got.medians("µs"),
	})}, nil
}

// noise keeps a function busy and its queue full until end is called. Clients
// that are refused come back when the answer says that they may.
func (p *platform) noise(ctx context.Context, name rouse.FunctionName, queue int) (end func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * queue}}
	var clients sync.WaitGroup
	for range queue * 3 / 2 {
		clients.Go(func() {
			for ctx.Err() == nil {
				if status, _ := one(ctx, c, p.address(name)); status == http.StatusOK {
					continue
				}
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
			}
		})
	}
	end = func() { cancel(); clients.Wait(); c.CloseIdleConnections() }
	err = until(ctx, func() (bool, error) {
		waiting, err := p.metric(ctx, "rouse_requests_waiting")
		return waiting >= float64(queue), err
	})
	if err != nil {
		end()
	}
	return end, err
}
