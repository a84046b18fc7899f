package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse/controller/artifact/registry/registrytest"
)

// pushRogue publishes the rogue function under a layer of so many bytes, and whatever
// change makes of it; it returns its name and the other layer.
func pushRogue(t *testing.T, to *registrytest.Registry, as string, size int, change func(*v1.ConfigFile)) (ref string, ballast []byte) {
	t.Helper()
	noise := make([]byte, size)
	rand.New(rand.NewSource(int64(size))).Read(noise)
	ballast = registrytest.Tar(t, registrytest.File{Name: "ballast", Mode: 0o755, Content: noise})
	program := registrytest.Tar(t, registrytest.Program(t, "bootstrap", filepath.Join(built, "rogue", "bootstrap")))
	return to.Push(as, registrytest.Image(t, func(c *v1.ConfigFile) {
		c.Config.Entrypoint = []string{"/bootstrap"}
		if change != nil {
			change(c)
		}
	}, program, ballast)), ballast
}

func digestOf(t *testing.T, layer []byte) v1.Hash {
	t.Helper()
	digest, _, err := v1.SHA256(bytes.NewReader(layer))
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func TestADownloadGoesOnAfterAKillOfRouse(t *testing.T) {
	e, s := findEngine(t), registrytest.New(t)
	ref, ballast := pushRogue(t, s, "fn:1", 8<<20, nil)
	digest := digestOf(t, ballast)
	s.Set(registrytest.OnBlob(digest.String(), registrytest.StandStill(ballast[:len(ballast)/2], int64(len(ballast)))))
	data := dataDir(t)
	p := newProgram(t, data, "docker", "--cells", "1")
	deployed := make(chan result, 1)
	deploy := []string{"deploy", "f", "--image", ref, "--memory", "64MB"}
	go func() { deployed <- p.rouse(deploy...) }()
	part := filepath.Join(data, "images", "part", digest.Hex)
	until(t, "half of it is on the disk", func() bool {
		info, err := os.Stat(part)
		return err == nil && info.Size() == int64(len(ballast)/2)
	})
	_ = p.signal(unix.SIGKILL) // says that it was killed
	if r := <-deployed; r.code != exitFailed {
		t.Errorf("a deployment without an end: %+v", r)
	}

	var asked []string
	whole := registrytest.Serve(ballast)
	s.Set(registrytest.OnBlob(digest.String(), func(w http.ResponseWriter, r *http.Request) bool {
		asked = append(asked, r.Header.Get("Range"))
		return whole(w, r)
	}))
	w := world{serveIn(t, data, "--driver", "docker", "--cells", "1"), e}
	w.leavesNothing()
	if left := w.halfMade("tmp", "roots"); len(left) > 0 {
		t.Errorf("half an image is left: %q", left)
	}
	if r := w.rouse("ls", "--json"); strings.Contains(r.stdout, `"f"`) {
		t.Errorf("a function without an image: %s", r.stdout)
	}
	w.spares(1)
	w.must(deploy...)
	if want := fmt.Sprintf("bytes=%d-%d", len(ballast)/2, len(ballast)-1); len(asked) != 1 || asked[0] != want {
		t.Errorf("it was asked for %q, want %q", asked, want)
	}
	if ps := w.must("ps"); !strings.Contains(ps, "  cell  ") {
		t.Errorf("it does not run in a cell:\n%s", ps)
	}
	if left := w.halfMade("tmp", "part"); len(left) > 0 {
		t.Errorf("left of the download: %q", left)
	}
}

func TestAPublishedImageThatCannotRunSaysWhy(t *testing.T) {
	s := registrytest.New(t)
	w := onDockerWith(t, dataDir(t), "--cells", "1")
	w.leavesNothing()
	w.spares(1)
	wrong, ballast := pushRogue(t, s, "wrong:1", 1<<20, nil)
	s.Set(registrytest.OnBlob(digestOf(t, ballast).String(), registrytest.Serve(make([]byte, len(ballast)))))
	of := func(as string, change func(*v1.ConfigFile)) string {
		ref, _ := pushRogue(t, s, as, 1000, change)
		return ref
	}
	for ref, want := range map[string]string{
		wrong: "the registry sent other bytes than those of this digest",
		of("nothing:1", func(c *v1.ConfigFile) { c.Config.Entrypoint = []string{"/not/there"} }): "/not/there",
		of("library:1", func(c *v1.ConfigFile) { c.Config.Entrypoint = []string{"/ballast"} }):   "not a program for this machine",
		of("stranger:1", func(c *v1.ConfigFile) { c.Config.User = "nobody-here" }):               `user "nobody-here": the image names it but has no such user`,
		of("group:1", func(c *v1.ConfigFile) { c.Config.User = "7:nobodies" }):                   `group "nobodies": the image names it but has no such group`,
		of("foreign:1", func(c *v1.ConfigFile) { c.Architecture = "s390x" }):                     "it is for linux/s390x, and this machine is",
		s.Addr + "/never:1": "has no such image",
	} {
		r := w.rouse("deploy", "f", "--image", ref, "--memory", "64MB")
		if r.code != exitFailed || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: exit code %d, want %q\n%s", ref, r.code, want, r.stderr)
		}
		if strings.Contains(r.stderr, w.data) {
			t.Errorf("the error tells a path of the host: %s", r.stderr)
		}
	}
	if list := w.must("ls", "--json"); strings.TrimSpace(list) != "[]" {
		t.Errorf("functions that cannot run: %s", list)
	}
	if left := w.halfMade("tmp", "part"); len(left) > 0 {
		t.Errorf("left of the downloads: %q", left)
	}
	s.Set(nil)
	w.must("deploy", "f", "--image", of("good:1", nil), "--memory", "64MB")
	w.do("f", order{})
}
