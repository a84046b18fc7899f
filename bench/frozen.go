package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/rousehq/rouse"
)

// frozen measures calls of an instance whose processes are stopped between
// requests, beside those of one that waits awake.
func frozen(ctx context.Context, l *lab) (results []result, err error) {
	d := driver(ctx)
	p, spec, err := l.serveEcho(ctx, "frozen", d)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	for _, name := range []rouse.FunctionName{"warm", "frozen"} {
		settings := rouse.DefaultSettings()
		settings.Freeze = name == "frozen"
		if err := p.deploy(ctx, name, spec, settings); err != nil {
			return nil, err
		}
		if _, err := post(ctx, http.DefaultClient, p.address(name), body, http.StatusOK); err != nil {
			return nil, err
		}
	}
	// A call takes a fraction of a millisecond: many cost no more than few.
	got, err := alternate(10*l.rounds, []string{"warm", "frozen"}, func(side string) (float64, error) {
		if err := p.asleep(ctx, "frozen"); err != nil {
			return 0, err
		}
		took, err := post(ctx, http.DefaultClient, p.address(rouse.FunctionName(side)), body, http.StatusOK)
		return milliseconds(took), err
	})
	if err != nil {
		return nil, err
	}
	more := got.median("frozen") - got.median("warm")
	return []result{judge(more <= 1, result{
		Asked:    "a call of a frozen instance, beside one of a warm instance (" + d + ")",
		Bound:    "at most 1 ms more",
		Measured: fmt.Sprintf("%.2f ms more (%.2f ms, p99 %.2f ms; warm %.2f ms)", more, got.median("frozen"), got.p99("frozen"), got.median("warm")),
		Medians:  got.medians("ms"),
	})}, nil
}

// asleep blocks until the instances of a function are frozen.
func (p *platform) asleep(ctx context.Context, name rouse.FunctionName) error {
	return until(ctx, func() (bool, error) {
		list, err := p.Instances(ctx)
		for _, i := range list {
			if i.Function == name && i.State != rouse.Frozen {
				return false, err
			}
		}
		return true, err
	})
}
