package adminapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
	"github.com/rousehq/rouse/gateway/hold"
	"github.com/rousehq/rouse/gateway/limit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// platform is everything that the API needs, in memory.
type platform struct {
	mu        sync.Mutex
	functions map[rouse.FunctionName]rouse.Function
	revisions map[rouse.RevisionID]rouse.Revision
	deployed  rouse.Deployment // the last one
	instances []rouse.Instance
	uploaded  []byte
	query     LogQuery
	arranged  []rouse.Tier
	lines     iter.Seq2[LogLine, error]

	deployErr error
	invoke    func(*rouse.Event) (*rouse.Result, error)
	released  int
}

var (
	_ Catalog      = (*platform)(nil)
	_ Pool         = (*platform)(nil)
	_ Uploads      = (*platform)(nil)
	_ Logs         = (*platform)(nil)
	_ rouse.Leaser = (*platform)(nil)
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// newPlatform has a lambda function hello and an http function web.
func newPlatform() *platform {
	p := &platform{functions: map[rouse.FunctionName]rouse.Function{}, revisions: map[rouse.RevisionID]rouse.Revision{}}
	for name, contract := range map[rouse.FunctionName]rouse.Contract{"hello": rouse.ContractLambda, "web": rouse.ContractHTTP} {
		spec := rouse.DefaultSpec()
		spec.Contract, spec.Runtime = contract, "python3.11"
		p.put(rouse.Deployment{Name: name, Spec: spec})
	}
	p.instances = []rouse.Instance{
		{ID: "i-2", Function: "hello", State: rouse.Starting, Created: epoch.Add(time.Second)},
		{ID: "i-3", Function: "web", State: rouse.Ready, Created: epoch},
		{ID: "i-1", Function: "hello", State: rouse.Ready, Created: epoch, IdleSince: epoch},
	}
	return p
}

func (p *platform) put(d rouse.Deployment) rouse.Deployed {
	rev := rouse.NewRevision(d.Name, d.Spec, epoch)
	fn, existed := p.functions[d.Name]
	out := rouse.Deployed{Created: !existed, Changed: fn.Latest != rev.ID}
	if !existed {
		fn = rouse.Function{Name: d.Name, Settings: rouse.DefaultSettings(), Created: epoch, Updated: epoch}
	}
	if d.Settings != nil {
		fn.Settings = *d.Settings
	}
	fn.Latest = rev.ID
	p.revisions[rev.ID], p.functions[d.Name] = rev, fn
	out.Function, out.Revision, p.deployed = fn, rev, d
	return out
}

func (p *platform) Functions() (all []rouse.Function) {
	for _, fn := range p.functions {
		all = append(all, fn)
	}
	return all
}

func (p *platform) Function(name rouse.FunctionName) (*rouse.Function, error) {
	fn, ok := p.functions[name]
	if !ok {
		return nil, rouse.Errorf(rouse.NotFound, "function %s: not found", name)
	}
	return &fn, nil
}

func (p *platform) Revision(id rouse.RevisionID) (*rouse.Revision, error) {
	rev, ok := p.revisions[id]
	if !ok {
		return nil, rouse.Errorf(rouse.NotFound, "revision %s: not found", id)
	}
	return &rev, nil
}

func (p *platform) Resolve(ref rouse.Ref) (*rouse.Function, *rouse.Revision, error) {
	fn, err := p.Function(ref.Name)
	if err != nil {
		return nil, nil, err
	}
	id, ok := fn.Revision(ref.Qualifier, 0)
	if !ok {
		return nil, nil, rouse.Errorf(rouse.NotFound, "qualifier %s: not found", ref.Qualifier)
	}
	rev, err := p.Revision(id)
	return fn, rev, err
}

func (p *platform) Deploy(ctx context.Context, d rouse.Deployment, report func(string)) (rouse.Deployed, error) {
	report("starting")
	if p.deployErr != nil {
		return rouse.Deployed{}, p.deployErr
	}
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() { report("still starting") })
	}
	others.Wait()
	return p.put(d), nil
}

func (p *platform) UpdateSettings(_ context.Context, name rouse.FunctionName, change func(*rouse.Settings) error) (rouse.Function, error) {
	fn := p.functions[name]
	settings := fn.Settings
	if err := change(&settings); err != nil {
		return fn, err
	}
	if err := settings.Validate(rouse.ContractLambda); err != nil {
		return fn, err
	}
	fn.Settings = settings
	p.functions[name] = fn
	return fn, nil
}

func (p *platform) Delete(_ context.Context, name rouse.FunctionName) error {
	delete(p.functions, name)
	return nil
}

func (p *platform) Publish(_ context.Context, name rouse.FunctionName, description string) (rouse.Version, error) {
	fn := p.functions[name]
	v := rouse.Version{Number: len(fn.Versions) + 1, Revision: fn.Latest, Description: description, Created: epoch}
	fn.Versions = append(fn.Versions, v)
	p.functions[name] = fn
	return v, nil
}

func (p *platform) SetAlias(_ context.Context, name rouse.FunctionName, q rouse.Qualifier, alias rouse.Alias) error {
	fn := p.functions[name]
	fn.Aliases = map[rouse.Qualifier]rouse.Alias{q: alias}
	p.functions[name] = fn
	return nil
}

func (p *platform) DeleteAlias(_ context.Context, name rouse.FunctionName, q rouse.Qualifier) error {
	if _, ok := p.functions[name].Aliases[q]; !ok {
		return rouse.Errorf(rouse.NotFound, "alias %s: not found", q)
	}
	delete(p.functions[name].Aliases, q)
	return nil
}

func (p *platform) Instances() []rouse.Instance { return p.instances }

func (p *platform) Waiting(fn rouse.FunctionName) int {
	if fn == "hello" {
		return 3
	}
	return 0
}

func (p *platform) StopInstance(id rouse.InstanceID) error {
	for i, instance := range p.instances {
		if instance.ID == id {
			p.instances = append(p.instances[:i], p.instances[i+1:]...)
			return nil
		}
	}
	return rouse.Errorf(rouse.NotFound, "instance %s: not found", id)
}

func (p *platform) Arrange(_ context.Context, _ rouse.RevisionID, from rouse.Tier, force bool) error {
	p.arranged = append(p.arranged, from)
	if from == rouse.TierCell && !force {
		return rouse.Errorf(rouse.Conflict, "the function is busy")
	}
	return nil
}

func (p *platform) Stats() Stats {
	return Stats{InFlight: 1, Waiting: 3, MemoryBudget: rouse.GB, MemoryInUse: 512 * rouse.MB, Cells: &rouse.Cells{Most: 4, Ready: 3, Making: 1}}
}

func (p *platform) AddZip(_ context.Context, r io.Reader) (Artifact, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return Artifact{}, rouse.Errorf(rouse.Invalid, "zip: cut short")
	}
	p.uploaded = b
	return Artifact{Digest: "sha256:abc", Size: rouse.Bytes(len(b)), Files: 1}, nil
}

func (p *platform) Read(_ context.Context, _ rouse.FunctionName, q LogQuery) iter.Seq2[LogLine, error] {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.query = q
	return p.lines
}

func (p *platform) Acquire(context.Context, rouse.RevisionID, rouse.Bytes) (*rouse.Lease, error) {
	lease := rouse.NewLease(func(error) { p.released++ })
	lease.Target = target(p.invoke)
	return lease, nil
}

// target is a lambda instance.
type target func(*rouse.Event) (*rouse.Result, error)

func (t target) Invoke(_ context.Context, ev *rouse.Event) (*rouse.Result, error) { return t(ev) }
func (t target) Ready(context.Context) error                                      { return nil }
func (t target) Reset()                                                           {}
func (t target) Close() error                                                     { return nil }

// serve runs the API over p on a real listener.
func serve(t *testing.T, p *platform) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(New(p.config()))
	t.Cleanup(func() {
		s.Client().CloseIdleConnections()
		s.Close()
	})
	return s
}

func (p *platform) config() Config {
	return Config{
		Schedules: &timetable{},
		Catalog:   p, Pool: p, Uploads: p, Logs: p,
		Stations: []gateway.Station{limit.Station(limit.Limits{Event: 1000}), hold.Station(p)},
		Schema:   []byte(`{"title":"rouse.yaml"}`), MaxUpload: 1000,
		Version: "1.2.3", Driver: "process", DriverReason: "no engine answers", Started: epoch,
		Log: slog.New(slog.DiscardHandler),
	}
}

// call sends a request and returns status and body. header holds pairs.
func call(t *testing.T, s *httptest.Server, method, path, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// want calls and decodes an answer that must have a status.
func want[T any](t *testing.T, s *httptest.Server, status int, method, path, body string, header ...string) (v T) {
	t.Helper()
	got, text := call(t, s, method, path, body, header...)
	if got != status {
		t.Fatalf("%s %s: status %d, want %d: %s", method, path, got, status, text)
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s %s: %v: %s", method, path, err, text)
	}
	return v
}
