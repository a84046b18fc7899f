package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rousehq/rouse"
)

// sustained calls one function after another that was never called before, each
// as soon as there is a spare cell, and measures warm calls beside that.
func sustained(ctx context.Context, l *lab) (results []result, err error) {
	p, spec, err := l.serveEcho(ctx, "sustained", "docker", "--cells", "8")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	quiet := spec
	quiet.Contract = rouse.ContractHTTP
	if err := p.deploy(ctx, "quiet", quiet, rouse.DefaultSettings()); err != nil {
		return nil, err
	}
	if _, err := post(ctx, http.DefaultClient, p.address("quiet"), body, http.StatusOK); err != nil {
		return nil, err
	}
	if err := p.spares(ctx, 8); err != nil {
		return nil, err
	}
	warm := make(samples)
	// What comes now and then has to be in each measurement, as often as it comes.
	long := time.Duration(max(l.rounds/3, 1)) * l.slice
	measure := func(side string) error {
		f, err := l.wrkFor(ctx, front{url: p.address("quiet")}, 1, long)
		warm[side] = append(warm[side], float64(f.p99)/float64(time.Microsecond))
		return err
	}
	for range 3 {
		if err := measure("alone"); err != nil {
			return nil, err
		}
	}
	cold, end := p.coldOnes(ctx, spec)
	began := time.Now()
	for took := time.Duration(0); took < 6*long && err == nil; took = time.Since(began) {
		err = measure("beside cold starts")
	}
	took := time.Since(began)
	if err = errors.Join(err, end()); err != nil {
		return nil, err
	}
	ratio := warm.median("beside cold starts") / warm.median("alone")
	return []result{
		{
			Asked:    fmt.Sprintf("functions that were never called before, one after another as spare cells become ready, for %.0f s (8 cells, docker)", took.Seconds()),
			Measured: fmt.Sprintf("%.1f a second, p50 %.1f ms, p99 %.1f ms", float64(len(cold["cold"]))/took.Seconds(), cold.median("cold"), cold.p99("cold")),
			Verdict:  recorded,
			Medians:  cold.medians("ms"),
		},
		judge(ratio <= 2, result{
			Asked:    "a function's warm p99 at 1 connection beside them",
			Bound:    "within 2 × of its quiet figure",
			Measured: fmt.Sprintf("%.2f × (%.0f µs, quiet %.0f µs)", ratio, warm.median("beside cold starts"), warm.median("alone")),
			Medians:  warm.medians("µs"),
		}),
	}, nil
}

// coldOnes deploys and calls functions, one after another, until end is called.
func (p *platform) coldOnes(ctx context.Context, spec rouse.Spec) (cold samples, end func() error) {
	ctx, cancel := context.WithCancel(ctx)
	cold = make(samples)
	ended := make(chan error)
	go func() {
		for n := 0; ; n++ {
			took, err := p.coldOne(ctx, rouse.FunctionName(fmt.Sprintf("cold-%d", n)), spec)
			if ctx.Err() != nil {
				ended <- nil
				return
			}
			if err != nil {
				ended <- err
				return
			}
			cold["cold"] = append(cold["cold"], milliseconds(took))
		}
	}()
	return cold, func() error { cancel(); return <-ended }
}

func (p *platform) coldOne(ctx context.Context, name rouse.FunctionName, spec rouse.Spec) (time.Duration, error) {
	settings := rouse.DefaultSettings()
	settings.Idle = 0
	if err := p.deploy(ctx, name, spec, settings); err != nil {
		return 0, err
	}
	for { // seldom: what asks uses the CPU that is measured
		s, err := p.Status(ctx)
		if err != nil {
			return 0, err
		}
		if s.Cells != nil && s.Cells.Ready > 0 {
			break
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return post(ctx, http.DefaultClient, p.address(name), body, http.StatusOK)
}
