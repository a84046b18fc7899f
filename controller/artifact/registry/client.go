package registry

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/rousehq/rouse"
)

// Client reads from registries. Its methods may be called at once from many
// goroutines.
type Client struct {
	transport safe
	keys      authn.Keychain
	platform  v1.Platform
	stall     time.Duration // a connection that brings nothing for so long is given up
}

// New returns a client for images that run on this machine.
func New() *Client {
	return &Client{
		transport: safe{&hosts{dir: certificates, plain: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			ForceAttemptHTTP2:     true,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: 30 * time.Second,
			IdleConnTimeout:       30 * time.Second,
			MaxIdleConnsPerHost:   8,
		}}},
		keys:     authn.DefaultKeychain,
		platform: v1.Platform{OS: "linux", Architecture: runtime.GOARCH},
		stall:    30 * time.Second,
	}
}

// CloseIdle closes the connections that nothing is read from just now.
func (c *Client) CloseIdle() { c.transport.CloseIdleConnections() }

// Login is how to prove to a registry who asks.
type Login struct {
	Username, Password string
	IdentityToken      string // instead of a password
	RegistryToken      string // instead of all of them
}

// Login finds in Docker's credential file who is to read ref; the zero Login when
// nobody in particular is. It may run a credential helper, and blocks as long as
// that takes.
func (c *Client) Login(ctx context.Context, ref string) (Login, error) {
	parsed, err := parse(ref)
	if err != nil {
		return Login{}, err
	}
	found, err := c.credentials(ctx, parsed.Context())
	if err != nil {
		return Login{}, err
	}
	a, err := authn.Authorization(ctx, found)
	if err != nil {
		return Login{}, unreadable(err)
	}
	return Login{Username: a.Username, Password: a.Password, IdentityToken: a.IdentityToken, RegistryToken: a.RegistryToken}, nil
}

func (c *Client) credentials(ctx context.Context, of name.Repository) (authn.Authenticator, error) {
	found, err := authn.Resolve(ctx, c.keys, of)
	if err != nil {
		return nil, unreadable(err)
	}
	return found, nil
}

func unreadable(err error) error {
	return &rouse.Error{
		Code:    rouse.Invalid,
		Message: "the credentials for the registry cannot be read: see config.json in DOCKER_CONFIG or ~/.docker, and the helper that it names",
		Cause:   err,
	}
}

// parse reads an image's name as Docker does: docker.io and latest are what it
// leaves out.
func parse(ref string) (name.Reference, error) {
	if id, ok := strings.CutPrefix(ref, "sha256:"); ok && len(id) == 64 {
		return nil, rouse.Errorf(rouse.StartFailed, "image %s: not on this engine, and an id alone cannot be pulled: name it with its registry", ref)
	}
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return nil, &rouse.Error{Code: rouse.Invalid, Message: fmt.Sprintf("image %.200q: not an image's name", ref), Cause: err}
	}
	return parsed, nil
}

// safe refuses to speak in the clear to other hosts, whatever they ask for: the
// requests carry credentials. Blobs that a registry redirects to have digests.
type safe struct{ *hosts }

func (s safe) RoundTrip(r *http.Request) (*http.Response, error) {
	redirected := r.Response != nil && r.Header.Get("Authorization") == ""
	if r.URL.Scheme != "https" && !redirected && !isLoopback(r.URL.Hostname()) {
		return nil, fmt.Errorf("%s speaks no TLS, which only a registry on this host need not", r.URL.Host)
	}
	return s.hosts.RoundTrip(r)
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
