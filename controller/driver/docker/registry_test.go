package docker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"
	registryapi "github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/client"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/artifact/registry/registrytest"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/docker"
)

// house is a registry that is open only to a user of the credential file.
type house struct {
	*registrytest.Registry
	gets atomic.Int64 // of layers and configurations
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{Registry: registrytest.New(t)}
	count := registrytest.OnBlobs(func(http.ResponseWriter, *http.Request) bool { h.gets.Add(1); return false })
	h.Set(registrytest.Either(registrytest.Private("ann", "secret"), count))
	h.Login("ann", "secret")
	return h
}

// close has nobody let in any more.
func (h *house) close() { h.Set(registrytest.Private("nobody", "")) }

// push publishes an image with one program, and whatever change makes of it.
func (h *house) push(t *testing.T, as, program string, change func(*v1.ConfigFile)) string {
	t.Helper()
	files := registrytest.Tar(t,
		registrytest.File{Name: "etc/", Mode: 0o755}, registrytest.File{Name: "tmp/", Mode: 0o1777}, registrytest.Program(t, "fn", program))
	return h.Push(as, registrytest.Image(t, func(c *v1.ConfigFile) {
		c.Config.Entrypoint = []string{"/fn"}
		if change != nil {
			change(c)
		}
	}, files))
}

// pull has the engine have an image.
func (h *house) pull(t *testing.T, api *client.Client, ref string) {
	t.Helper()
	auth, err := registryapi.EncodeAuthConfig(registryapi.AuthConfig{Username: "ann", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	progress, err := api.ImagePull(t.Context(), ref, image.PullOptions{RegistryAuth: auth})
	if err != nil {
		t.Fatal(err)
	}
	defer progress.Close()
	if _, err := io.Copy(io.Discard, progress); err != nil {
		t.Fatal(err)
	}
}

// fetched makes a driver, and a revision of an image that its registry has and
// the engine has not.
func fetched(t *testing.T, api *client.Client, h *house, unpacked *images) (*docker.Driver, rouse.Revision) {
	t.Helper()
	w := world(t)
	ref := h.push(t, "shop/fn:1", w.Program, nil)
	t.Cleanup(func() { dropImages(t, api, h.Addr) })
	host := startWith(t, w, agentProgram(t), unpacked)
	t.Cleanup(host.Crash)
	d := host.Driver.(*docker.Driver)
	if why := d.NoCells(); why != "" {
		if os.Getenv("CI") != "" {
			t.Fatalf("cells cannot be used here: %s", why)
		}
		t.Skipf("cells cannot be used here: %s", why)
	}
	spec := rouse.DefaultSpec()
	spec.Contract, spec.Artifact.Image = rouse.ContractHTTP, ref
	spec, err := d.Check(t.Context(), spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(spec.Artifact.Source, h.Addr+"/shop/fn@sha256:") {
		t.Errorf("the source is %q", spec.Artifact.Source)
	}
	return d, rouse.NewRevision("f", spec, time.Unix(0, 0))
}

func dropImages(t *testing.T, api *client.Client, addr string) {
	t.Helper()
	for _, img := range engineImages(t, api, addr) {
		if _, err := api.ImageRemove(context.Background(), img, image.RemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	}
}

// engineImages are those that the engine has of a registry.
func engineImages(t *testing.T, api *client.Client, addr string) (ids []string) {
	t.Helper()
	list, err := api.ImageList(context.Background(), image.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, img := range list {
		for _, of := range append(img.RepoTags, img.RepoDigests...) {
			if strings.HasPrefix(of, addr) {
				ids = append(ids, img.ID)
				break
			}
		}
	}
	return ids
}

func TestAnImageOfARegistryRunsInACellWithoutTheEngineHavingIt(t *testing.T) {
	api, h := engine(t), newHouse(t)
	d, rev := fetched(t, api, h, newImages(t))
	h.close() // a start asks nobody
	class, ok := d.CellFor(t.Context(), driver.Plain(rev))
	if !ok {
		t.Fatal("no cell for it")
	}
	s, err := d.Make(t.Context(), class)
	if err != nil {
		t.Fatal(err)
	}
	if tier := assign(t, s, rev); tier != rouse.TierCell {
		t.Errorf("tier %q, want cell", tier)
	}
	if has := engineImages(t, api, h.Addr); len(has) > 0 {
		t.Errorf("the engine has %q", has)
	}
	if n := h.gets.Load(); n != 2 { // the configuration and one layer
		t.Errorf("%d blobs were read", n)
	}
	if removed, err := d.Collect(t.Context(), []rouse.Spec{rev.Spec}); err != nil || removed != 0 {
		t.Errorf("%d things were removed, %v", removed, err)
	}
}

func TestTheEnginePullsAnImageThatNoCellCanBeUsedFor(t *testing.T) {
	for name, lose := range map[string]func(*testing.T, *images){
		"mounts are refused": func(_ *testing.T, i *images) { i.broken = true },
		"its files are lost": func(t *testing.T, i *images) { i.Store = newImages(t).Store },
	} {
		t.Run(name, func(t *testing.T) {
			api, h, unpacked := engine(t), newHouse(t), newImages(t)
			d, rev := fetched(t, api, h, unpacked)
			lose(t, unpacked)
			class, ok := d.CellFor(t.Context(), driver.Plain(rev))
			if !ok {
				class = driver.Plain(rev)
			}
			s, err := d.Make(t.Context(), class)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Stop(context.WithoutCancel(t.Context()))
			endpoint, err := s.Assign(t.Context(), rev)
			if err != nil {
				t.Fatal(err)
			}
			endpoint.Stdout.Close()
			endpoint.Stderr.Close()
			if has := engineImages(t, api, h.Addr); len(has) != 1 {
				t.Errorf("the engine has %q", has)
			}
		})
	}
}

func TestAnImageThatIsRemovedWhileRouseRunsIsPulledAgain(t *testing.T) {
	api, h, unpacked := engine(t), newHouse(t), newImages(t)
	d, rev := fetched(t, api, h, unpacked)
	for range 2 {
		s, err := d.Make(t.Context(), driver.Plain(rev))
		if err != nil {
			t.Fatal(err)
		}
		s.Stop(context.WithoutCancel(t.Context()))
		dropImages(t, api, h.Addr)
	}
}

func TestAPrivateImageIsPulledByTheEngineWhereThereAreNoCells(t *testing.T) {
	api, h := engine(t), newHouse(t)
	w := world(t)
	ref := h.push(t, "shop/fn:1", w.Program, nil)
	t.Cleanup(func() { dropImages(t, api, h.Addr) })
	host := startWith(t, w, agentProgram(t), loginOnly{newImages(t)})
	t.Cleanup(host.Crash)
	spec := rouse.DefaultSpec()
	spec.Contract, spec.Artifact.Image = rouse.ContractHTTP, ref
	if spec, err := host.Driver.Check(t.Context(), spec, nil); err != nil || spec.Artifact.ImageID == "" {
		t.Fatalf("%+v, %v", spec.Artifact, err)
	}
	if has := engineImages(t, api, h.Addr); len(has) != 1 {
		t.Errorf("the engine has %q", has)
	}
}

func TestCheckSaysWhatIsWrongWithAPublishedImage(t *testing.T) {
	api, h := engine(t), newHouse(t)
	w := world(t)
	host := startWith(t, w, agentProgram(t), newImages(t))
	t.Cleanup(host.Crash)
	t.Cleanup(func() { dropImages(t, api, h.Addr) })
	foreign := h.push(t, "foreign:1", w.Program, func(c *v1.ConfigFile) { c.Architecture = "s390x" })
	bare := h.push(t, "bare:1", w.Program, func(c *v1.ConfigFile) { c.Config.Entrypoint = nil })
	for ref, want := range map[string]string{
		foreign:          "it is for linux/s390x, and this machine is",
		bare:             "it has no entry point; give a command",
		h.Addr + "/no:1": "not on this engine and cannot be pulled: the registry " + h.Addr + " has no such image",
	} {
		spec := rouse.DefaultSpec()
		spec.Artifact.Image = ref
		if _, err := host.Driver.Check(t.Context(), spec, nil); rouse.CodeOf(err) == rouse.Internal || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: error %v, want %q", ref, err, want)
		}
	}
	spec := rouse.DefaultSpec()
	spec.Artifact.Image = h.Addr + "/no:1"
	if _, err := host.Driver.Check(t.Context(), spec, nil); !errors.Is(err, rouse.ErrNoImage) {
		t.Errorf("an image that does not exist: %v", err)
	}
	h.close()
	spec.Artifact.Image = h.Addr + "/other:1"
	if _, err := host.Driver.Check(t.Context(), spec, nil); err == nil || !strings.Contains(err.Error(), "`docker login "+h.Addr+"` is needed") || rouse.FailedToPrepare(err).Code != rouse.Denied {
		t.Errorf("nobody is let in: %v", err)
	}
}

func TestASpecThatKnowsItsImageKeepsItWhateverTheNameMeansNow(t *testing.T) {
	api, h := engine(t), newHouse(t)
	d, rev := fetched(t, api, h, newImages(t))
	h.push(t, "shop/fn:1", world(t).Program, func(c *v1.ConfigFile) { c.Config.Env = []string{"NEW=1"} })
	spec := rev.Spec
	spec.Memory *= 2
	spec, err := d.Check(t.Context(), spec, nil)
	if err != nil || spec.Artifact != rev.Spec.Artifact {
		t.Errorf("%+v became %+v: %v", rev.Spec.Artifact, spec.Artifact, err)
	}
	spec.Artifact.ImageID, spec.Artifact.Source = "", ""
	if spec, err = d.Check(t.Context(), spec, nil); err != nil || spec.Artifact.ImageID == rev.Spec.Artifact.ImageID {
		t.Errorf("asked for by its name it is still %s: %v", spec.Artifact.ImageID, err)
	}
}

// loginOnly unpacks nothing.
type loginOnly struct{ *images }

func (loginOnly) Probe() error { return errors.New("not here") }
