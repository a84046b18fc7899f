package docker_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/docker"
	"github.com/rousehq/rouse/controller/driver/drivertest"
)

// writableSuite is rootSuite with a writable root. What was written is looked
// for after each test.
func writableSuite(t *testing.T, api *client.Client) drivertest.Suite {
	s := rootSuite(t, api)
	image, started, left := s.Spec, s.Open, s.Left
	dir := ""
	s.Open = func(t *testing.T, w drivertest.World) drivertest.Host {
		dir = w.Dir
		return started(t, w)
	}
	s.Spec = func(w drivertest.World) rouse.Spec {
		spec := image(w)
		spec.Writable = true
		return spec
	}
	s.Left = func(t *testing.T, made []rouse.SandboxID) []string {
		files, err := filepath.Glob(filepath.Join(dir, "writable/*"))
		if err != nil {
			t.Fatal(err)
		}
		return append(left(t, made), files...)
	}
	return s
}

func TestAWritableRootIsTheInstancesOwn(t *testing.T) {
	api := engine(t)
	s := writableSuite(t, api)
	for name, s := range map[string]drivertest.Suite{"Container": s, "Cell": inCells(t, s)} {
		t.Run(name, func(t *testing.T) { drivertest.Writable(t, s) })
	}
}

func TestAWritableRootLeadsNowhere(t *testing.T) {
	api := engine(t)
	s := writableSuite(t, api)
	for name, s := range map[string]drivertest.Suite{"Container": s, "Cell": inCells(t, s)} {
		t.Run(name, func(t *testing.T) { drivertest.Attack(t, s) })
	}
}

func TestWhatWasWrittenGoesWithAnEarlierRouse(t *testing.T) {
	api := engine(t)
	w := world(t)
	importImage(t, api, functionImage, map[string]string{"fn": w.Program}, "ENTRYPOINT [\"/fn\"]")
	agent, unpacked := agentProgram(t), newImages(t)
	host := startWith(t, w, agent, unpacked)
	d := host.Driver.(*docker.Driver)
	if why := d.NoCells(); why != "" {
		host.Crash()
		t.Skipf("cells cannot be used here: %s", why)
	}
	spec := rouse.DefaultSpec()
	spec.Contract, spec.Artifact.Image, spec.Writable = rouse.ContractHTTP, functionImage, true
	spec, err := d.Check(t.Context(), spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	rev := rouse.NewRevision("f", spec, time.Unix(0, 0))
	var ids []string
	for range 2 {
		s := newCell(t, d)
		endpoint, err := s.Assign(t.Context(), rev)
		if err != nil {
			t.Fatal(err)
		}
		answers(t, endpoint)
		endpoint.Stdout.Close()
		endpoint.Stderr.Close()
		ids = append(ids, string(s.ID()))
	}
	host.Crash()
	if err := api.ContainerRemove(t.Context(), "rouse-"+ids[0], removal); err != nil {
		t.Fatal(err)
	}
	upper := func(id string) string { return filepath.Join(w.Dir, "writable", id, "upper") }
	for _, id := range ids {
		if _, err := os.Stat(upper(id)); err != nil {
			t.Fatal(err)
		}
	}

	host = startWith(t, w, agent, unpacked)
	defer host.Crash()
	found, err := host.Driver.List(t.Context())
	if err != nil || len(found) != 1 {
		t.Fatalf("found %d sandboxes, %v", len(found), err)
	}
	if _, err := os.Stat(upper(ids[0])); err == nil {
		t.Error("what a sandbox wrote that is gone is still there")
	}
	if _, err := os.Stat(upper(ids[1])); err != nil {
		t.Errorf("what a living sandbox wrote: %v", err)
	}
	_, endpoint, err := found[0].(driver.Adopter).Adopt(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer endpoint.Close()
	if err := os.WriteFile(filepath.Join(upper(ids[1]), "flood"), make([]byte, spec.Tmp+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := found[0].Wait(t.Context()); err != nil { // it is still watched
		t.Error(err)
	}
	if err := found[0].Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(upper(ids[1]))); err == nil {
		t.Error("what it wrote is left")
	}
}

var removal = container.RemoveOptions{Force: true}
