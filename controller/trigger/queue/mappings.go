package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
)

// Config is what mappings work with. Every field is needed.
type Config struct {
	Space   store.Space
	Source  func(source string) (Source, error) // by ARN or URL; it does not block
	Invoker Invoker
	// MaxEvent is the most bytes that an event may have.
	MaxEvent rouse.Bytes
	Log      *slog.Logger
}

// Mappings owns all mappings. Make it with Open.
type Mappings struct {
	cfg     Config
	life    context.Context // of polling
	end     context.CancelFunc
	running context.Context // of calls; ends after life, when Close has no more patience
	abort   context.CancelFunc
	work    sync.WaitGroup

	changing sync.Mutex // one change at a time; taken before mu

	mu   sync.Mutex
	byID map[string]*entry // guarded by mu
}

// entry is one mapping. Its fields are guarded by Mappings.mu.
type entry struct {
	m       rouse.Mapping
	deleted bool
	changed context.CancelFunc // ends what the goroutine does, so that it looks again
}

// Open reads the mappings and goes on with those that are enabled. Close ends it.
func Open(ctx context.Context, cfg Config) (*Mappings, error) {
	ms := &Mappings{cfg: cfg, byID: map[string]*entry{}}
	err := cfg.Space.View(ctx, func(r store.Reader) error {
		for k, v := range r.Scan([]byte{'V'}, []byte{'V' + 1}) {
			e := &entry{changed: func() {}}
			if err := json.Unmarshal(v, &e.m); err != nil {
				return fmt.Errorf("reading mapping %q: %w", k[1:], err)
			}
			e.m.State = stateOf(e.m)
			ms.byID[e.m.ID] = e
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	ms.life, ms.end = context.WithCancel(context.Background())
	ms.running, ms.abort = context.WithCancel(context.Background())
	for _, e := range ms.byID {
		ms.work.Go(func() { ms.live(e) })
	}
	return ms, nil
}

func stateOf(m rouse.Mapping) rouse.MappingState {
	if m.Enabled {
		return rouse.MappingEnabling
	}
	return rouse.MappingDisabled
}

// Close stops polling and lets calls that run end until ctx does; then they are
// stopped and their messages returned. It blocks until nothing runs.
func (ms *Mappings) Close(ctx context.Context) error {
	ms.end()
	stop := context.AfterFunc(ctx, ms.abort)
	ms.work.Wait()
	stop()
	ms.abort()
	return nil
}

// Mappings are all, by the time of their last change. It does not block.
func (ms *Mappings) Mappings() []rouse.Mapping {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	var list []rouse.Mapping
	for _, e := range ms.byID {
		list = append(list, e.m)
	}
	slices.SortFunc(list, func(a, b rouse.Mapping) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// CreateMapping begins to poll and blocks until the mapping is on disk. A second
// one of the same queue to the same function is a Conflict.
func (ms *Mappings) CreateMapping(ctx context.Context, m rouse.Mapping) (rouse.Mapping, error) {
	ms.changing.Lock()
	defer ms.changing.Unlock()
	for _, other := range ms.Mappings() {
		if other.Source == m.Source && other.Ref == m.Ref {
			return other, rouse.Errorf(rouse.Conflict, "an event source mapping of %s to %s exists already: %s", m.Source, m.Ref, other.ID)
		}
	}
	m.ID, m.Modified, m.State = uuid.NewString(), time.Now(), rouse.MappingCreating
	m.Result = "No records processed"
	if err := ms.put(ctx, m); err != nil {
		return m, err
	}
	e := &entry{m: m, changed: func() {}}
	ms.mu.Lock()
	ms.byID[m.ID] = e
	if ms.life.Err() == nil {
		ms.work.Go(func() { ms.live(e) })
	}
	ms.mu.Unlock()
	return m, nil
}

func notThere() error {
	return rouse.Errorf(rouse.NotFound, "The resource you requested does not exist.")
}

// ChangeMapping has edit alter a mapping and blocks until that is on disk. An
// error of edit is returned as it is, and nothing changes. Other tags interrupt
// nothing.
func (ms *Mappings) ChangeMapping(ctx context.Context, id string, edit func(*rouse.Mapping) error) (rouse.Mapping, error) {
	ms.changing.Lock()
	defer ms.changing.Unlock()
	m, ok := ms.mapping(id)
	if !ok {
		return m, notThere()
	}
	before, was := m, m.Enabled
	m.Tags = maps.Clone(m.Tags)
	if err := edit(&m); err != nil {
		return m, err
	}
	if before.Tags = m.Tags; reflect.DeepEqual(m, before) {
		return m, ms.retag(ctx, m)
	}
	m.ID, m.Modified = id, time.Now()
	if err := ms.put(ctx, m); err != nil {
		return m, err
	}
	switch {
	case m.Enabled && !was:
		m.State = rouse.MappingEnabling
	case was && !m.Enabled:
		m.State = rouse.MappingDisabling
	default:
		m.State = rouse.MappingUpdating
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	e := ms.byID[id]
	m.Result = e.m.Result
	e.m = m
	e.changed()
	return m, nil
}

// retag changes what nobody who receives has to be told of.
func (ms *Mappings) retag(ctx context.Context, m rouse.Mapping) error {
	if err := ms.put(ctx, m); err != nil {
		return err
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	ms.byID[m.ID].m.Tags = m.Tags
	return nil
}

// DeleteMapping blocks until the mapping is gone from disk. What runs ends by itself.
func (ms *Mappings) DeleteMapping(ctx context.Context, id string) (rouse.Mapping, error) {
	ms.changing.Lock()
	defer ms.changing.Unlock()
	if _, ok := ms.mapping(id); !ok {
		return rouse.Mapping{}, notThere()
	}
	if err := ms.cfg.Space.Update(ctx, func(tx store.Tx) error { tx.Delete(mappingKey(id)); return nil }); err != nil {
		return rouse.Mapping{}, err
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	e := ms.byID[id]
	e.deleted, e.m.State = true, rouse.MappingDeleting
	e.changed()
	return e.m, nil
}

func (ms *Mappings) mapping(id string) (rouse.Mapping, bool) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	e, ok := ms.byID[id]
	if !ok || e.deleted {
		return rouse.Mapping{}, false
	}
	return e.m, true
}

func mappingKey(id string) []byte { return append([]byte{'V'}, id...) }

func (ms *Mappings) put(ctx context.Context, m rouse.Mapping) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return ms.cfg.Space.Update(ctx, func(tx store.Tx) error { tx.Put(mappingKey(m.ID), b); return nil })
}

// live does what a mapping says until it is deleted or Rouse ends.
func (ms *Mappings) live(e *entry) {
	for {
		ctx, cancel := context.WithCancel(ms.life)
		ms.mu.Lock()
		e.changed = cancel
		if e.deleted {
			delete(ms.byID, e.m.ID)
			ms.mu.Unlock()
			cancel()
			return
		}
		if e.m.Enabled {
			e.m.State = rouse.MappingEnabled
		} else {
			e.m.State = rouse.MappingDisabled
		}
		m := e.m
		ms.mu.Unlock()
		if m.Enabled {
			ms.poll(ctx, e, m)
		}
		<-ctx.Done()
		cancel()
		if ms.life.Err() != nil {
			return
		}
	}
}

// poll runs a mapping's poller until ctx ends.
func (ms *Mappings) poll(ctx context.Context, e *entry, m rouse.Mapping) {
	report := func(result string) {
		ms.mu.Lock()
		defer ms.mu.Unlock()
		e.m.Result = result
	}
	source, err := ms.cfg.Source(m.Source)
	if err != nil {
		report("PROBLEM: " + problem(err))
		return
	}
	wanted, err := parseFilters(m.Filters)
	if err != nil {
		report("PROBLEM: " + problem(err))
		return
	}
	p := &poller{
		m: m, source: source, invoker: ms.cfg.Invoker, filters: wanted, report: report, event: int(ms.cfg.MaxEvent),
		running: ms.running, log: ms.cfg.Log, ended: make(chan struct{}, 1),
	}
	p.run(ctx)
}
