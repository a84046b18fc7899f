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

// idle measures what a platform costs that nobody calls: with nothing deployed,
// and with ten thousand functions.
func idle(ctx context.Context, l *lab) ([]result, error) {
	const n = 10000
	d := driver(ctx)
	empty, err := l.resting(ctx, "none", d, 0)
	if err != nil {
		return nil, err
	}
	if err := l.deployMany(ctx, "many", d, n); err != nil {
		return nil, err
	}
	many, err := l.resting(ctx, "many", d, n)
	if err != nil {
		return nil, err
	}
	return []result{
		judge(empty.median("resident") <= 40, result{
			Asked:    "resident memory with nothing deployed (" + d + ")",
			Bound:    "at most 40 MB",
			Measured: fmt.Sprintf("%.0f MB", empty.median("resident")),
			Medians:  map[string]float64{"resident MB": empty.median("resident"), "ready ms": empty.median("ready")},
		}),
		judge(many.median("ready") <= 2000, result{
			Asked:    fmt.Sprintf("%d functions deployed and idle: from start to ready (%s)", n, d),
			Bound:    "at most 2 s",
			Measured: fmt.Sprintf("%.2f s", many.median("ready")/1000),
			Medians:  map[string]float64{"ready ms": many.median("ready")},
		}),
		judge(many.median("resident") <= 150, result{
			Asked:    fmt.Sprintf("%d functions deployed and idle: resident memory (%s)", n, d),
			Bound:    "at most 150 MB",
			Measured: fmt.Sprintf("%.0f MB", many.median("resident")),
			Medians:  map[string]float64{"resident MB": many.median("resident")},
		}),
	}, nil
}

// resting starts Rouse on data that is there and measures how long it takes
// until ready, with so many functions, and what it occupies then, several times over.
func (l *lab) resting(ctx context.Context, data, driver string, functions int) (samples, error) {
	got := make(samples)
	for range min(l.rounds, 5) {
		began := time.Now()
		p, err := l.serve(data, driver)
		if err != nil {
			return nil, err
		}
		res, err := http.Get(p.Server() + "/readyz")
		if err != nil {
			return nil, errors.Join(err, p.stop())
		}
		res.Body.Close()
		got["ready"] = append(got["ready"], milliseconds(time.Since(began)))
		time.Sleep(3 * time.Second) // what is only needed to start is given back, or is not
		now, _, err := memory(p.cmd.Process.Pid)
		status, statusErr := p.Status(ctx)
		if err = errors.Join(err, statusErr, p.stop()); err != nil {
			return nil, err
		}
		if res.StatusCode != http.StatusOK || status.Functions != functions {
			return nil, fmt.Errorf("readyz: %s with %d functions, want %d", res.Status, status.Functions, functions)
		}
		got["resident"] = append(got["resident"], now)
	}
	return got, nil
}

// deployMany deploys n functions, each with settings and an environment of its own.
func (l *lab) deployMany(ctx context.Context, data, driver string, n int) (err error) {
	p, err := l.serve(data, driver)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	spec, err := p.code(ctx, l.function, "provided", "bootstrap")
	if err != nil {
		return err
	}
	names := make(chan int)
	errs := make(chan error, n)
	var workers sync.WaitGroup
	for range 32 { // so that commits are shared
		workers.Go(func() {
			for i := range names {
				own := spec
				own.Environment = map[string]string{"NUMBER": fmt.Sprint(i)}
				errs <- p.deploy(ctx, rouse.FunctionName(fmt.Sprintf("function-%d", i)), own, rouse.DefaultSettings())
			}
		})
	}
	for i := range n {
		names <- i
	}
	close(names)
	workers.Wait()
	close(errs)
	for e := range errs {
		err = errors.Join(err, e)
	}
	return err
}
