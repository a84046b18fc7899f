// Package route is the first station: it finds which function, qualifier and
// revision a request is for, and what of its path the function sees.
//
// A function is addressed by path, /fn/NAME[:QUALIFIER]/…, or by host,
// NAME.localhost or NAME.DOMAIN, which reaches its $LATEST at the root. Paths
// and query strings go on as the client wrote them, byte for byte.
package route

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// Resolver is what route needs of the control plane. Resolve does not block;
// an unknown name or qualifier is a NotFound error.
type Resolver interface {
	Resolve(ref rouse.Ref) (*rouse.Function, *rouse.Revision, error)
}

// Router tells requests for functions from all others and routes them.
type Router struct {
	resolver Resolver
	suffixes []string // ".localhost", ".DOMAIN", in lower case
}

// New makes a router for hosts below localhost and below the given domains.
func New(resolver Resolver, domains ...string) *Router {
	rt := &Router{resolver: resolver}
	for _, domain := range append([]string{"localhost"}, domains...) {
		if domain = strings.ToLower(strings.Trim(domain, ".")); domain != "" {
			rt.suffixes = append(rt.suffixes, "."+domain)
		}
	}
	return rt
}

// Serves says whether the request addresses a function, existing or not.
func (rt *Router) Serves(r *http.Request) bool {
	if _, ok := rt.hostName(r.Host); ok {
		return true
	}
	path := rawPath(r)
	return path == "/fn" || strings.HasPrefix(path, "/fn/")
}

// Hosted is the function that the request's host names, existing or not; ok is
// false when a path does, or nothing.
func (rt *Router) Hosted(r *http.Request) (name rouse.FunctionName, ok bool) {
	host, ok := rt.hostName(r.Host)
	return rouse.FunctionName(host), ok
}

// Station fills in the call's Ref, Function, Revision, Path and Prefix. Errors
// are Invalid for a name that cannot be one and NotFound for one that nobody has.
func (rt *Router) Station(next gateway.Handler) gateway.Handler {
	return func(c *gateway.Call) error {
		ref, path, prefix, err := rt.address(c.Request)
		if err != nil {
			return err
		}
		c.Ref, c.Path, c.Prefix = ref, path, prefix
		if c.Function, c.Revision, err = rt.resolver.Resolve(ref); err != nil {
			return err
		}
		if prefix != "" {
			c.Request.Header.Set("X-Forwarded-Prefix", prefix)
		}
		return next(c)
	}
}

func (rt *Router) address(r *http.Request) (ref rouse.Ref, path, prefix string, err error) {
	if name, ok := rt.hostName(r.Host); ok {
		fn, err := rouse.ParseFunctionName(name)
		return rouse.Ref{Name: fn, Qualifier: rouse.Latest}, rawPath(r), "", err
	}
	return splitPath(rawPath(r))
}

// splitPath takes /fn/NAME[:QUALIFIER]/… apart. prefix and path joined are the
// raw path again, but for the slash that a bare /fn/NAME lacks.
func splitPath(raw string) (ref rouse.Ref, path, prefix string, err error) {
	rest, ok := strings.CutPrefix(raw, "/fn/")
	if !ok {
		return ref, "", "", rouse.Errorf(rouse.NotFound, "no function is addressed; use /fn/NAME/")
	}
	segment, tail, slash := strings.Cut(rest, "/")
	name, err := url.PathUnescape(segment)
	if err != nil {
		return ref, "", "", rouse.Errorf(rouse.Invalid, "path: %q is not a valid escape", rouse.Clip(segment))
	}
	if ref, err = rouse.ParseRef(name); err != nil {
		return ref, "", "", err
	}
	prefix = raw[:len("/fn/")+len(segment)]
	if !slash {
		return ref, "/", prefix, nil
	}
	return ref, raw[len(raw)-len(tail)-1:], prefix, nil
}

// hostName is the function's name in a host below one of our domains. Browsers
// send hosts in lower case, so names with capitals are reached by path only.
func (rt *Router) hostName(host string) (string, bool) {
	if strings.LastIndexByte(host, ':') >= 0 {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
	}
	host = strings.TrimSuffix(host, ".")
	for _, suffix := range rt.suffixes {
		if n := len(host) - len(suffix); n > 0 && strings.EqualFold(host[n:], suffix) {
			return host[:n], true
		}
	}
	return "", false
}

// rawPath is the path as it stood in the request line. URL.EscapedPath would
// escape anew whatever it finds odd.
func rawPath(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		path, _, _ := strings.Cut(r.RequestURI, "?")
		return path
	}
	if path := r.URL.EscapedPath(); strings.HasPrefix(path, "/") {
		return path
	}
	return "/" // "OPTIONS *" and an absolute URI without a path
}
