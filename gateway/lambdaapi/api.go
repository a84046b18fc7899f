package lambdaapi

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// Config joins the API to the platform. Every field is needed unless it says otherwise.
type Config struct {
	Catalog  Catalog
	Packages Packages
	Layers   Layers
	Capacity Capacity
	// Stations stand before an invocation: metrics, limit, hold, in this order.
	Stations []gateway.Station
	// Later handles events that are not waited for.
	Later Later
	// Mappings and Queues are where events come from; queues are also destinations.
	Mappings Mappings
	Queues   Queues
	// Signing has the code signing configurations.
	Signing Signing
	// Objects is where archives may be read from; nil is nowhere.
	Objects Objects
	// Webhook says whether a URL may be told of events' ends; an error is Invalid.
	Webhook func(url string) error
	// Guard keeps web pages out.
	Guard gateway.Guard
	// Place is where ARNs say that everything is.
	Place rouse.Place
	// Concurrency is the account's limit, and MaxEvent the largest event.
	Concurrency int
	MaxEvent    rouse.Bytes
	Runtimes    []string // those that functions may have
	Log         *slog.Logger
}

type api struct {
	Config
	routes     routes
	handlers   map[string]handler
	invocation gateway.Handler
	streaming  gateway.Handler
	keeping    gateway.Handler
	pick       func() float64 // in [0,1), chooses between an alias' versions
	now        func() time.Time
	secret     []byte // makes markers that nobody else can make
	machine    string // the architecture that runs here, in AWS's words
}

// handler answers one operation: with a value for the body, or nil for none.
type handler func(*api, *request) (any, error)

// New makes the handler of every path that Serves accepts. It starts nothing.
func New(cfg Config) http.Handler {
	a := newAPI(cfg)
	return gateway.Entry(a.serve, cfg.Log)
}

func newAPI(cfg Config) *api {
	a := &api{
		Config: cfg, routes: newRoutes(), handlers: handlers, pick: rand.Float64, now: time.Now, secret: newSecret(), machine: "x86_64",
	}
	if runtime.GOARCH == "arm64" {
		a.machine = "arm64"
	}
	last := len(cfg.Stations) - 1
	before, hold := cfg.Stations[:last], cfg.Stations[last]
	// What is no event has nothing waited for, or started.
	a.invocation = gateway.Chain(a.understand(hold(a.invokeEnd)), before...)
	a.streaming = gateway.Chain(a.understand(hold(a.streamEnd)), before...)
	a.keeping = gateway.Chain(a.keepEnd, before...)
	return a
}

// serve answers a call in AWS's form, errors too.
func (a *api) serve(c *gateway.Call) error {
	if uuid.Validate(c.ID) != nil { // a client's own id; handlers expect AWS's form
		c.ID = uuid.NewString()
	}
	c.Writer.Header()["X-Amzn-Requestid"] = []string{c.ID}
	err := a.dispatch(c)
	if err == nil || errors.Is(err, gateway.ErrClientGone) {
		return err
	}
	if gateway.Sent(c.Writer) != 0 {
		return err // half an answer is out: the connection is cut
	}
	e := translate(err)
	if e.status == http.StatusInternalServerError && e.retry == 0 {
		a.Log.Error("request failed", "request_id", c.ID, "method", c.Request.Method, "path", c.Request.URL.Path, "error", err)
	}
	e.write(c.Writer)
	return nil
}

func (a *api) dispatch(c *gateway.Call) error {
	if err := a.Guard.Check(c.Writer, c.Request); err != nil {
		return denied("%s", err.(*rouse.Error).Message)
	}
	path := c.Request.URL.EscapedPath()
	// Invoke comes before all others, since it is what nearly every request is.
	if name, ok := invoked(c.Request.Method, path); ok {
		return a.invoke(c, name)
	}
	if digest, ok := strings.CutPrefix(path, packagesPath); ok && c.Request.Method == http.MethodGet {
		return a.download(c, digest)
	}
	query := c.Request.URL.Query()
	op, params, ok := a.routes.find(c.Request.Method, path, query)
	if !ok {
		e := missing("Unable to determine service/operation name to be authorized")
		e.name, e.status = "UnknownOperationException", http.StatusNotFound
		return e
	}
	switch op.name {
	case "InvokeWithResponseStream":
		return a.invokeStream(c, params["FunctionName"])
	case "InvokeAsync":
		return a.invokeAsync(c, params["FunctionName"])
	}
	h, ok := a.handlers[op.name]
	if !ok {
		return notBuilt(op.name)
	}
	r, err := a.read(c, op, params, query)
	if err != nil {
		return err
	}
	answer, err := h(a, r)
	if err != nil {
		return err
	}
	return reply(c, op.status, answer)
}
