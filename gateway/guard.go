package gateway

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/rousehq/rouse"
)

// Guard keeps web pages away from what listens on this machine without asking
// who calls: the control API, the console. A browser can be made to send
// requests here by any page it shows, but it says truthfully which host it
// thinks it speaks to and that it is a browser.
type Guard struct {
	// Hosts are further names under which this server is reached.
	Hosts []string
	// SameOrigin lets pages of this server's own origin read, which functions'
	// pages below /fn/ are too.
	SameOrigin bool
}

// Check returns an Invalid error for a request that a web page may have caused,
// and has browsers keep what they are answered from the pages that they show.
//
// The Host must be one that no stranger's name server can point at us (DNS
// rebinding): an address, a name without a dot, or a configured name. Requests
// that change something are refused from browsers altogether, their own origin
// included: pages of functions below /fn/ share it. For the same reason scripts
// read nothing. People may go where they like: what a window of theirs shows has
// an origin of its own, so that no other window can look into it.
func (g Guard) Check(w http.ResponseWriter, r *http.Request) error {
	if !g.known(r.Host) {
		return rouse.Errorf(rouse.Invalid, "host %q: not a name of this server; use localhost, an address, or a configured domain", rouse.Clip(r.Host))
	}
	site := r.Header.Get("Sec-Fetch-Site")
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions {
		switch {
		case g.SameOrigin:
		case site == "same-origin" && r.Header.Get("Sec-Fetch-Mode") != "navigate":
			return rouse.Errorf(rouse.Invalid, "origin: web pages may not read this, since functions' pages have the same origin; open it in a window, or use a client outside of the browser")
		default:
			w.Header()["Content-Security-Policy"] = sealed
		}
		return nil
	}
	if (site != "" && site != "none") || r.Header.Get("Origin") != "" {
		return rouse.Errorf(rouse.Invalid, "origin %q: web pages may not change anything here; use the command line or a client outside of the browser", rouse.Clip(r.Header.Get("Origin")))
	}
	return nil
}

// sealed shows an answer as a page of an origin that no other has.
var sealed = []string{"sandbox; default-src 'none'; frame-ancestors 'none'"}

// Wrap refuses on behalf of next.
func (g Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := g.Check(w, r); err != nil {
			WriteErrorStatus(w, http.StatusForbidden, requestID(r), err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (g Guard) known(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "" {
		return false
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	// Names without a dot are resolved by this network, not by a stranger, and
	// those below localhost by nobody (RFC 6761).
	return !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost") || host == "host.docker.internal" ||
		slices.ContainsFunc(g.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}
