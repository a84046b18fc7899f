package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/artifact/registry/registrytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newHouse is a registry to which nobody has logged in.
func newHouse(t *testing.T) *registrytest.Registry {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	return registrytest.New(t)
}

func newClient(t *testing.T) *Client {
	c := New()
	t.Cleanup(c.CloseIdle)
	return c
}

func imageFor(t *testing.T, arch string) v1.Image {
	t.Helper()
	img, err := random.Image(50_000, 3)
	if err != nil {
		t.Fatal(err)
	}
	return registrytest.Configured(t, img, func(c *v1.ConfigFile) { c.Architecture = arch })
}

// indexFor is an index of an image for each architecture.
func indexFor(t *testing.T, arches ...string) v1.ImageIndex {
	t.Helper()
	index := v1.ImageIndex(empty.Index)
	for _, arch := range arches {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: imageFor(t, arch), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	return index
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
	img := imageFor(t, runtime.GOARCH)
	ref := h.Push("shop/web:1", img)
	got, err := newClient(t).Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := img.ConfigName()
	digest, _ := img.Digest()
	config, _ := img.RawConfigFile()
	if got.ID != id.String() || got.Pinned != h.Addr+"/shop/web@"+digest.String() || !bytes.Equal(got.Config, config) {
		t.Errorf("got %s as %s", got.ID, got.Pinned)
	}
	layers, _ := img.Layers()
	if len(got.Layers) != len(layers) {
		t.Fatalf("%d layers, want %d", len(got.Layers), len(layers))
	}
	for i, l := range layers {
		want := registrytest.Content(t, l)
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
	h.Push("shop/web:1", imageFor(t, runtime.GOARCH))
	for _, ref := range []string{got.Pinned, ref + "@" + digest.String()} {
		if again, err := newClient(t).Resolve(t.Context(), ref); err != nil || again.ID != got.ID {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

func TestAnIndexMeansTheImageForThisMachine(t *testing.T) {
	h := newHouse(t)
	ref := h.PushIndex("multi:1", indexFor(t, other(), runtime.GOARCH, "s390x"))
	got, err := newClient(t).Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(got.Config), `"architecture":"`+runtime.GOARCH+`"`) {
		t.Errorf("got %s", got.Config)
	}
}

func TestWhatCannotRunHereIsRefused(t *testing.T) {
	h := newHouse(t)
	foreign := h.Push("foreign:1", imageFor(t, other()))
	for ref, test := range map[string]struct {
		code rouse.Code
		want string
	}{
		foreign: {rouse.Invalid, "it is for linux/" + other() + ", and this machine is linux/" + runtime.GOARCH},
		h.PushIndex("multi:1", indexFor(t, "s390x", other())): {rouse.Invalid, "it is for linux/" + other() + ", linux/s390x, and"},
		h.Addr + "/nothing:1":               {rouse.StartFailed, "has no such image"},
		h.Addr + "/UPPER:1":                 {rouse.Invalid, "not an image's name"},
		"":                                  {rouse.Invalid, "not an image's name"},
		"a b":                               {rouse.Invalid, "not an image's name"},
		"sha256:" + strings.Repeat("0", 64): {rouse.StartFailed, "an id alone cannot be pulled"},
		"127.0.0.1:1/web:1":                 {rouse.Unavailable, "cannot be read: dial tcp 127.0.0.1:1: connect: connection refused"},
	} {
		_, err := newClient(t).Resolve(t.Context(), ref)
		if rouse.CodeOf(err) != test.code || !strings.Contains(fmt.Sprint(err), test.want) {
			t.Errorf("%q: error %v; want code %s and %q", ref, err, test.code, test.want)
		}
	}
}

// private is what ann's password opens.
var private = registrytest.Private("ann", "secret")

func TestAPrivateImageNeedsALogin(t *testing.T) {
	h := newHouse(t)
	ref := h.Push("private:1", imageFor(t, runtime.GOARCH))
	h.Set(private)
	check := func(what, want string) {
		t.Helper()
		got, err := newClient(t).Resolve(t.Context(), ref)
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
	check("nobody", "`docker login "+h.Addr+"` is needed")
	h.Login("ann", "wrong")
	check("a wrong password", "`docker login "+h.Addr+"` is needed")
	h.Login("ann", "secret")
	check("ann", "")
	if l, err := newClient(t).Login(t.Context(), ref); err != nil || l.Username != "ann" || l.Password != "secret" {
		t.Errorf("the engine is given %+v, %v", l, err)
	}
	if l, err := newClient(t).Login(t.Context(), "elsewhere.example/x"); err != nil || l != (Login{}) {
		t.Errorf("another registry is given %+v, %v", l, err)
	}
	h.Credentials(`{"auths":`)
	check("a broken file", "credentials for the registry cannot be read")

	helpers := t.TempDir()
	script := "#!/bin/sh\nread host\n[ \"$host\" = " + h.Addr + " ] || { echo credentials not found in native keychain; exit 1; }\n" +
		`echo '{"ServerURL":"","Username":"ann","Secret":"secret"}'` + "\n"
	if err := os.WriteFile(filepath.Join(helpers, "docker-credential-house"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", helpers+":"+os.Getenv("PATH"))
	h.Credentials(fmt.Sprintf(`{"credHelpers":{%q:"house"}}`, h.Addr))
	check("a credential helper", "")
}

// A registry may send those who ask to somebody who knows them, as Docker Hub does.
func TestATokenIsFetchedWhereOneIsNeeded(t *testing.T) {
	h := newHouse(t)
	ref := h.Push("private:1", imageFor(t, runtime.GOARCH))
	h.Login("ann", "secret")
	h.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			if !private(w, r) {
				fmt.Fprintf(w, `{"token":"for %s"}`, r.URL.Query().Get("scope"))
			}
			return true
		}
		if r.Header.Get("Authorization") == "Bearer for repository:private:pull" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+h.Addr+`/token",service="house"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	got, err := newClient(t).Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(t, got, got.Layers[0], 10); err != nil {
		t.Error(err)
	}
}

func TestALayerIsReadFromWhereverTheRegistryHasIt(t *testing.T) {
	h := newHouse(t)
	img := imageFor(t, runtime.GOARCH)
	ref := h.Push("web:1", img)
	layers, _ := img.Layers()
	want := registrytest.Content(t, layers[0])
	c := newClient(t)
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
	h.Set(registrytest.OnBlobs(func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, elsewhere.URL+"/there", http.StatusTemporaryRedirect)
		return true
	}))
	if b, at, err := read(t, got, l, 7); err != nil || at != 7 || !bytes.Equal(b, want[7:]) {
		t.Errorf("redirected: %d bytes from %d, %v", len(b), at, err)
	}

	// From the beginning, where a registry gives no parts, or says that it cannot.
	h.Set(registrytest.OnBlobs(func(w http.ResponseWriter, r *http.Request) bool {
		w.Write(want)
		return true
	}))
	if b, at, err := read(t, got, l, 7); err != nil || at != 0 || !bytes.Equal(b, want) {
		t.Errorf("whole: %d bytes from %d, %v", len(b), at, err)
	}
	h.Set(registrytest.OnBlobs(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Range") != "" {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return true
		}
		return false
	}))
	if b, at, err := read(t, got, l, 7); err != nil || at != 0 || !bytes.Equal(b, want) {
		t.Errorf("refused parts: %d bytes from %d, %v", len(b), at, err)
	}
	h.Set(registrytest.OnBlobs(func(w http.ResponseWriter, r *http.Request) bool {
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
	ref := h.Push("web:1", imageFor(t, runtime.GOARCH))
	got, err := newClient(t).Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	for status, last := range map[int]bool{404: true, 403: true, 500: false, 503: false, 429: false} {
		h.Set(registrytest.OnBlobs(registrytest.Status(status)))
		_, _, err := read(t, got, got.Layers[0], 0)
		var known *rouse.Error
		if err == nil || errors.As(err, &known) != last {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestAConnectionThatStandsStillIsGivenUp(t *testing.T) {
	h := newHouse(t)
	ref := h.Push("web:1", imageFor(t, runtime.GOARCH))
	c := newClient(t)
	got, err := c.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	c.stall = 50 * time.Millisecond
	h.Set(registrytest.OnBlobs(registrytest.StandStill([]byte("the beginning"), got.Layers[0].Size)))
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
