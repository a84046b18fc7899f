package docker_test

import (
	"strings"
	"testing"

	"github.com/docker/docker/client"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/drivertest"
)

// withCaps is rootSuite with Docker's default capabilities, and an entry point
// that gives them up again when it is given the argument "drop".
func withCaps(t *testing.T, api *client.Client, command ...string) drivertest.Suite {
	s := rootSuite(t, api)
	image := s.Spec
	s.Spec = func(w drivertest.World) rouse.Spec {
		spec := image(w)
		spec.Caps, spec.Command = rouse.CapsDefault, command
		return spec
	}
	return s
}

func TestAnEntryPointWithCapabilitiesBecomesAnotherUser(t *testing.T) {
	api := engine(t)
	s := withCaps(t, api, "/fn", "drop")
	for name, s := range map[string]drivertest.Suite{"Container": s, "Cell": inCells(t, s)} {
		t.Run(name, func(t *testing.T) {
			status := drivertest.Status(t, s)
			for _, want := range []string{"Uid:\t4711\t4711", "Gid:\t4711\t4711", "CapPrm:\t0000000000000000",
				"CapEff:\t0000000000000000", "CapInh:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1"} {
				if !strings.Contains(status, want) {
					t.Errorf("the status lacks %q:\n%s", want, status)
				}
			}
		})
	}
}

func TestCapabilitiesAreDockersAndLeadOutOfNothing(t *testing.T) {
	api := engine(t)
	s := withCaps(t, api)
	for name, s := range map[string]drivertest.Suite{"Container": s, "Cell": inCells(t, s)} {
		t.Run(name, func(t *testing.T) {
			status := drivertest.Status(t, s)
			for _, want := range []string{"CapPrm:\t00000000a80425fb", "CapEff:\t00000000a80425fb", "CapBnd:\t00000000a80425fb", "CapInh:\t0000000000000000"} {
				if !strings.Contains(status, want) {
					t.Errorf("the status lacks %q, which a container of the engine has:\n%s", want, status)
				}
			}
			// What the capabilities are for. A device that can be made cannot be opened.
			drivertest.Attack(t, s, "another user", "a raw socket", "a block device", "a device of memory")
		})
	}
}

func TestACellWithoutCapabilitiesIsNotUsedWhereSomeAreNeeded(t *testing.T) {
	d, spare, rev := cellOf(t, engine(t), newImages(t))
	defer func() {
		if err := spare.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	spec := rev.Spec
	spec.Caps = rouse.CapsDefault
	plain, ok := d.CellFor(t.Context(), classOf(rev.Spec))
	if !ok {
		t.Fatal("no cell will do")
	}
	with, ok := d.CellFor(t.Context(), classOf(spec))
	if !ok || with == plain || !with.IsCell() {
		t.Errorf("a cell of class %+v is for %+v", with, spec)
	}
}

func classOf(spec rouse.Spec) driver.Class { return driver.Plain(rouse.Revision{Spec: spec}) }
