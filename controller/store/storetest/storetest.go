// Package storetest is the conformance suite of stores, and a store in memory
// for the tests of whoever needs one.
package storetest

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
)

// Run checks that what open returns keeps every promise of package store. open
// is called once a test, with an empty store expected; Run closes it.
func Run(t *testing.T, open func(*testing.T) store.Store) {
	for name, check := range map[string]func(*testing.T, store.Store){
		"what is put is got back whole":                roundTrip,
		"a write against another generation conflicts": staleWrite,
		"a function made again is another one":         madeAgain,
		"a bad name is refused":                        badNames,
		"of many writers at once exactly one wins":     oneWinner,
		"no update is lost under contention":           noLostUpdate,
		"what is missing is not found":                 missing,
		"deleting":                                     deleting,
		"a loop may write and stop early":              loops,
		"every object is listed once and in order":     listing,
		"a revision is written once":                   revisionOnce,
		"a layer is compared and swapped":              layers,
		"settings are replaced":                        replaced,
		"an ended context stops everything":            ended,
		"a closed store says so":                       closed,
		"nobody shares memory with the store":          copies,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			check(t, s)
		})
	}
}

// Function is one with something in every field.
func Function(name rouse.FunctionName) rouse.Function {
	reserved := 0
	settings := rouse.DefaultSettings()
	settings.Reserved = &reserved
	now := time.Date(2025, 3, 1, 12, 0, 0, 123456789, time.UTC)
	return rouse.Function{
		Name:     name,
		Latest:   "0123456789abcdef0123456789abcdef",
		Versions: []rouse.Version{{Number: 1, Revision: "0123456789abcdef0123456789abcdef", Description: "é\n", Created: now}},
		Aliases:  map[rouse.Qualifier]rouse.Alias{"live": {Version: 1, Second: 2, Weight: 0.25}},
		Settings: settings,
		Created:  now,
		Updated:  now.Add(time.Second),
	}
}

// Revision is one with something in most fields.
func Revision(fn rouse.FunctionName) rouse.Revision {
	spec := rouse.DefaultSpec()
	spec.Artifact = rouse.Artifact{Code: "sha256:00", Size: 12}
	spec.Runtime, spec.Handler = "python3.11", "app.handler"
	spec.Environment = map[string]string{"K": "v", "EMPTY": ""}
	spec.Command = []string{"a", ""}
	return rouse.NewRevision(fn, spec, time.Date(2025, 3, 1, 12, 0, 0, 1, time.UTC))
}

func roundTrip(t *testing.T, s store.Store) {
	fn := mustPut(t, s, Function("f"))
	if fn.Generation != 1 {
		t.Errorf("generation of a new function: %d, want 1", fn.Generation)
	}
	got, err := s.Get(t.Context(), "f")
	same(t, err, got, fn)
	rev := Revision("f")
	must(t, s.PutRevision(t.Context(), rev))
	back, err := s.Revision(t.Context(), rev.ID)
	same(t, err, back, rev)
	must(t, s.PutSetting(t.Context(), "id", "x\x00y"))
	value, err := s.Setting(t.Context(), "id")
	same(t, err, value, "x\x00y")
}

func staleWrite(t *testing.T, s store.Store) {
	first := mustPut(t, s, Function("f"))
	second := mustPut(t, s, first)
	if second.Generation != first.Generation+1 {
		t.Errorf("generation went from %d to %d", first.Generation, second.Generation)
	}
	for name, generation := range map[string]uint64{"create": 0, "older": first.Generation, "never was": 99} {
		fn := second
		fn.Generation, fn.Latest = generation, "changed"
		_, err := s.Put(t.Context(), fn)
		wantCode(t, name, err, rouse.Conflict)
	}
	got, err := s.Get(t.Context(), "f")
	same(t, err, got, second)
	gone := Function("gone")
	gone.Generation = 1
	_, err = s.Put(t.Context(), gone)
	wantCode(t, "update of what does not exist", err, rouse.Conflict)
}

func madeAgain(t *testing.T, s store.Store) {
	old := mustPut(t, s, Function("f"))
	must(t, s.Delete(t.Context(), "f"))
	again := Function("f")
	again.Created = again.Created.Add(time.Minute)
	again = mustPut(t, s, again)
	_, err := s.Put(t.Context(), old)
	wantCode(t, "write meant for the deleted one", err, rouse.Conflict)
	got, err := s.Get(t.Context(), "f")
	same(t, err, got, again)
}

func badNames(t *testing.T, s store.Store) {
	for _, name := range []rouse.FunctionName{"", "a/b", "..", "f\x00", rouse.FunctionName(make([]byte, 65))} {
		_, err := s.Put(t.Context(), Function(name))
		wantCode(t, fmt.Sprintf("name %q", name), err, rouse.Invalid)
	}
	wantCode(t, "revision without an id", s.PutRevision(t.Context(), rouse.Revision{}), rouse.Invalid)
	wantCode(t, "setting without a key", s.PutSetting(t.Context(), "", "x"), rouse.Invalid)
}

func oneWinner(t *testing.T, s store.Store) {
	var won atomic.Int32
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			switch _, err := s.Put(t.Context(), Function("f")); {
			case err == nil:
				won.Add(1)
			case rouse.CodeOf(err) != rouse.Conflict:
				t.Errorf("loser got %v, want a conflict", err)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 16 creations succeeded, want 1", won.Load())
	}
}

func noLostUpdate(t *testing.T, s store.Store) {
	const writers, each = 8, 5
	fn := Function("f")
	fn.Settings.Queue = 0
	mustPut(t, s, fn)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				must(t, s.PutSetting(t.Context(), fmt.Sprintf("%d-%d", w, i), "x")) // shares transactions with conflicts
				for {
					fn, err := s.Get(t.Context(), "f")
					must(t, err)
					fn.Settings.Queue++
					if _, err = s.Put(t.Context(), fn); err == nil {
						break
					}
					wantCode(t, "contended put", err, rouse.Conflict)
				}
			}
		})
	}
	group.Wait()
	got, err := s.Get(t.Context(), "f")
	must(t, err)
	if got.Settings.Queue != writers*each || got.Generation != writers*each+1 {
		t.Errorf("after %d increments: %d at generation %d", writers*each, got.Settings.Queue, got.Generation)
	}
	for w := range writers {
		for i := range each {
			_, err := s.Setting(t.Context(), fmt.Sprintf("%d-%d", w, i))
			must(t, err)
		}
	}
}

func missing(t *testing.T, s store.Store) {
	_, err := s.Get(t.Context(), "f")
	wantCode(t, "Get", err, rouse.NotFound)
	_, err = s.Revision(t.Context(), "r")
	wantCode(t, "Revision", err, rouse.NotFound)
	_, err = s.Setting(t.Context(), "k")
	wantCode(t, "Setting", err, rouse.NotFound)
	wantCode(t, "Delete", s.Delete(t.Context(), "f"), rouse.NotFound)
	must(t, s.DeleteRevision(t.Context(), "r"))
}

func deleting(t *testing.T, s store.Store) {
	mustPut(t, s, Function("f"))
	mustPut(t, s, Function("g"))
	rev := Revision("f")
	must(t, s.PutRevision(t.Context(), rev))
	must(t, s.Delete(t.Context(), "f"))
	_, err := s.Get(t.Context(), "f")
	wantCode(t, "deleted function", err, rouse.NotFound)
	_, err = s.Revision(t.Context(), rev.ID)
	must(t, err) // revisions outlive their function
	must(t, s.DeleteRevision(t.Context(), rev.ID))
	_, err = s.Revision(t.Context(), rev.ID)
	wantCode(t, "deleted revision", err, rouse.NotFound)
	_, err = s.Get(t.Context(), "g")
	must(t, err)
}

func loops(t *testing.T, s store.Store) {
	const n = 700 // more than an implementation reads at once
	for i := range n {
		must(t, s.PutRevision(t.Context(), rouse.Revision{ID: rouse.RevisionID(fmt.Sprintf("%04d", i))}))
	}
	seen := 0
	for rev, err := range s.AllRevisions(t.Context()) {
		must(t, err)
		must(t, s.DeleteRevision(t.Context(), rev.ID))
		if seen++; seen == n-1 {
			break
		}
	}
	left := 0
	for _, err := range s.AllRevisions(t.Context()) {
		must(t, err)
		left++
	}
	if seen != n-1 || left != 1 {
		t.Errorf("deleted %d of %d within the loop, %d are left", seen, n, left)
	}
}

func listing(t *testing.T, s store.Store) {
	want := map[rouse.FunctionName]rouse.Function{}
	for _, name := range []rouse.FunctionName{"b", "a", "ab", "B", "_", "-", "0"} {
		want[name] = mustPut(t, s, Function(name))
	}
	var names []rouse.FunctionName
	for fn, err := range s.All(t.Context()) {
		same(t, err, fn, want[fn.Name])
		names = append(names, fn.Name)
	}
	same(t, nil, names, slices.Sorted(maps.Keys(want)))
}

func revisionOnce(t *testing.T, s store.Store) {
	rev := Revision("f")
	must(t, s.PutRevision(t.Context(), rev))
	again := rev
	again.Created = again.Created.Add(time.Hour)
	must(t, s.PutRevision(t.Context(), again))
	got, err := s.Revision(t.Context(), rev.ID)
	same(t, err, got, rev)
}

func layers(t *testing.T, s store.Store) {
	_, err := s.Layer(t.Context(), "l")
	wantCode(t, "a layer that is not there", err, rouse.NotFound)
	l := rouse.Layer{Name: "l", Published: 3, Versions: []rouse.LayerVersion{{Number: 3, Runtimes: []string{"python3.11"}}}}
	stored, err := s.PutLayer(t.Context(), l)
	l.Generation = 1
	same(t, err, stored, l)
	got, err := s.Layer(t.Context(), "l")
	same(t, err, got, l)
	for generation, name := range map[uint64]string{0: "l", 2: "l", 1: "other"} {
		_, err := s.PutLayer(t.Context(), rouse.Layer{Name: name, Generation: generation})
		wantCode(t, "a stale layer", err, rouse.Conflict)
	}
	for _, name := range []string{"", strings.Repeat("x", 141)} {
		_, err := s.PutLayer(t.Context(), rouse.Layer{Name: name})
		wantCode(t, "a bad name", err, rouse.Invalid)
	}
	_, err = s.PutLayer(t.Context(), rouse.Layer{Name: "a"})
	must(t, err)
	var names []string
	for l, err := range s.AllLayers(t.Context()) {
		must(t, err)
		names = append(names, l.Name)
	}
	same(t, nil, names, []string{"a", "l"})
}

func replaced(t *testing.T, s store.Store) {
	for _, value := range []string{"one", "", "two"} {
		must(t, s.PutSetting(t.Context(), "k", value))
		got, err := s.Setting(t.Context(), "k")
		same(t, err, got, value)
	}
}

func ended(t *testing.T, s store.Store) {
	mustPut(t, s, Function("f"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fails(ctx, t, s)
	if _, err := s.Get(t.Context(), "new"); rouse.CodeOf(err) != rouse.NotFound {
		t.Errorf("a write under an ended context: %v, want that it never happened", err)
	}
	if _, err := s.Get(t.Context(), "f"); err != nil {
		t.Errorf("a delete under an ended context happened: %v", err)
	}
}

func closed(t *testing.T, s store.Store) {
	must(t, s.Close())
	fails(t.Context(), t, s)
}

func fails(ctx context.Context, t *testing.T, s store.Store) {
	t.Helper()
	errs := map[string]error{
		"Delete":         s.Delete(ctx, "f"),
		"PutRevision":    s.PutRevision(ctx, Revision("f")),
		"DeleteRevision": s.DeleteRevision(ctx, "r"),
		"PutSetting":     s.PutSetting(ctx, "k", "v"),
	}
	_, errs["Get"] = s.Get(ctx, "f")
	_, errs["Put"] = s.Put(ctx, Function("new"))
	_, errs["Revision"] = s.Revision(ctx, "r")
	_, errs["Setting"] = s.Setting(ctx, "k")
	for _, errs["All"] = range s.All(ctx) {
	}
	for _, errs["AllRevisions"] = range s.AllRevisions(ctx) {
	}
	for call, err := range errs {
		if err == nil || rouse.CodeOf(err) == rouse.NotFound {
			t.Errorf("%s: %v, want an error that speaks of the store", call, err)
		}
	}
}

func copies(t *testing.T, s store.Store) {
	fn := mustPut(t, s, Function("f"))
	fn.Aliases["evil"] = rouse.Alias{Version: 6}
	got, err := s.Get(t.Context(), "f")
	must(t, err)
	if _, ok := got.Aliases["evil"]; ok {
		t.Error("a map that was put is shared with the store")
	}
	got.Versions[0].Number = 7
	got, err = s.Get(t.Context(), "f")
	must(t, err)
	if got.Versions[0].Number == 7 {
		t.Error("a slice that was got is shared with the store")
	}
}

func mustPut(t *testing.T, s store.Store, fn rouse.Function) rouse.Function {
	t.Helper()
	fn, err := s.Put(t.Context(), fn)
	must(t, err)
	return fn
}

// must is called from goroutines too, hence no FailNow.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func same(t *testing.T, err error, got, want any) {
	t.Helper()
	if err != nil {
		t.Error(err)
	} else if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func wantCode(t *testing.T, what string, err error, want rouse.Code) {
	t.Helper()
	if err == nil || rouse.CodeOf(err) != want {
		t.Errorf("%s: %v, want code %s", what, err, want)
	}
}
