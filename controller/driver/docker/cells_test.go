package docker_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/docker"
	"github.com/rousehq/rouse/controller/driver/drivertest"
)

// inCells is s with every sandbox made as a cell.
func inCells(t *testing.T, s drivertest.Suite) drivertest.Suite {
	t.Helper()
	agent, unpacked := agentProgram(t), newImages(t)
	open := s.Open
	s.Open = func(t *testing.T, w drivertest.World) drivertest.Host {
		open(t, w).Crash() // notes where the data directory is
		host := startWith(t, w, agent, unpacked)
		d := host.Driver.(*docker.Driver)
		if why := d.NoCells(); why != "" {
			if os.Getenv("CI") != "" {
				t.Fatalf("cells cannot be used here: %s", why)
			}
			t.Skipf("cells cannot be used here: %s", why)
		}
		host.Driver = asCells{d, t}
		return host
	}
	return s
}

func TestConformanceOfImagesInCells(t *testing.T) {
	api := engine(t)
	drivertest.Run(t, inCells(t, imageSuite(t, api)))
}

func TestConformanceOfRuntimesInCells(t *testing.T) {
	api := engine(t)
	drivertest.Run(t, inCells(t, runtimeSuite(t, api)))
}

// rootSuite runs its function as root, from an image.
func rootSuite(t *testing.T, api *client.Client) drivertest.Suite {
	s := suite(t, api)
	s.Spec = func(w drivertest.World) rouse.Spec {
		importImage(t, api, functionImage, map[string]string{"fn": w.Program}, "ENTRYPOINT [\"/fn\"]", "WORKDIR /made/by/the/engine", "ENV COLOR=red", "VOLUME /data")
		return rouse.Spec{Artifact: rouse.Artifact{Image: functionImage}}
	}
	return s
}

func TestAFunctionOfRootCannotLeaveItsSandbox(t *testing.T) {
	api := engine(t)
	for name, s := range map[string]drivertest.Suite{"Container": rootSuite(t, api), "Cell": inCells(t, rootSuite(t, api))} {
		t.Run(name, func(t *testing.T) { drivertest.Attack(t, s) })
	}
}

// differences between a container and a cell are these, and no other; beside
// them every mount of a cell may be nosuid and nodev.
var differences = map[string]string{
	"file /rouse":        "the agent's socket is nowhere in a cell's root",
	"file /rouse-agent":  "nor is its program",
	"mount /rouse":       "likewise",
	"mount /rouse-agent": "likewise",
	"file /.dockerenv":   "the engine says that it was here",
	"file /etc/mtab":     "the engine links it to /proc/mounts where an image has none",
	"file /tmp":          "the engine takes the mode of an image's own folder; everybody's and sticky it is in a cell",
}

func TestAFunctionSeesTheSameInACellAsInAContainer(t *testing.T) {
	api := engine(t)
	found := make(map[string]bool)
	for name, s := range map[string]drivertest.Suite{
		"AsRoot": rootSuite(t, api), "AsAUser": imageSuite(t, api), "OfARuntime": runtimeSuite(t, api),
	} {
		t.Run(name, func(t *testing.T) {
			removeImage(t, api, functionImage)
			plain := drivertest.Look(t, s)
			cell := drivertest.Look(t, inCells(t, s))
			all := maps.Clone(plain)
			maps.Copy(all, cell)
			for _, what := range slices.Sorted(maps.Keys(all)) {
				a, b := plain[what], cell[what]
				if strings.HasPrefix(what, "mount ") {
					a, b = safer(a), safer(b)
				}
				if found[what] = found[what] || a != b; a != b && differences[what] == "" {
					t.Errorf("%s is\n%q in a container,\n%q in a cell", what, a, b)
				}
			}
		})
	}
	for what := range differences {
		if !found[what] && !t.Failed() {
			t.Errorf("%s is a difference no more: take it from the list", what)
		}
	}
}

func TestAnImagesPortAndStopSignalHoldInACellAsInAContainer(t *testing.T) {
	api, h := engine(t), newHouse(t)
	t.Cleanup(func() { dropImages(t, api, h.Addr) })
	s := suite(t, api)
	s.Spec = func(w drivertest.World) rouse.Spec {
		ref := h.push(t, "shop/fn:1", w.Program, func(c *v1.ConfigFile) {
			c.Config.StopSignal, c.Config.ExposedPorts = "SIGUSR1", map[string]struct{}{"3000/tcp": {}}
		})
		h.pull(t, api, ref)
		return rouse.Spec{Artifact: rouse.Artifact{Image: ref}}
	}
	for name, s := range map[string]drivertest.Suite{"Container": s, "Cell": inCells(t, s)} {
		t.Run(name, func(t *testing.T) {
			if port := drivertest.Look(t, s)["env PORT"]; port != "3000" {
				t.Errorf("$PORT is %q, and the function answered there", port)
			}
			drivertest.LastWord(t, s, "goodbye, as my image wished")
		})
	}
}

// safer is a mount as if it were nosuid and nodev.
func safer(mount string) string {
	if mount == "" {
		return ""
	}
	kind, options, _ := strings.Cut(mount, " ")
	all := append(strings.Split(options, ","), "nosuid", "nodev")
	slices.Sort(all)
	return kind + " " + strings.Join(slices.Compact(all), ",")
}

// cellOf makes a driver over broken or whole images, and one cell with a
// revision for it.
func cellOf(t *testing.T, api *client.Client, unpacked *images) (*docker.Driver, driver.Sandbox, rouse.Revision) {
	t.Helper()
	w := world(t)
	importImage(t, api, functionImage, map[string]string{"fn": w.Program}, "ENTRYPOINT [\"/fn\"]")
	host := startWith(t, w, agentProgram(t), unpacked)
	t.Cleanup(host.Crash)
	d := host.Driver.(*docker.Driver)
	if why := d.NoCells(); why != "" {
		t.Skipf("cells cannot be used here: %s", why)
	}
	spec := rouse.DefaultSpec()
	spec.Contract, spec.Artifact.Image = rouse.ContractHTTP, functionImage
	spec, err := d.Check(t.Context(), spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d, newCell(t, d), rouse.NewRevision("f", spec, time.Unix(0, 0))
}

func newCell(t *testing.T, d *docker.Driver) driver.Sandbox {
	t.Helper()
	s, err := d.Make(t.Context(), driver.Cell(rouse.NetworkNone))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// assign gives s its revision, which must work, stops it, and says what it ran in.
func assign(t *testing.T, s driver.Sandbox, rev rouse.Revision) rouse.Tier {
	t.Helper()
	id := s.ID()
	endpoint, err := s.Assign(t.Context(), rev)
	if err != nil {
		t.Fatal(err)
	}
	if s.ID() != id {
		t.Errorf("the sandbox was %s and became %s", id, s.ID())
	}
	answers(t, endpoint)
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	endpoint.Stdout.Close()
	endpoint.Stderr.Close()
	tier, _ := s.(driver.Placed).Placed()
	return tier
}

func TestAContainerStandsInForACellThatDied(t *testing.T) {
	api := engine(t)
	d, s, rev := cellOf(t, api, newImages(t))
	if err := api.ContainerKill(t.Context(), "rouse-"+string(s.ID()), "KILL"); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if tier := assign(t, s, rev); tier != rouse.TierCold {
		t.Errorf("tier %q, want cold", tier)
	}
	if _, ok := d.CellFor(t.Context(), driver.Plain(rev)); !ok {
		t.Error("its image is blamed for that")
	}
	if left := containers(t, api); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestCellsAreGivenUpWhenMountsAreRefusedAgainAndAgain(t *testing.T) {
	api := engine(t)
	unpacked := newImages(t)
	d, s, rev := cellOf(t, api, unpacked)
	if tier := assign(t, s, rev); tier != rouse.TierCell {
		t.Fatalf("tier %q, want cell", tier)
	}
	unpacked.broken = true
	for n := range 3 {
		if _, ok := d.CellFor(t.Context(), driver.Plain(rev)); ok != (n == 0) {
			t.Errorf("after %d refusals, another cell for the same image: %t", n, ok)
		}
		if why := d.NoCells(); why != "" {
			t.Fatalf("given up too soon: %s", why)
		}
		if tier := assign(t, newCell(t, d), rev); tier != rouse.TierCold {
			t.Errorf("tier %q, want cold", tier)
		}
	}
	if why := d.NoCells(); !strings.Contains(why, "no such file") {
		t.Errorf("cells are unused since %q", why)
	}
	if left := containers(t, api); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestALimitIsSetOnTheLivingCell(t *testing.T) {
	api := engine(t)
	_, s, rev := cellOf(t, api, newImages(t))
	endpoint, err := s.Assign(t.Context(), rev)
	if err != nil {
		t.Fatal(err)
	}
	defer endpoint.Stdout.Close()
	defer endpoint.Stderr.Close()
	stats, err := api.ContainerStats(t.Context(), "rouse-"+string(s.ID()), false)
	if err != nil {
		t.Fatal(err)
	}
	defer stats.Body.Close()
	var now container.StatsResponse
	decodeJSON(t, stats.Body, &now)
	if want := uint64(rev.Spec.Memory + 8*rouse.MB); now.MemoryStats.Limit != want {
		t.Errorf("the memory limit is %d, want %d", now.MemoryStats.Limit, want)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
