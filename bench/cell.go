package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rousehq/rouse"
)

// cell measures the first answer of functions that were never called before,
// from a spare cell, beside the engine's own create, start and first answer.
func cell(ctx context.Context, l *lab) ([]result, error) {
	plain, err := l.plain(ctx)
	if err != nil {
		return nil, err
	}
	one, err := l.fromCell(ctx, plain)
	if err != nil {
		return nil, err
	}
	crowd, err := l.fiftyAtOnce(ctx)
	return []result{one, crowd}, err
}

// plain is the container that Rouse makes for the echo function where it has no cells.
func (l *lab) plain(ctx context.Context) (made *container, err error) {
	p, err := l.serve("plain", "docker")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	url, err := l.gone(ctx, p)
	if err != nil {
		return nil, err
	}
	return l.likeOf(ctx, p, url)
}

func (l *lab) fromCell(ctx context.Context, plain *container) (r result, err error) {
	p, spec, err := l.serveEcho(ctx, "cell", "docker", "--cells", "2")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	got, err := l.atLeast(50).neverCalled(ctx, p, spec, "engine", func() (float64, error) {
		took, err := plain.first(ctx)
		return milliseconds(took), err
	})
	if err != nil {
		return r, err
	}
	own, engine := got.median("rouse"), got.median("engine")
	return judge(own <= 10 && own <= engine/12, result{
		Asked:    "first answer from a spare cell, Docker, static Go function never called before, beside the engine's own create, start and first answer",
		Bound:    "at most 10 ms and 1/12",
		Measured: fmt.Sprintf("%.1f ms, p99 %.1f ms, 1/%.0f (engine %.0f ms, p99 %.0f ms)", own, got.p99("rouse"), engine/own, engine, got.p99("engine")),
		Medians:  got.medians("ms"),
	}), nil
}

// neverCalled measures the first answers of functions that were never called
// before, a new one of spec each time, from a spare cell, and beside them another
// side.
func (l *lab) neverCalled(ctx context.Context, p *platform, spec rouse.Spec, beside string, measure func() (float64, error)) (samples, error) {
	number := 0
	return alternate(l.rounds, []string{"rouse", beside}, func(side string) (float64, error) {
		if err := errors.Join(p.gone(ctx), p.spares(ctx, 2)); err != nil {
			return 0, err
		}
		if side == beside {
			return measure()
		}
		number++
		name := rouse.FunctionName(fmt.Sprintf("never-called-%d", number))
		settings := rouse.DefaultSettings()
		settings.Idle = 0
		if err := p.deploy(ctx, name, spec, settings); err != nil {
			return 0, err
		}
		took, err := post(ctx, http.DefaultClient, p.address(name), body, http.StatusOK)
		return milliseconds(took), err
	})
}

// fiftyAtOnce calls fifty different functions once at the same moment.
func (l *lab) fiftyAtOnce(ctx context.Context) (r result, err error) {
	const functions = 50
	p, spec, err := l.serveEcho(ctx, "fifty", "docker", "--cells", fmt.Sprint(functions))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	spec.Memory = 64 * rouse.MB
	for n := range functions {
		if err := p.deploy(ctx, rouse.FunctionName(fmt.Sprintf("crowd-%d", n)), spec, rouse.DefaultSettings()); err != nil {
			return r, err
		}
	}
	if err := p.spares(ctx, functions); err != nil {
		return r, err
	}
	failed := make(chan error, functions)
	began := time.Now()
	for n := range functions {
		go func() {
			_, err := post(ctx, http.DefaultClient, p.address(rouse.FunctionName(fmt.Sprintf("crowd-%d", n))), body, http.StatusOK)
			failed <- err
		}()
	}
	for range functions {
		err = errors.Join(err, <-failed)
	}
	took := time.Since(began)
	if err != nil {
		return r, err
	}
	return judge(took <= 600*time.Millisecond, result{
		Asked:    "50 different functions called once at the same moment, 50 spare cells (docker)",
		Bound:    "all answered within 600 ms",
		Measured: fmt.Sprintf("all answered within %d ms", took.Milliseconds()),
	}), nil
}

// spares blocks until there are n spare cells and none is being made.
func (p *platform) spares(ctx context.Context, n int) error {
	return until(ctx, func() (bool, error) {
		s, err := p.Status(ctx)
		if err != nil || s.Cells == nil {
			return false, err
		}
		if s.Cells.Unused != "" {
			return false, fmt.Errorf("there are no cells: %s", s.Cells.Unused)
		}
		return s.Cells.Ready >= n && s.Cells.Making == 0, nil
	})
}
