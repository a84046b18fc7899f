package docker_test

import (
	"slices"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

func TestWhatTheEngineWasStillMakingForAnEarlierProcessGoes(t *testing.T) {
	api := engine(t)
	w := world(t)
	importImage(t, api, functionImage, map[string]string{"fn": w.Program}, "ENTRYPOINT [\"/fn\"]")
	agent := agentProgram(t)
	host := start(t, w, agent)
	if list, err := host.Driver.List(t.Context()); err != nil || len(list) > 0 {
		t.Fatalf("listed %v, %v", list, err)
	}
	spec := rouse.DefaultSpec()
	spec.Contract, spec.Artifact.Image = rouse.ContractHTTP, functionImage
	own, err := host.Driver.Make(t.Context(), driver.Plain(rouse.NewRevision("f", spec, time.Unix(0, 0))))
	if err != nil {
		t.Fatal(err)
	}
	config := &container.Config{Image: functionImage, Labels: map[string]string{"rouse.owner": owner, "rouse.sandbox": "late"}}
	if _, err := api.ContainerCreate(t.Context(), config, nil, nil, nil, "rouse-late"); err != nil {
		t.Fatal(err)
	}
	host.Crash()
	if left, want := containers(t, api), []string{"/rouse-" + string(own.ID())}; !slices.Equal(left, want) {
		t.Errorf("left are %q, want %q", left, want)
	}

	again := start(t, w, agent)
	defer again.Crash()
	list, err := again.Driver.List(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("listed %v, %v", list, err)
	}
	if err := list[0].Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
