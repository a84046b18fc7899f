package docker

import (
	"errors"
	"testing"

	"github.com/rousehq/rouse/controller/driver"
)

func TestTheWayFollowsFromTheKernelTheRightsAndTheSettings(t *testing.T) {
	elsewhere, noRight := errors.New("another kernel"), errors.New("no right")
	for name, c := range map[string]struct {
		options Options
		foreign error
		want    driver.Sockets // "" is an error
	}{
		"root beside the engine":           {Options{}, nil, driver.SocketsHost},
		"no rights":                        {Options{NoEntry: noRight}, nil, driver.SocketsAgent},
		"forced":                           {Options{Sockets: driver.SocketsAgent}, nil, driver.SocketsAgent},
		"forced without rights":            {Options{Sockets: driver.SocketsHost, NoEntry: noRight}, nil, ""},
		"another kernel":                   {Options{}, elsewhere, ""},
		"another kernel, passing forced":   {Options{Sockets: driver.SocketsAgent, Relay: "a:1"}, elsewhere, ""},
		"another kernel that has a way":    {Options{Relay: "a:1"}, elsewhere, driver.SocketsRelay},
		"another kernel, relaying forced":  {Options{Sockets: driver.SocketsRelay}, elsewhere, driver.SocketsRelay},
		"a way that nobody needs":          {Options{Sockets: driver.SocketsAuto, Relay: "a:1"}, nil, driver.SocketsHost},
		"relaying forced beside an engine": {Options{Sockets: driver.SocketsRelay}, nil, driver.SocketsRelay},
	} {
		way, why, err := choose(c.options, c.foreign)
		if way != c.want || (err == nil) != (c.want != "") || err == nil && why == "" {
			t.Errorf("%s: %q, %q, %v; want %q", name, way, why, err, c.want)
		}
	}
}
