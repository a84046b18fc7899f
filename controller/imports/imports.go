// Package imports remembers which modules each function was seen to import, so
// that its next starts can begin with them loaded.
//
// What a function reports is its own word about itself and is bounded here: so
// many names, each of them a module's, for so many functions. It is kept in
// memory and, beside requests, in the store.
package imports

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/rousehq/rouse"
)

const (
	key           = "imports"
	mostModules   = 32  // of one function
	mostFunctions = 256 // whoever was seen first is forgotten first
)

// Settings is where the memory outlives the process.
type Settings interface {
	Setting(ctx context.Context, key string) (string, error)
	PutSetting(ctx context.Context, key, value string) error
}

// Imports is the memory. Its methods may be called concurrently.
type Imports struct {
	store Settings
	log   *slog.Logger
	wake  chan struct{} // holds a token when there is something to write

	mu   sync.Mutex
	seen []seen // the last seen last
}

// seen is what one function imports.
type seen struct {
	Function rouse.FunctionName `json:"function"`
	Modules  []string           `json:"modules"`
}

// Open reads what an earlier process learned. What cannot be read is learned anew.
func Open(ctx context.Context, store Settings, log *slog.Logger) (*Imports, error) {
	i := &Imports{store: store, log: log, wake: make(chan struct{}, 1)}
	text, err := store.Setting(ctx, key)
	if rouse.CodeOf(err) == rouse.NotFound && err != nil {
		return i, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what functions import: %w", err)
	}
	if err := json.Unmarshal([]byte(text), &i.seen); err != nil {
		log.Warn("what functions import is learned anew", "error", err)
		i.seen = nil
	}
	return i, nil
}

// Run writes what was learned until ctx ends, and then for the last time.
func (i *Imports) Run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-i.wake:
			i.write(ctx)
		case <-ctx.Done():
		}
	}
	select {
	case <-i.wake:
		i.write(context.WithoutCancel(ctx))
	default:
	}
}

func (i *Imports) write(ctx context.Context) {
	i.mu.Lock()
	text, err := json.Marshal(i.seen)
	i.mu.Unlock()
	if err == nil {
		err = i.store.PutSetting(ctx, key, string(text))
	}
	if err != nil && ctx.Err() == nil {
		i.log.Warn("what functions import could not be written", "error", err)
	}
}

// Learn replaces what fn is known to import. Names that are no modules' are
// left out, and a report without any is not kept. It does not block.
func (i *Imports) Learn(fn rouse.FunctionName, modules []string) {
	modules = slices.DeleteFunc(slices.Clone(modules), func(name string) bool { return !rouse.ValidModule(name) })
	modules = modules[:min(len(modules), mostModules)]
	if len(modules) == 0 {
		return
	}
	slices.Sort(modules) // so that functions that import the same can share what is made for them
	modules = slices.Compact(modules)
	i.change(func() bool {
		i.drop(fn)
		i.seen = append(i.seen, seen{fn, modules})
		i.seen = i.seen[max(0, len(i.seen)-mostFunctions):]
		return true
	})
}

// Forget drops what is known of a function that is gone. It does not block.
func (i *Imports) Forget(fn rouse.FunctionName) {
	i.change(func() bool { return i.drop(fn) })
}

// Of lists the modules that fn is known to import, none when nothing is known.
func (i *Imports) Of(fn rouse.FunctionName) []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, s := range i.seen {
		if s.Function == fn {
			return slices.Clone(s.Modules)
		}
	}
	return nil
}

func (i *Imports) change(edit func() (changed bool)) {
	i.mu.Lock()
	changed := edit()
	i.mu.Unlock()
	if !changed {
		return
	}
	select {
	case i.wake <- struct{}{}:
	default:
	}
}

// drop is called under the mutex.
func (i *Imports) drop(fn rouse.FunctionName) bool {
	before := len(i.seen)
	i.seen = slices.DeleteFunc(i.seen, func(s seen) bool { return s.Function == fn })
	return len(i.seen) < before
}
