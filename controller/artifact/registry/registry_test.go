package registry

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
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
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a registry on loopback. front, when set, sees each request first and
// says whether it has answered.
type house struct {
	t    *testing.T
	addr string
	mu   sync.Mutex
	// front is under mu.
	front func(http.ResponseWriter, *http.Request) bool
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		front := h.front
		h.mu.Unlock()
		if front == nil || !front(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	h.addr = strings.TrimPrefix(server.URL, "http://")
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	return h
}

func (h *house) set(front func(http.ResponseWriter, *http.Request) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.front = front
}

func (h *house) client() *Client {
	c := New()
	h.t.Cleanup(c.CloseIdle)
	return c
}

// push publishes an image for an architecture and returns its name.
func (h *house) push(as, arch string) (ref string, img v1.Image) {
	h.t.Helper()
	img = imageFor(h.t, arch)
	ref = h.addr + "/" + as
	to, err := name.ParseReference(ref)
	if err != nil {
		h.t.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	if err := remote.Write(to, img, remote.WithTransport(transport)); err != nil {
		h.t.Fatal(err)
	}
	return ref, img
}

func imageFor(t *testing.T, arch string) v1.Image {
	t.Helper()
	img, err := random.Image(50_000, 3)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", arch
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return img
}

func (h *house) pushIndex(as string, arches ...string) string {
	h.t.Helper()
	index := v1.ImageIndex(empty.Index)
	for _, arch := range arches {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: imageFor(h.t, arch), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	to, err := name.ParseReference(h.addr + "/" + as)
	if err != nil {
		h.t.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	if err := remote.WriteIndex(to, index, remote.WithTransport(transport)); err != nil {
		h.t.Fatal(err)
	}
	return to.Name()
}

func other() string {
	if runtime.GOARCH == "arm64" {
		return "amd64"
	}
	return "arm64"
}

func read(t *testing.T, i *Image, l Layer, from int64) ([]byte, int64, error) {
	t.Helper()
	body, at, err := i.Open(t.Context(), l, from)
	if err != nil {
		return nil, 0, err
	}
	b, err := io.ReadAll(body)
	return b, at, errors.Join(err, body.Close())
}

func TestAnImageIsReadFromARegistry(t *testing.T) {
	h := newHouse(t)
	ref, img := h.push("shop/web:1", runtime.GOARCH)
	got, err := h.client().Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := img.ConfigName()
	digest, _ := img.Digest()
	config, _ := img.RawConfigFile()
	if got.ID != id.String() || got.Pinned != h.addr+"/shop/web@"+digest.String() || !bytes.Equal(got.Config, config) {
		t.Errorf("got %s as %s", got.ID, got.Pinned)
	}
	layers, _ := img.Layers()
	if len(got.Layers) != len(layers) {
		t.Fatalf("%d layers, want %d", len(got.Layers), len(layers))
	}
	for i, l := range layers {
		want := content(t, l)
		b, _, err := read(t, got, got.Layers[i], 0)
		if err != nil || !bytes.Equal(b, want) {
			t.Errorf("layer %d: %d bytes, %v; want %d", i, len(b), err, len(want))
		}
		b, at, err := read(t, got, got.Layers[i], 1000)
		if err != nil || at != 1000 || !bytes.Equal(b, want[1000:]) {
			t.Errorf("layer %d from 1000 on: %d bytes from %d, %v", i, len(b), at, err)
		}
	}
	// The name with the digest means the same, whatever becomes of the tag.
	h.push("shop/web:1", runtime.GOARCH)
	for _, ref := range []string{got.Pinned, ref + "@" + digest.String()} {
		if again, err := h.client().Resolve(t.Context(), ref); err != nil || again.ID != got.ID {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

func content(t *testing.T, l v1.Layer) []byte {
	t.Helper()
	r, err := l.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAnIndexMeansTheImageForThisMachine(t *testing.T) {
	h := newHouse(t)
	ref := h.pushIndex("multi:1", other(), runtime.GOARCH, "s390x")
	got, err := h.client().Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(got.Config), `"architecture":"`+runtime.GOARCH+`"`) {
		t.Errorf("got %s", got.Config)
	}
}

func TestWhatCannotRunHereIsRefused(t *testing.T) {
	h := newHouse(t)
	foreign, _ := h.push("foreign:1", other())
	for ref, test := range map[string]struct {
		code rouse.Code
		want string
	}{
		foreign:                                  {rouse.Invalid, "it is for linux/" + other() + ", and this machine is linux/" + runtime.GOARCH},
		h.pushIndex("multi:1", "s390x", other()): {rouse.Invalid, "it is for linux/" + other() + ", linux/s390x, and"},
		h.addr + "/nothing:1":                    {rouse.StartFailed, "has no such image"},
		h.addr + "/UPPER:1":                      {rouse.Invalid, "not an image's name"},
		"":                                       {rouse.Invalid, "not an image's name"},
		"a b":                                    {rouse.Invalid, "not an image's name"},
		"sha256:" + strings.Repeat("0", 64):      {rouse.StartFailed, "an id alone cannot be pulled"},
		"127.0.0.1:1/web:1":                      {rouse.Unavailable, "cannot be read: dial tcp 127.0.0.1:1: connect: connection refused"},
	} {
		_, err := h.client().Resolve(t.Context(), ref)
		if rouse.CodeOf(err) != test.code || !strings.Contains(fmt.Sprint(err), test.want) {
			t.Errorf("%q: error %v; want code %s and %q", ref, err, test.code, test.want)
		}
	}
}

// login writes Docker's credential file.
func login(t *testing.T, host, user, password string) {
	t.Helper()
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	credentials(t, fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, auth))
}

func credentials(t *testing.T, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func basic(w http.ResponseWriter, r *http.Request) bool {
	if user, password, _ := r.BasicAuth(); user == "ann" && password == "secret" {
		return false
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="house"`)
	w.WriteHeader(http.StatusUnauthorized)
	return true
}

func TestAPrivateImageNeedsALogin(t *testing.T) {
	h := newHouse(t)
	ref, _ := h.push("private:1", runtime.GOARCH)
	h.set(basic)
	check := func(what, want string) {
		t.Helper()
		got, err := h.client().Resolve(t.Context(), ref)
		if want != "" {
			if rouse.CodeOf(err) == rouse.Internal || !strings.Contains(fmt.Sprint(err), want) {
				t.Errorf("%s: error %v, want %q", what, err, want)
			}
			return
		}
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		if _, _, err := read(t, got, got.Layers[0], 0); err != nil {
			t.Errorf("%s: a layer: %v", what, err)
		}
	}
	check("nobody", "`docker login "+h.addr+"` is needed")
	login(t, h.addr, "ann", "wrong")
	check("a wrong password", "`docker login "+h.addr+"` is needed")
	login(t, h.addr, "ann", "secret")
	check("ann", "")
	if l, err := h.client().Login(t.Context(), ref); err != nil || l.Username != "ann" || l.Password != "secret" {
		t.Errorf("the engine is given %+v, %v", l, err)
	}
	if l, err := h.client().Login(t.Context(), "elsewhere.example/x"); err != nil || l != (Login{}) {
		t.Errorf("another registry is given %+v, %v", l, err)
	}
	credentials(t, `{"auths":`)
	check("a broken file", "credentials for the registry cannot be read")

	helpers := t.TempDir()
	script := "#!/bin/sh\nread host\n[ \"$host\" = " + h.addr + " ] || { echo credentials not found in native keychain; exit 1; }\n" +
		`echo '{"ServerURL":"","Username":"ann","Secret":"secret"}'` + "\n"
	if err := os.WriteFile(filepath.Join(helpers, "docker-credential-house"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", helpers+":"+os.Getenv("PATH"))
	credentials(t, fmt.Sprintf(`{"credHelpers":{%q:"house"}}`, h.addr))
	check("a credential helper", "")
}

// A registry may send those who ask to somebody who knows them, as Docker Hub does.
func TestATokenIsFetchedWhereOneIsNeeded(t *testing.T) {
	h := newHouse(t)
	ref, _ := h.push("private:1", runtime.GOARCH)
	login(t, h.addr, "ann", "secret")
	h.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			if !basic(w, r) {
				fmt.Fprintf(w, `{"token":"for %s"}`, r.URL.Query().Get("scope"))
			}
			return true
		}
		if r.Header.Get("Authorization") == "Bearer for repository:private:pull" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+h.addr+`/token",service="house"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	got, err := h.client().Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(t, got, got.Layers[0], 10); err != nil {
		t.Error(err)
	}
}

// onBlobs has front see the requests for layers alone.
func onBlobs(front func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		return strings.Contains(r.URL.Path, "/blobs/") && front(w, r)
	}
}

func TestALayerIsReadFromWhereverTheRegistryHasIt(t *testing.T) {
	h := newHouse(t)
	ref, img := h.push("web:1", runtime.GOARCH)
	layers, _ := img.Layers()
	want := content(t, layers[0])
	c := h.client()
	got, err := c.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	l := got.Layers[0]

	// Somewhere else, where the credentials are nobody's business.
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("credentials went elsewhere")
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(want))
	}))
	defer elsewhere.Close()
	h.set(onBlobs(func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, elsewhere.URL+"/there", http.StatusTemporaryRedirect)
		return true
	}))
	if b, at, err := read(t, got, l, 7); err != nil || at != 7 || !bytes.Equal(b, want[7:]) {
		t.Errorf("redirected: %d bytes from %d, %v", len(b), at, err)
	}

	// From the beginning, where a registry gives no parts, or says that it cannot.
	h.set(onBlobs(func(w http.ResponseWriter, r *http.Request) bool {
		w.Write(want)
		return true
	}))
	if b, at, err := read(t, got, l, 7); err != nil || at != 0 || !bytes.Equal(b, want) {
		t.Errorf("whole: %d bytes from %d, %v", len(b), at, err)
	}
	h.set(onBlobs(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Range") != "" {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return true
		}
		return false
	}))
	if b, at, err := read(t, got, l, 7); err != nil || at != 0 || !bytes.Equal(b, want) {
		t.Errorf("refused parts: %d bytes from %d, %v", len(b), at, err)
	}
	h.set(onBlobs(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Range", "bytes 3-9/10")
		w.WriteHeader(http.StatusPartialContent)
		return true
	}))
	if _, _, err := read(t, got, l, 0); err == nil {
		t.Error("another part than was asked for is taken")
	}
}

func TestARegistrysLastWordIsToldFromTroubleThatPasses(t *testing.T) {
	h := newHouse(t)
	ref, _ := h.push("web:1", runtime.GOARCH)
	got, err := h.client().Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	for status, last := range map[int]bool{404: true, 403: true, 500: false, 503: false, 429: false} {
		h.set(onBlobs(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(status); return true }))
		_, _, err := read(t, got, got.Layers[0], 0)
		var known *rouse.Error
		if err == nil || errors.As(err, &known) != last {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestAConnectionThatStandsStillIsGivenUp(t *testing.T) {
	h := newHouse(t)
	ref, _ := h.push("web:1", runtime.GOARCH)
	c := h.client()
	got, err := c.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	c.stall = 50 * time.Millisecond
	h.set(onBlobs(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Length", fmt.Sprint(got.Layers[0].Size))
		w.Write([]byte("the beginning"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	}))
	if b, _, err := read(t, got, got.Layers[0], 0); err == nil || string(b) != "the beginning" {
		t.Errorf("%q, %v", b, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	body, _, err := got.Open(ctx, got.Layers[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(body); err == nil {
		t.Error("nobody waits any more, and it is read on")
	}
	body.Close()
}

func TestOtherHostsAreNotSpokenToInTheClear(t *testing.T) {
	newHouse(t)
	asked := false
	c := New()
	c.transport.plain.DialContext = func(context.Context, string, string) (net.Conn, error) {
		asked = true
		return nil, errors.New("no way there")
	}
	r, err := http.NewRequest(http.MethodGet, "http://10.1.2.3/v2/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.transport.RoundTrip(r); err == nil || asked {
		t.Errorf("error %v, asked %t", err, asked)
	}
	for _, host := range []string{"localhost:5000", "127.0.0.1:5000", "[::1]:5000"} {
		asked = false
		r.URL.Host = host
		if _, err := c.transport.RoundTrip(r); err == nil || !asked {
			t.Errorf("%s: error %v, asked %t", host, err, asked)
		}
	}
}
