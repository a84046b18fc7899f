package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway/adminapi"
)

// gone measures the first answer of a function for which no spare cell is left,
// so that one is made, beside the engine's own create, start and first answer.
func gone(ctx context.Context, l *lab) (results []result, err error) {
	plain, err := l.plain(ctx)
	if err != nil {
		return nil, err
	}
	p, err := l.serve("gone", "docker", "--cells", "2")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	url, err := l.gone(ctx, p)
	if err != nil {
		return nil, err
	}
	next := adminapi.NextStart{From: rouse.TierCold}
	got, err := alternate(l.atLeast(50).rounds, []string{"rouse", "engine"}, func(side string) (float64, error) {
		// On either side nothing runs, no spare is used and none is being made.
		if err := p.Arrange(ctx, rouse.Ref{Name: "echo"}, next); err != nil {
			return 0, err
		}
		if side == "engine" {
			took, err := plain.first(ctx)
			return milliseconds(took), err
		}
		took, err := post(ctx, http.DefaultClient, url, body, http.StatusOK)
		return milliseconds(took), err
	})
	if err != nil {
		return nil, err
	}
	own, engine := got.median("rouse"), got.median("engine")
	return []result{judge(own <= 1.1*engine, result{
		Asked:    "first answer when no spare cell is left, Docker, static Go function, beside the engine's own create, start and first answer",
		Bound:    "at most 1.1 ×",
		Measured: fmt.Sprintf("%.2f × (%.0f ms, p99 %.0f ms; engine %.0f ms, p99 %.0f ms)", own/engine, own, got.p99("rouse"), engine, got.p99("engine")),
		Medians:  got.medians("ms"),
	})}, nil
}
