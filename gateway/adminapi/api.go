package adminapi

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// Config joins the API to the platform. Every field is needed unless it says otherwise.
type Config struct {
	Catalog Catalog
	Pool    Pool
	Uploads Uploads
	Logs    Logs
	Keys    Keys
	// Stations stand before an invocation: metrics, limit, hold, in this order.
	Stations []gateway.Station
	Jobs     Jobs
	// Queued is how many jobs of a function have not ended, and does not block;
	// nil is none.
	Queued func(rouse.FunctionName) int
	// Paused says whether none of a function's jobs begins; nil is never.
	Paused func(rouse.FunctionName) bool
	// Webhook says whether a URL may be told of jobs' ends; an error is Invalid.
	// nil takes any.
	Webhook func(url string) error
	// Schedules may be nil where nothing runs at a time of its own.
	Schedules Schedules
	// Guard keeps web pages out.
	Guard gateway.Guard
	// Schema is the JSON Schema of rouse.yaml.
	Schema []byte
	// MaxUpload bounds an uploaded archive; 0 is 250 MB.
	MaxUpload rouse.Bytes

	Version      string
	Driver       string
	DriverReason string
	Started      time.Time
	Log          *slog.Logger
}

type api struct {
	Config
	invocation gateway.Handler
	job        gateway.Handler
}

// New makes the handler of everything below /api/v1. It starts nothing.
func New(cfg Config) http.Handler {
	if cfg.MaxUpload <= 0 {
		cfg.MaxUpload = 250 * rouse.MB
	}
	if cfg.Webhook == nil {
		cfg.Webhook = func(string) error { return nil }
	}
	if cfg.Queued == nil {
		cfg.Queued = func(rouse.FunctionName) int { return 0 }
	}
	if cfg.Paused == nil {
		cfg.Paused = func(rouse.FunctionName) bool { return false }
	}
	a := &api{Config: cfg, invocation: gateway.Chain(invoke, cfg.Stations...), job: gateway.Chain(cfg.Jobs.Submit, cfg.Stations[:max(0, len(cfg.Stations)-1)]...)}
	// Names are checked by their own rules, so paths are matched as they came.
	router := mux.NewRouter().SkipClean(true).UseEncodedPath()
	for path, methods := range byPath(a.routes()) {
		router.Handle(path, a.entry(methods.serve))
	}
	router.NotFoundHandler = a.entry(func(c *gateway.Call) error {
		return rouse.Errorf(rouse.NotFound, "path: no such endpoint; /api/v1/openapi.json lists them")
	})
	return router
}

// entry is the way in of every endpoint.
func (a *api) entry(next gateway.Handler) http.Handler {
	return gateway.Entry(func(c *gateway.Call) error {
		if err := a.Guard.Check(c.Writer, c.Request); err != nil {
			gateway.WriteErrorStatus(c.Writer, http.StatusForbidden, c.ID, err)
			return nil
		}
		return next(c)
	}, a.Log)
}

// methods are the endpoints of one path.
type methods map[string]gateway.Handler

func byPath(routes []route) map[string]methods {
	paths := map[string]methods{}
	for _, r := range routes {
		if paths[r.path] == nil {
			paths[r.path] = methods{}
		}
		paths[r.path][r.method] = r.serve
	}
	return paths
}

func (m methods) serve(c *gateway.Call) error {
	method := c.Request.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if h, ok := m[method]; ok {
		return h(c)
	}
	var allowed []string
	for name := range m {
		allowed = append(allowed, name)
	}
	slices.Sort(allowed)
	list := strings.Join(allowed, ", ")
	c.Writer.Header().Set("Allow", list)
	gateway.WriteErrorStatus(c.Writer, http.StatusMethodNotAllowed, c.ID,
		rouse.Errorf(rouse.Invalid, "method %s: this path allows %s", method, list))
	return nil
}

// param is a part of the path, unescaped.
func param(c *gateway.Call, name string) (string, error) {
	value, err := url.PathUnescape(mux.Vars(c.Request)[name])
	if err != nil {
		return "", rouse.Errorf(rouse.Invalid, "%s: not a valid escape", name)
	}
	return value, nil
}

func functionName(c *gateway.Call) (rouse.FunctionName, error) {
	name, err := param(c, "name")
	if err != nil {
		return "", err
	}
	return rouse.ParseFunctionName(name)
}

// function is the existing function that the path names.
func (a *api) function(c *gateway.Call) (*rouse.Function, error) {
	name, err := functionName(c)
	if err != nil {
		return nil, err
	}
	return a.Catalog.Function(name)
}
