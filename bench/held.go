package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/rousehq/rouse"
)

// held has ten thousand requests wait for one cold function.
func held(ctx context.Context, l *lab) (results []result, err error) {
	const n = 10000
	d := driver(ctx)
	p, spec, err := l.serveEcho(ctx, "held", d)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	spec.Contract = rouse.ContractHTTP
	// Long enough for all of them to have come.
	spec.Environment = map[string]string{"START_DELAY": "15s"}
	settings := rouse.DefaultSettings()
	settings.Queue, settings.MaxInstances, settings.Concurrency = n, 1, 64
	if err := p.deploy(ctx, "held", spec, settings); err != nil {
		return nil, err
	}
	before, _, err := memory(p.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	sent := make(chan *crowd, 1)
	go func() { sent <- send(ctx, p.address("held"), n) }()
	most := 0.0
	waiting := func() (bool, error) {
		now, err := p.metric(ctx, "rouse_requests_waiting")
		most = max(most, now)
		return now == n, err
	}
	waitErr := until(ctx, waiting)
	while, _, err := memory(p.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	got := <-sent
	if waitErr != nil {
		return nil, fmt.Errorf("only %.0f requests waited at once (%s): %w", most, got, waitErr)
	}
	_, peak, err := memory(p.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	ok := peak-before <= 400 && got.lost == 0
	return []result{judge(ok, result{
		Asked:    fmt.Sprintf("%d requests held on one cold function (%s)", n, d),
		Bound:    "at most 400 MB more resident memory, all answered or refused with a reason",
		Measured: fmt.Sprintf("%.0f MB more while held, %.0f MB at the highest until all were answered; %s, %d without a word", while-before, peak-before, got, got.lost),
		Medians:  map[string]float64{"before MB": float64(int(before)), "held MB": float64(int(while)), "peak MB": float64(int(peak)), "answered": float64(got.status[http.StatusOK])},
	})}, nil
}
