package registry

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/artifact/registry/registrytest"
)

// identity is a certificate that vouches for itself, and its key, as files.
func identity(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	signed, err := x509.CreateCertificate(rand.Reader, about, about, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

func TestARegistryIsTrustedAndProvedToAsDockersFolderSays(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	cert, key := identity(t)
	friends := x509.NewCertPool()
	friends.AppendCertsFromPEM(cert)
	server := httptest.NewUnstartedServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: friends}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	const addr = "example.com:5000" // whose certificate the server has
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})

	dir := filepath.Join(t.TempDir(), addr)
	c := New()
	defer c.CloseIdle()
	c.transport.dir = filepath.Dir(dir)
	c.transport.plain.Proxy = nil
	c.transport.plain.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	}
	put := func(files map[string][]byte) {
		t.Helper()
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	all := map[string][]byte{"ca.crt": authority, "client.cert": cert, "client.key": key, "README": []byte("for people")}
	put(all)
	img := imageFor(t, runtime.GOARCH)
	ref, err := name.ParseReference(addr + "/shop/fn:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img, remote.WithTransport(c.transport)); err != nil {
		t.Fatal(err)
	}

	for what, bad := range map[string]struct {
		files map[string][]byte
		code  rouse.Code
		say   string
	}{
		"no folder's files":           {nil, rouse.Unavailable, "certificate"},
		"another's authority":         {map[string][]byte{"ca.crt": cert, "client.cert": cert, "client.key": key}, rouse.Unavailable, "certificate"},
		"nothing that we show":        {map[string][]byte{"ca.crt": authority}, rouse.Unavailable, "cannot be reached"},
		"an authority that is none":   {map[string][]byte{"ca.crt": []byte("nonsense")}, rouse.Invalid, "the certificates for the registry " + addr + " cannot be read"},
		"a certificate without a key": {map[string][]byte{"ca.crt": authority, "client.cert": cert}, rouse.Invalid, "cannot be read"},
		"a key without a certificate": {map[string][]byte{"ca.crt": authority, "client.key": key}, rouse.Invalid, "cannot be read"},
	} {
		put(bad.files)
		if _, err := c.Resolve(t.Context(), ref.Name()); rouse.CodeOf(err) != bad.code || !strings.Contains(fmt.Sprint(err), bad.say) {
			t.Errorf("%s: error %v; want code %s and %q", what, err, bad.code, bad.say)
		}
	}

	put(all) // which is seen without a restart
	got, err := c.Resolve(t.Context(), ref.Name())
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	want := registrytest.Content(t, layers[0])
	body, _, err := got.Open(t.Context(), got.Layers[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if b, err := io.ReadAll(body); err != nil || !bytes.Equal(b, want) {
		t.Errorf("the layer has %d bytes, want %d, %v", len(b), len(want), err)
	}
}

func TestNoNameOfAHostLeadsOutOfTheFolder(t *testing.T) {
	c := New()
	c.transport.dir = t.TempDir()
	for _, host := range []string{"..", "../..", "/etc", ""} {
		if got, err := c.transport.of(host); err != nil || got != c.transport.plain {
			t.Errorf("%q: %v", host, err)
		}
	}
}

var _ http.RoundTripper = safe{}
