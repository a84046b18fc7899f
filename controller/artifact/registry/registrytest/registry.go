// Package registrytest is a registry of images for tests: the one in memory of
// go-containerregistry, on loopback, and in front of it the faults of real ones.
//
//	r := registrytest.New(t)
//	ref := r.Push("shop/fn:1", registrytest.Image(t, nil, registrytest.Tar(t, registrytest.Program(t, "fn", path))))
//	r.Set(registrytest.OnBlobs(registrytest.Status(503)))
package registrytest

import (
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Registry is a registry on loopback. It ends with its test, and whoever it holds
// up then is let go.
type Registry struct {
	Addr string // IP:PORT

	t     testing.TB
	inner http.Handler

	mu    sync.Mutex
	front Front // guarded by mu; nil is none
}

// New starts a registry without images. For the test's duration Docker's folder
// of credentials is an empty one.
func New(t testing.TB) *Registry {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	r := &Registry{t: t, inner: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	server := httptest.NewServer(r)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	r.Addr = strings.TrimPrefix(server.URL, "http://")
	return r
}

// Set puts a front in the place of the one before; nil is none. Requests under way
// stay with theirs.
func (r *Registry) Set(front Front) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.front = front
}

// ServeHTTP asks the front first.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	front := r.front
	r.mu.Unlock()
	if front == nil || !front(w, req) {
		r.inner.ServeHTTP(w, req)
	}
}

// Push publishes an image, whatever front there is, and returns its name here.
func (r *Registry) Push(as string, img v1.Image) (ref string) {
	r.t.Helper()
	return r.publish(as, func(to name.Reference, past remote.Option) error { return remote.Write(to, img, past) })
}

// PushIndex publishes an index with its images, as Push does.
func (r *Registry) PushIndex(as string, index v1.ImageIndex) (ref string) {
	r.t.Helper()
	return r.publish(as, func(to name.Reference, past remote.Option) error { return remote.WriteIndex(to, index, past) })
}

func (r *Registry) publish(as string, write func(name.Reference, remote.Option) error) (ref string) {
	r.t.Helper()
	ref = r.Addr + "/" + as
	to, err := name.ParseReference(ref)
	if err == nil {
		err = write(to, remote.WithTransport(past{r.inner}))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return ref
}

// past reaches a registry without a connection, and so past its front.
type past struct{ http.Handler }

func (p past) RoundTrip(req *http.Request) (*http.Response, error) {
	served := req.Clone(req.Context())
	if served.Body == nil {
		served.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, served)
	res := w.Result()
	res.Request = req
	return res, nil
}

// Login has `docker login` been done here, in the folder that New has made.
func (r *Registry) Login(user, password string) {
	r.t.Helper()
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	r.Credentials(fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, r.Addr, auth))
}

// Credentials writes Docker's file of credentials.
func (r *Registry) Credentials(content string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
}
