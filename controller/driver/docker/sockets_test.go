package docker_test

import (
	"testing"

	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/drivertest"
)

// The whole suite runs with sockets that the host opens. What crosses the wall
// runs with the other ways, too.
func TestSocketsGetAcrossInEveryWay(t *testing.T) {
	api := engine(t)
	for _, way := range []driver.Sockets{driver.SocketsAgent, driver.SocketsRelay} {
		t.Run(string(way), func(t *testing.T) {
			t.Run("Container", func(t *testing.T) { drivertest.RunAcross(t, imageSuite(t, api), way) })
			t.Run("Cell", func(t *testing.T) { drivertest.RunAcross(t, inCells(t, runtimeSuite(t, api)), way) })
		})
	}
}

func TestTheHostOpensSocketsWhereItCan(t *testing.T) {
	engine(t)
	w := world(t)
	for asked, want := range map[driver.Sockets]driver.Sockets{
		"": driver.SocketsHost, driver.SocketsAuto: driver.SocketsHost,
		driver.SocketsAgent: driver.SocketsAgent, driver.SocketsRelay: driver.SocketsRelay,
	} {
		w.Sockets = asked
		host := start(t, w, agentProgram(t))
		if got, why := host.Driver.(driver.Crosser).Sockets(); got != want || why == "" {
			t.Errorf("asked for %q: %s, %q", asked, got, why)
		}
		host.Crash()
	}
}
