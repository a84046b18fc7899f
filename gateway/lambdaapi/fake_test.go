package lambdaapi

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a platform with one function, f, that answers as a test likes.
type world struct {
	mu     sync.Mutex
	fns    map[rouse.FunctionName]*rouse.Function // under mu
	revs   map[rouse.RevisionID]*rouse.Revision   // under mu
	layers map[string]rouse.Layer                 // under mu

	later       []rouse.JobRequest
	mappings    Mappings
	queues      []string                               // by name
	provisioned map[rouse.RevisionID]rouse.Provisioned // what is said of them

	signing []rouse.SigningConfig

	acquire error // why there is no lease; nil gives one
	invoke  func(ev *rouse.Event) (*rouse.Result, error)
}

func newWorld() *world {
	w := &world{fns: map[rouse.FunctionName]*rouse.Function{}, revs: map[rouse.RevisionID]*rouse.Revision{}, layers: map[string]rouse.Layer{}, queues: []string{"done", "dead"}}
	spec := rouse.DefaultSpec()
	spec.Runtime, spec.Handler, spec.Artifact.Code = "python3.11", "app.handler", "sha256:"+strings.Repeat("0", 64)
	if _, err := w.Create(context.Background(), "f", spec, func(*rouse.Function) error { return nil }); err != nil {
		panic(err)
	}
	return w
}

func (w *world) Queue(name string) (rouse.Queue, error) {
	if !slices.Contains(w.queues, name) {
		return rouse.Queue{}, rouse.Errorf(rouse.NotFound, "queue %q does not exist", name)
	}
	return rouse.Queue{}, nil
}

func (w *world) SigningConfigs() []rouse.SigningConfig { return slices.Clone(w.signing) }

func (w *world) CreateSigningConfig(_ context.Context, c rouse.SigningConfig) error {
	w.signing = append(w.signing, c)
	return nil
}

func (w *world) ChangeSigningConfig(_ context.Context, id string, edit func(*rouse.SigningConfig) error) (rouse.SigningConfig, error) {
	for i, c := range w.signing {
		if c.ID == id {
			err := edit(&c)
			if err == nil {
				w.signing[i] = c
			}
			return c, err
		}
	}
	return rouse.SigningConfig{}, rouse.Errorf(rouse.NotFound, "no configuration %s", id)
}

func (w *world) DeleteSigningConfig(_ context.Context, id string) error {
	left := slices.DeleteFunc(slices.Clone(w.signing), func(c rouse.SigningConfig) bool { return c.ID == id })
	if len(left) == len(w.signing) {
		return rouse.Errorf(rouse.NotFound, "no configuration %s", id)
	}
	w.signing = left
	return nil
}

func (w *world) Provisioned(id rouse.RevisionID) rouse.Provisioned { return w.provisioned[id] }

func (w *world) Functions() (fns []rouse.Function) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, fn := range w.fns {
		fns = append(fns, *fn)
	}
	return fns
}

func (w *world) Function(name rouse.FunctionName) (*rouse.Function, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if fn, ok := w.fns[name]; ok {
		return fn, nil
	}
	return nil, rouse.Errorf(rouse.NotFound, "function %q does not exist", name)
}

func (w *world) Revision(id rouse.RevisionID) (*rouse.Revision, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if rev, ok := w.revs[id]; ok {
		return rev, nil
	}
	return nil, rouse.Errorf(rouse.NotFound, "revision %s does not exist", id)
}

func (w *world) Create(_ context.Context, name rouse.FunctionName, spec rouse.Spec, edit func(*rouse.Function) error) (rouse.Function, error) {
	return w.turn(rouse.Function{Name: name, Settings: rouse.DefaultSettings()}, spec, edit)
}

func (w *world) turn(fn rouse.Function, spec rouse.Spec, edit func(*rouse.Function) error) (rouse.Function, error) {
	rev := rouse.NewRevision(fn.Name, spec, time.Now())
	fn.Latest = rev.ID
	if err := edit(&fn); err != nil {
		return fn, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fns[fn.Name], w.revs[rev.ID] = &fn, &rev
	return fn, nil
}

func (w *world) Revise(_ context.Context, name rouse.FunctionName, respec func(*rouse.Function, *rouse.Spec) error, edit func(*rouse.Function) error) (rouse.Function, error) {
	fn, err := w.Function(name)
	if err != nil {
		return rouse.Function{}, err
	}
	rev, _ := w.Revision(fn.Latest)
	spec := rev.Spec
	if err := respec(fn, &spec); err != nil {
		return *fn, err
	}
	return w.turn(*fn, spec, edit)
}

func (w *world) Change(_ context.Context, name rouse.FunctionName, edit func(*rouse.Function) error) (rouse.Function, error) {
	fn, err := w.Function(name)
	if err != nil {
		return rouse.Function{}, err
	}
	changed := *fn
	if err := edit(&changed); err != nil {
		return *fn, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fns[name] = &changed
	return changed, nil
}

func (w *world) Delete(_ context.Context, name rouse.FunctionName) error {
	if _, err := w.Function(name); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.fns, name)
	return nil
}

func (w *world) AddPackage(_ context.Context, archive []byte) (rouse.Package, error) {
	if !strings.HasPrefix(string(archive), "PK") {
		return rouse.Package{}, rouse.Errorf(rouse.Invalid, "not a zip archive")
	}
	sum := "sha256:" + strings.Repeat("1", 64)
	return rouse.Package{Digest: sum, Code: sum, Size: rouse.Bytes(len(archive)), Files: 1}, nil
}

func (w *world) OpenPackage(string) (*os.File, error) {
	return nil, rouse.Errorf(rouse.NotFound, "not kept")
}

func (w *world) WriteZip(context.Context, io.Writer, string) error {
	return rouse.Errorf(rouse.NotFound, "not here")
}

func (w *world) Layer(_ context.Context, name string) (rouse.Layer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l, ok := w.layers[name]; ok {
		return l, nil
	}
	return rouse.Layer{}, rouse.Errorf(rouse.NotFound, "no layer")
}

func (w *world) PutLayer(_ context.Context, l rouse.Layer) (rouse.Layer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.layers[l.Name] = l
	return l, nil
}

func (w *world) AllLayers(context.Context) iter.Seq2[rouse.Layer, error] {
	return func(yield func(rouse.Layer, error) bool) {
		for _, l := range w.layers {
			if !yield(l, nil) {
				return
			}
		}
	}
}

// instance is the target of a lease.
type instance struct{ w *world }

func (instance) Ready(context.Context) error { return nil }
func (instance) Reset()                      {}
func (instance) Close() error                { return nil }

func (i instance) Invoke(_ context.Context, ev *rouse.Event) (*rouse.Result, error) {
	if i.w.invoke == nil {
		return &rouse.Result{Payload: ev.Payload}, nil
	}
	return i.w.invoke(ev)
}

// Submit keeps the newest event.
func (w *world) Submit(_ context.Context, r rouse.JobRequest) (*rouse.Job, bool, error) {
	w.later = append(w.later, r)
	return &rouse.Job{ID: laterID, Request: r}, true, nil
}

const laterID = "01993f5c-1111-7111-8111-111111111111"

// limit reads the body, as the real station does.
func (w *world) limit(next gateway.Handler) gateway.Handler {
	return func(c *gateway.Call) error {
		var err error
		if c.Body, err = io.ReadAll(c.Request.Body); err != nil {
			return err
		}
		return next(c)
	}
}

// hold takes a lease, as the real station does.
func (w *world) hold(next gateway.Handler) gateway.Handler {
	return func(c *gateway.Call) error {
		if w.acquire != nil {
			return w.acquire
		}
		c.Lease = rouse.NewLease(func(error) {})
		c.Lease.Target = instance{w}
		return next(c)
	}
}

func (w *world) api() http.Handler { return New(w.config()) }

func (w *world) config() Config {
	return Config{
		Catalog: w, Packages: w, Layers: w, Capacity: w, Stations: []gateway.Station{w.limit, w.hold}, Later: w, Mappings: w.mappings, Queues: w, Signing: w, Webhook: refusePrivate, Place: rouse.DefaultPlace,
		Concurrency: 1000, MaxEvent: 6 * rouse.MB, Runtimes: []string{"python3.11"}, Log: slog.New(slog.DiscardHandler),
	}
}

func refusePrivate(url string) error {
	if strings.Contains(url, "10.0.0.1") {
		return rouse.Errorf(rouse.Invalid, "webhook %q: private", url)
	}
	return nil
}

// call answers one request.
func call(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "127.0.0.1"
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return serveRequest(h, r)
}

func serveRequest(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
