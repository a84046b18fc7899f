package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sys/unix"
)

// shop is a registry on loopback.
type shop struct {
	t    *testing.T
	addr string

	mu    sync.Mutex
	front func(http.ResponseWriter, *http.Request) bool // says whether it has answered
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		front := s.front
		s.mu.Unlock()
		if front == nil || !front(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	s.addr = strings.TrimPrefix(server.URL, "http://")
	return s
}

func (s *shop) set(front func(http.ResponseWriter, *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.front = front
}

// push publishes the rogue function under a layer of so many bytes, and whatever
// change makes of it; it returns its name and the bytes of the other layer.
func (s *shop) push(as string, size int, change func(*v1.ConfigFile)) (ref string, ballast []byte) {
	s.t.Helper()
	program, err := os.ReadFile(filepath.Join(built, "rogue", "bootstrap"))
	if err != nil {
		s.t.Fatal(err)
	}
	noise := make([]byte, size)
	rand.New(rand.NewSource(int64(size))).Read(noise)
	ballast = archived(s.t, map[string][]byte{"ballast": noise})
	img, err := mutate.AppendLayers(empty.Image,
		static.NewLayer(archived(s.t, map[string][]byte{"bootstrap": program}), types.DockerUncompressedLayer),
		static.NewLayer(ballast, types.DockerUncompressedLayer))
	if err != nil {
		s.t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		s.t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config.Entrypoint = []string{"/bootstrap"}
	if change != nil {
		change(config)
	}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		s.t.Fatal(err)
	}
	ref = s.addr + "/" + as
	to, err := name.ParseReference(ref)
	if err != nil {
		s.t.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	if err := remote.Write(to, img, remote.WithTransport(transport)); err != nil {
		s.t.Fatal(err)
	}
	return ref, ballast
}

// archived is a tar of programs at the root.
func archived(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, content := range files {
		err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(content))})
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func blobOf(digest string, r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/blobs/"+digest)
}

func TestADownloadGoesOnAfterAKillOfRouse(t *testing.T) {
	e, s := findEngine(t), newShop(t)
	ref, ballast := s.push("fn:1", 8<<20, nil)
	layer := static.NewLayer(ballast, types.DockerUncompressedLayer)
	digest, err := layer.Digest()
	if err != nil {
		t.Fatal(err)
	}
	s.set(func(w http.ResponseWriter, r *http.Request) bool {
		if !blobOf(digest.String(), r) {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(ballast)))
		_, _ = w.Write(ballast[:len(ballast)/2])
		w.(http.Flusher).Flush()
		<-r.Context().Done() // the rest never comes
		return true
	})
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
	s.set(func(w http.ResponseWriter, r *http.Request) bool {
		if !blobOf(digest.String(), r) {
			return false
		}
		asked = append(asked, r.Header.Get("Range"))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(ballast))
		return true
	})
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
	s := newShop(t)
	w := onDockerWith(t, dataDir(t), "--cells", "1")
	w.leavesNothing()
	w.spares(1)
	wrong, ballast := s.push("wrong:1", 1<<20, nil)
	layer := static.NewLayer(ballast, types.DockerUncompressedLayer)
	digest, err := layer.Digest()
	if err != nil {
		t.Fatal(err)
	}
	s.set(func(w http.ResponseWriter, r *http.Request) bool {
		if !blobOf(digest.String(), r) {
			return false
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(make([]byte, len(ballast))))
		return true
	})
	of := func(as string, change func(*v1.ConfigFile)) string {
		ref, _ := s.push(as, 1000, change)
		return ref
	}
	for ref, want := range map[string]string{
		wrong: "the registry sent other bytes than those of this digest",
		of("nothing:1", func(c *v1.ConfigFile) { c.Config.Entrypoint = []string{"/not/there"} }): "/not/there",
		of("library:1", func(c *v1.ConfigFile) { c.Config.Entrypoint = []string{"/ballast"} }):   "not a program for this machine",
		of("stranger:1", func(c *v1.ConfigFile) { c.Config.User = "nobody-here" }):               `user "nobody-here": the image names it but has no such user`,
		of("group:1", func(c *v1.ConfigFile) { c.Config.User = "7:nobodies" }):                   `group "nobodies": the image names it but has no such group`,
		of("foreign:1", func(c *v1.ConfigFile) { c.Architecture = "s390x" }):                     "it is for linux/s390x, and this machine is",
		s.addr + "/never:1": "has no such image",
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
	s.set(nil)
	w.must("deploy", "f", "--image", of("good:1", nil), "--memory", "64MB")
	w.do("f", order{})
}
