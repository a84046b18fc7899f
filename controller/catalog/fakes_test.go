package catalog

import (
	"context"
	"iter"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is both stores.
type memory struct {
	mu    sync.Mutex
	fns   map[rouse.FunctionName]rouse.Function // under mu
	revs  map[rouse.RevisionID]rouse.Revision   // under mu
	fails func(op string) error                 // under mu
}

func newMemory() *memory {
	return &memory{
		fns:   make(map[rouse.FunctionName]rouse.Function),
		revs:  make(map[rouse.RevisionID]rouse.Revision),
		fails: func(string) error { return nil },
	}
}

func (m *memory) Put(_ context.Context, fn rouse.Function) (rouse.Function, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fails("put"); err != nil {
		return rouse.Function{}, err
	}
	if m.fns[fn.Name].Generation != fn.Generation {
		return rouse.Function{}, rouse.Errorf(rouse.Conflict, "function %q changed", fn.Name)
	}
	fn.Generation++
	m.fns[fn.Name] = fn
	return fn, nil
}

func (m *memory) Delete(_ context.Context, name rouse.FunctionName) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.fns, name)
	return nil
}

func (m *memory) All(context.Context) iter.Seq2[rouse.Function, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	return pairs(maps.Clone(m.fns))
}

func (m *memory) PutRevision(_ context.Context, rev rouse.Revision) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.revs[rev.ID] = rev
	return m.fails("put revision")
}

func (m *memory) DeleteRevision(_ context.Context, id rouse.RevisionID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.revs, id)
	return nil
}

func (m *memory) AllRevisions(context.Context) iter.Seq2[rouse.Revision, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	return pairs(maps.Clone(m.revs))
}

func (m *memory) has(id rouse.RevisionID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.revs[id]
	return ok
}

func pairs[K comparable, V any](m map[K]V) iter.Seq2[V, error] {
	return func(yield func(V, error) bool) {
		for _, v := range m {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// pool records what the catalog asked for.
type pool struct {
	mu      sync.Mutex
	running map[rouse.RevisionID]bool                           // under mu
	retired []rouse.RevisionID                                  // under mu
	changed []rouse.Function                                    // under mu
	warm    func(ctx context.Context, rev rouse.Revision) error // what the next starts come to
}

func (p *pool) Warm(ctx context.Context, rev rouse.Revision, _ rouse.Settings) error {
	if p.warm != nil {
		if err := p.warm(ctx, rev); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running[rev.ID] = true
	return nil
}

func (p *pool) Running(id rouse.RevisionID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running[id]
}

func (p *pool) Changed(fn rouse.Function) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed = append(p.changed, fn)
}

func (p *pool) Retire(id rouse.RevisionID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.running, id)
	p.retired = append(p.retired, id)
}

// checker finds every image, unless look says otherwise.
type checker struct {
	look func(ctx context.Context, spec rouse.Spec) error
}

func (checker) Refuse(spec rouse.Spec) error {
	if spec.Memory > rouse.GB {
		return rouse.Errorf(rouse.Invalid, "memory %s: this host has less", spec.Memory)
	}
	return nil
}

func (c *checker) Check(ctx context.Context, spec rouse.Spec, _ func(string)) (rouse.Spec, error) {
	if c.look != nil {
		if err := c.look(ctx, spec); err != nil {
			return spec, err
		}
	}
	if spec.Artifact.ImageID == "" {
		spec.Artifact.ImageID = "sha256:" + spec.Artifact.Image
	}
	return spec, nil
}

type artifacts map[string]string

func (a artifacts) Path(digest string) (string, bool) {
	dir, ok := a[digest]
	return dir, ok
}

// world is a catalog with everything around it.
type world struct {
	*Catalog
	store     *memory
	pool      *pool
	checker   checker
	artifacts artifacts
	removed   []rouse.FunctionName
	clock     time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{store: newMemory(), artifacts: artifacts{}, clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.open(t)
	return w
}

// open opens the catalog over what the store holds, as a restart does.
func (w *world) open(t *testing.T) {
	t.Helper()
	w.pool = &pool{running: make(map[rouse.RevisionID]bool)}
	var mu sync.Mutex
	c, err := Open(t.Context(), Config{
		Functions: w.store, Revisions: w.store, Pool: w.pool, Checker: &w.checker, Artifacts: w.artifacts,
		Removed: func(name rouse.FunctionName) { w.removed = append(w.removed, name) },
		Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			w.clock = w.clock.Add(time.Second)
			return w.clock
		},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w.Catalog = c
}

func image(ref string) rouse.Spec {
	spec := rouse.DefaultSpec()
	spec.Artifact.Image = ref
	return spec
}

func (w *world) deploy(t *testing.T, name rouse.FunctionName, ref string) rouse.Deployed {
	t.Helper()
	d, err := w.Deploy(t.Context(), rouse.Deployment{Name: name, Spec: image(ref), Wait: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (w *world) latest(t *testing.T, ref string) rouse.RevisionID {
	t.Helper()
	r, err := rouse.ParseRef(ref)
	if err != nil {
		t.Fatal(err)
	}
	_, rev, err := w.Resolve(r)
	if err != nil {
		t.Fatal(err)
	}
	return rev.ID
}

func wantCode(t *testing.T, err error, code rouse.Code) {
	t.Helper()
	if err == nil || rouse.CodeOf(err) != code {
		t.Errorf("error %v, want code %s", err, code)
	}
}
