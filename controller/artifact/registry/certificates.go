package registry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rousehq/rouse"
)

// certificates is where Docker has a folder for each registry that is trusted,
// or that trusts us, in a way of its own: HOST or HOST:PORT, as images name it.
const certificates = "/etc/docker/certs.d"

// hosts is a transport that shows and trusts what the folder of a host holds:
// *.crt are authorities beside the system's, NAME.cert and NAME.key are ours.
type hosts struct {
	dir   string
	plain *http.Transport // for hosts without a folder

	mu  sync.Mutex
	own map[string]*http.Transport // by host
}

// RoundTrip is http.RoundTripper's.
func (h *hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	t, err := h.of(r.URL.Host)
	if err != nil {
		return nil, err
	}
	return t.RoundTrip(r)
}

// of is the transport for a host. A folder is read when its host is first asked,
// and again after renew.
func (h *hosts) of(host string) (*http.Transport, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t, ok := h.own[host]; ok {
		return t, nil
	}
	if !filepath.IsLocal(host) {
		return h.plain, nil
	}
	config, err := trust(filepath.Join(h.dir, host))
	if errors.Is(err, errNoFolder) {
		return h.plain, nil
	}
	if err != nil {
		return nil, &rouse.Error{
			Code:    rouse.Invalid,
			Message: fmt.Sprintf("the certificates for the registry %s cannot be read: see its folder in %s", host, certificates),
			Cause:   err,
		}
	}
	t := h.plain.Clone()
	t.TLSClientConfig = config
	if h.own == nil {
		h.own = make(map[string]*http.Transport)
	}
	h.own[host] = t
	return t, nil
}

// renew has a host's folder read again.
func (h *hosts) renew(host string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t, ok := h.own[host]; ok {
		t.CloseIdleConnections()
		delete(h.own, host)
	}
}

// CloseIdleConnections closes those that nothing is read from just now.
func (h *hosts) CloseIdleConnections() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.plain.CloseIdleConnections()
	for _, t := range h.own {
		t.CloseIdleConnections()
	}
}

var errNoFolder = errors.New("nothing is said of this host")

// trust is what a host's folder says.
func trust(dir string) (*tls.Config, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoFolder
	}
	if err != nil {
		return nil, err
	}
	trusted, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: trusted}
	for _, e := range entries {
		file := filepath.Join(dir, e.Name())
		name, kind := strings.TrimSuffix(file, filepath.Ext(file)), filepath.Ext(file)
		switch kind {
		case ".crt":
			pem, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			if !trusted.AppendCertsFromPEM(pem) {
				return nil, fmt.Errorf("%s holds no certificate", file)
			}
		case ".cert":
			pair, err := tls.LoadX509KeyPair(file, name+".key")
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			config.Certificates = append(config.Certificates, pair)
		case ".key":
			if _, err := os.Stat(name + ".cert"); err != nil {
				return nil, err
			}
		}
	}
	return config, nil
}
