package adminapi

import (
	"net/http"
	"time"

	"github.com/rousehq/rouse/gateway"
)

func (a *api) status(c *gateway.Call) error {
	stats := a.Pool.Stats()
	s := Status{
		Version:      a.Version,
		Driver:       a.Driver,
		DriverReason: a.DriverReason,
		Functions:    len(a.Catalog.Functions()),
		Instances:    map[string]int{},
		InFlight:     stats.InFlight,
		Waiting:      stats.Waiting,
		MemoryBudget: stats.MemoryBudget,
		MemoryInUse:  stats.MemoryInUse,
		Cells:        stats.Cells,
		Started:      a.Started.UTC().Format(time.RFC3339),
	}
	for _, i := range a.Pool.Instances() {
		s.Instances[string(i.State)]++
	}
	return reply(c, http.StatusOK, s)
}
