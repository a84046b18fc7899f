// Package proxy is the last station: it brings a call to the instance that it
// has a lease of, and the answer to the client.
//
// For the lambda contract the request becomes an API Gateway event of payload
// format 2.0 and the result becomes a response. For the http contract the
// request is forwarded and everything streams both ways, upgrades included. The
// lease goes back after the last byte that the instance has a part in.
package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// Proxy is the station. It is made by New and serves any number of calls at once.
type Proxy struct {
	account string        // what events say that the API belongs to
	within  time.Duration // how long a client may take nothing
	buffers sync.Pool     // of *[]byte, for copying
}

// New makes a Proxy. account is AWS's word for whom events' API belongs to, which
// handlers expect to be 12 digits.
func New(account string) *Proxy {
	return &Proxy{account: account, within: patience, buffers: sync.Pool{New: func() any {
		b := make([]byte, 32<<10)
		return &b
	}}}
}

// Handle is the gateway.Handler at the end of the chain: it answers the call
// through its lease, which it releases.
func (p *Proxy) Handle(c *gateway.Call) error {
	switch target := c.Lease.Target.(type) {
	case rouse.EventTarget:
		return p.invoke(c)
	case http.RoundTripper:
		return p.forward(c, target)
	}
	return rouse.Errorf(rouse.Internal, "a target of type %T", c.Lease.Target)
}

// origin is what the function is told of where a request came from.
type origin struct {
	ip                     string
	forwarded, proto, host string // X-Forwarded-For, -Proto, -Host
}

// originOf believes what a proxy on this machine says of scheme and host, and
// nobody else.
func originOf(r *http.Request) origin {
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip = r.RemoteAddr
	}
	o := origin{ip: ip, forwarded: ip, proto: "http", host: r.Host}
	if r.TLS != nil {
		o.proto = "https"
	}
	if before := r.Header["X-Forwarded-For"]; len(before) > 0 {
		o.forwarded = strings.Join(before, ", ") + ", " + ip
	}
	said, saidHost := r.Header["X-Forwarded-Proto"], r.Header["X-Forwarded-Host"]
	if len(said) == 0 && len(saidHost) == 0 {
		return o
	}
	if addr, err := netip.ParseAddr(ip); err == nil && addr.IsLoopback() {
		if len(said) > 0 {
			o.proto = said[0]
		}
		if len(saidHost) > 0 {
			o.host = saidHost[0]
		}
	}
	return o
}

// port is the one that the request came to.
func (o origin) port() string {
	if _, port, err := net.SplitHostPort(o.host); err == nil {
		return port
	}
	if o.proto == "https" {
		return "443"
	}
	return "80"
}

// hopByHop says whether a header, in canonical form, concerns one connection only.
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// named lists what else a Connection header declares to be hop-by-hop.
func named(h http.Header) []string {
	var names []string
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); name != "" && !strings.EqualFold(name, "close") && !strings.EqualFold(name, "keep-alive") {
				names = append(names, http.CanonicalHeaderKey(name))
			}
		}
	}
	return names
}
