package functionurl

import (
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// Catalog finds functions. None of its methods blocks; what does not exist is a
// NotFound error, and what they return must not be changed.
type Catalog interface {
	Functions() []rouse.Function
	Function(name rouse.FunctionName) (*rouse.Function, error)
	Resolve(ref rouse.Ref) (*rouse.Function, *rouse.Revision, error)
}

// Config joins a Front to the platform. Every field is needed but Domains.
type Config struct {
	Catalog Catalog
	// Next takes a call to its end: metrics, limit, hold, proxy.
	Next gateway.Handler
	// Caller is who signed a request to a URL that asks for that. It may read the
	// body, and then replaces it. An error that tells its AWS name by a method
	// Reason is answered with that; any other means that nobody signed.
	Caller   func(w http.ResponseWriter, r *http.Request) (*gateway.URLCaller, error)
	Domains  []string // below which URLs are, besides localhost
	Place    rouse.Place
	MaxEvent rouse.Bytes
	Log      *slog.Logger
}

// Front is all function URLs. It is made by New.
type Front struct {
	Config
	handler  http.Handler
	suffixes []string // ".lambda-url.REGION.localhost", in lower case
	known    sync.Map // of where an ID was found: ID → rouse.Ref
}

var _ http.Handler = (*Front)(nil)

// New makes a Front. It starts nothing.
func New(cfg Config) *Front {
	f := &Front{Config: cfg}
	for _, domain := range append([]string{"localhost"}, cfg.Domains...) {
		if domain = strings.ToLower(strings.Trim(domain, ".")); domain != "" {
			f.suffixes = append(f.suffixes, ".lambda-url."+strings.ToLower(cfg.Place.Region)+"."+domain)
		}
	}
	f.handler = gateway.Entry(f.serve, cfg.Log)
	return f
}

func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.handler.ServeHTTP(w, r) }

// Serves says whether the request addresses a function URL, existing or not.
func (f *Front) Serves(r *http.Request) bool {
	if f.hosted(r.Host) != "" {
		return true
	}
	return r.URL.Path == strings.TrimSuffix(pathPrefix, "/") || strings.HasPrefix(r.URL.Path, pathPrefix)
}

const pathPrefix = "/lambda-url/"

// hosted is the ID in a host, "" when there is none.
func (f *Front) hosted(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, suffix := range f.suffixes {
		if id, ok := strings.CutSuffix(host, suffix); ok {
			return id
		}
	}
	return ""
}

// address is the ID that a request names, and what its function sees of the path.
func (f *Front) address(r *http.Request) (id, path, prefix string) {
	raw := r.URL.EscapedPath()
	if strings.HasPrefix(r.RequestURI, "/") { // as the client wrote it
		raw, _, _ = strings.Cut(r.RequestURI, "?")
	}
	if raw == "" || raw == "*" {
		raw = "/"
	}
	if id := f.hosted(r.Host); id != "" {
		return id, raw, ""
	}
	rest, _ := strings.CutPrefix(raw, pathPrefix)
	id, _, slash := strings.Cut(rest, "/")
	prefix = raw[:len(raw)-len(rest)] + id
	if !slash {
		return id, "/", prefix
	}
	return id, raw[len(prefix):], prefix
}

// find is the URL of an ID, and whose it is.
func (f *Front) find(id string) (rouse.Ref, rouse.FunctionURL, bool) {
	if known, ok := f.known.Load(id); ok {
		ref := known.(rouse.Ref)
		if fn, err := f.Catalog.Function(ref.Name); err == nil && fn.Lambda != nil && fn.Lambda.URLs[ref.Qualifier].ID == id {
			return ref, fn.Lambda.URLs[ref.Qualifier], true
		}
		f.known.Delete(id)
	}
	for _, fn := range f.Catalog.Functions() {
		if fn.Lambda == nil {
			continue
		}
		for q, u := range fn.Lambda.URLs {
			if u.ID == id && id != "" {
				ref := rouse.Ref{Name: fn.Name, Qualifier: q}
				f.known.Store(id, ref)
				return ref, u, true
			}
		}
	}
	return rouse.Ref{}, rouse.FunctionURL{}, false
}

// serve answers a call in AWS's form, errors too.
func (f *Front) serve(c *gateway.Call) error {
	if uuid.Validate(c.ID) != nil { // a client's own id; handlers expect AWS's form
		c.ID = uuid.NewString()
	}
	c.Writer.Header()["X-Amzn-Requestid"] = []string{c.ID}
	id, path, prefix := f.address(c.Request)
	ref, url, ok := f.find(id)
	if !ok {
		unknown(c)
		return nil
	}
	head := func(http.Header) {}
	if url.CORS != nil {
		from := c.Request.Header.Get("Origin")
		if preflight(c.Request) {
			answerPreflight(c.Writer, url.CORS, from, c.Request.Header)
			return nil
		}
		head = func(h http.Header) { share(h, url.CORS, from) }
	}
	fn, rev, err := f.Catalog.Resolve(ref)
	if err != nil {
		return f.settle(c, head, err)
	}
	if fn.Lambda == nil {
		unknown(c)
		return nil
	}
	who, refused := f.admit(c, fn.Lambda.Policies[ref.Qualifier], url.Auth)
	if refused != nil {
		refuse(c, head, http.StatusForbidden, refused.name, body{"Message": refused.message})
		return nil
	}
	if rev.Spec.Contract != rouse.ContractLambda {
		return f.settle(c, head, rouse.Errorf(rouse.FunctionError, "the function speaks HTTP and takes no events"))
	}
	c.Ref, c.Function, c.Revision, c.Path, c.Prefix = ref, fn, rev, path, prefix
	c.URL = &gateway.URLCall{ID: id, ARN: f.Place.ARN(ref.Name, ref.Qualifier), Stream: url.Mode == rouse.URLStream, Caller: who, Head: head}
	return f.settle(c, head, f.Next(c))
}
