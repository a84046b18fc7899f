package main

import (
	"context"
	"sync"
	"time"

	"github.com/rousehq/rouse/controller/async"
	"github.com/rousehq/rouse/controller/catalog"
	"github.com/rousehq/rouse/controller/trigger/schedule"
	"github.com/rousehq/rouse/gateway/adminapi"
	"github.com/rousehq/rouse/gateway/metrics"
)

var (
	_ schedule.Jobs      = (*async.Engine)(nil)
	_ schedule.Functions = (*catalog.Catalog)(nil)
	_ schedule.Observer  = (*metrics.Metrics)(nil)
	_ adminapi.Schedules = (*schedule.Schedules)(nil)
)

// openSchedules has functions run when they are due; those that were missed
// begin now.
func (p *platform) openSchedules(ctx context.Context) error {
	var err error
	p.schedules, err = schedule.Open(ctx, schedule.Config{
		Space: p.events, Jobs: p.jobs, Functions: p.catalog, Observer: p.metrics, Place: p.config.place(), Now: time.Now, Log: p.log,
	})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(p.life)
	var ended sync.WaitGroup
	ended.Go(func() { p.schedules.Run(running) })
	p.stopDue = func() { stop(); ended.Wait() }
	return nil
}
