package docker_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver/docker"
	"github.com/rousehq/rouse/controller/driver/drivertest"
	"github.com/rousehq/rouse/runtime/link"
	"github.com/rousehq/rouse/runtime/netns"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// functionImage has the conformance function, run by a user that the image names.
var functionImage = fmt.Sprintf("rouse-conformance-fn:%d", os.Getpid())

// owner labels this run's containers, apart from those of others.
var owner = fmt.Sprintf("rouse-docker-test-%d", os.Getpid())

func TestConformanceOfImages(t *testing.T) { drivertest.Run(t, imageSuite(t, engine(t))) }

func TestConformanceOfRuntimes(t *testing.T) { drivertest.Run(t, runtimeSuite(t, engine(t))) }

// imageSuite runs an image that names much of what an image can.
func imageSuite(t *testing.T, api *client.Client) drivertest.Suite {
	s := suite(t, api)
	s.Spec = func(w drivertest.World) rouse.Spec {
		importImage(t, api, functionImage, map[string]string{"fn": w.Program}, "ENTRYPOINT [\"/fn\"]", "USER tester", "WORKDIR /srv", "ENV COLOR=red", "VOLUME /data")
		return rouse.Spec{Artifact: rouse.Artifact{Image: functionImage}}
	}
	s.User, s.Cwd = "1234:1235", "/srv"
	s.Scratch = "/data"
	s.ReadOnly = []string{"/new", "/etc/new", "/srv/new"}
	return s
}

// runtimeSuite runs code on a base image.
func runtimeSuite(t *testing.T, api *client.Client) drivertest.Suite {
	s := suite(t, api)
	s.Spec = func(w drivertest.World) rouse.Spec {
		importImage(t, api, drivertest.BaseImage, nil)
		return rouse.Spec{Artifact: rouse.Artifact{Code: w.Code}, Runtime: drivertest.Runtime}
	}
	s.User, s.Cwd = "1051:1051", "/var/task"
	s.ReadOnly = []string{"/new", "/etc/new"}
	return s
}

// engine is a client of the engine. Without one the test is skipped, except
// where CI promised one.
func engine(t *testing.T) *client.Client {
	t.Helper()
	api, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err == nil {
		_, err = api.Ping(t.Context())
	}
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatalf("no Docker engine answers: %v", err)
	case err != nil:
		t.Skipf("no Docker engine answers: %v", err)
	}
	t.Cleanup(func() {
		for _, name := range []string{functionImage, drivertest.BaseImage} {
			removeImage(t, api, name)
		}
		api.Close()
	})
	return api
}

func removeImage(t *testing.T, api *client.Client, name string) {
	t.Helper()
	_, err := api.ImageRemove(context.Background(), name, image.RemoveOptions{Force: true})
	if err != nil && !errdefs.IsNotFound(err) {
		t.Error(err)
	}
}

func decodeJSON(t *testing.T, r io.Reader, value any) {
	t.Helper()
	if err := json.NewDecoder(r).Decode(value); err != nil {
		t.Fatal(err)
	}
}

func agentProgram(t *testing.T) string {
	t.Helper()
	agent := filepath.Join(drivertest.PublicDir(t), "rouse-agent")
	drivertest.Build(t, "github.com/rousehq/rouse/cmd/rouse-agent", agent)
	return agent
}

func world(t *testing.T) drivertest.World {
	t.Helper()
	w := drivertest.NewWorld(t)
	w.Dir = drivertest.PublicDir(t)
	return w
}

func suite(t *testing.T, api *client.Client) drivertest.Suite {
	agent := agentProgram(t)
	var dir string // of the data directory in use
	return drivertest.Suite{
		Open: func(t *testing.T, w drivertest.World) drivertest.Host {
			dir = w.Dir
			return start(t, w, agent)
		},
		Destroy: func(t *testing.T, id rouse.SandboxID) {
			if err := api.ContainerKill(t.Context(), "rouse-"+string(id), "KILL"); err != nil {
				t.Error(err)
			}
		},
		Left: func(t *testing.T, _ []rouse.SandboxID) []string {
			left, err := filepath.Glob(filepath.Join(dir, "run/*"))
			if err != nil {
				t.Fatal(err)
			}
			return append(left, containers(t, api)...)
		},
	}
}

func containers(t *testing.T, api *client.Client) []string {
	t.Helper()
	list, err := api.ContainerList(t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", "rouse.owner="+owner))})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range list {
		names = append(names, c.Names...)
	}
	return names
}

func start(t *testing.T, w drivertest.World, agent string) drivertest.Host {
	t.Helper()
	return startWith(t, w, agent, nil)
}

func startWith(t *testing.T, w drivertest.World, agent string, roots docker.Roots) drivertest.Host {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	host, err := link.New(filepath.Join(w.Dir, "run"), link.Options{Reconnect: time.Minute, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	var published docker.Registry
	if p, ok := roots.(docker.Registry); ok {
		published = p
	}
	d, err := docker.New(t.Context(), docker.Options{
		Agents:    drivertest.AgentsOf(host.Expect, host.Left, host.Relay),
		Sockets:   w.Sockets,
		NoEntry:   netns.Probe(),
		Planner:   w.Planner,
		Artifacts: w.Artifacts,
		Roots:     roots,
		Registry:  published,
		Data:      w.Dir,
		Agent:     agent,
		Owner:     owner,
		Log:       log,
	})
	if err != nil {
		t.Fatal(err)
	}
	return drivertest.Host{Driver: d, Crash: func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if err := host.Close(); err != nil {
			t.Error(err)
		}
	}}
}

// importImage makes an image of a few files, unless it is there.
func importImage(t *testing.T, api *client.Client, name string, programs map[string]string, changes ...string) {
	t.Helper()
	if _, err := api.ImageInspect(t.Context(), name); err == nil {
		return
	}
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	add := func(h *tar.Header, content []byte) {
		h.Size = int64(len(content))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"etc/", "tmp/", "srv/", "var/"} {
		add(&tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o777}, nil)
	}
	add(&tar.Header{Name: "etc/passwd", Mode: 0o644}, []byte("root:x:0:0::/root:/bin/sh\ntester:x:1234:1235::/srv:/bin/sh\n"))
	add(&tar.Header{Name: "etc/group", Mode: 0o644}, []byte("root:x:0:\ntesters:x:1235:\n"))
	for target, source := range programs {
		content, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		add(&tar.Header{Name: target, Mode: 0o755}, content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	progress, err := api.ImageImport(t.Context(), image.ImportSource{Source: &files, SourceName: "-"}, name, image.ImportOptions{Changes: changes})
	if err != nil {
		t.Fatal(err)
	}
	defer progress.Close()
	if _, err := io.Copy(io.Discard, progress); err != nil {
		t.Fatal(err)
	}
}
