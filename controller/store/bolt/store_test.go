package bolt

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"testing"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
	"github.com/rousehq/rouse/controller/store/storetest"
)

func openTest(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() }) //nolint:errcheck // idempotent; tests that care check
	return s
}

func TestBoltKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return openTest(t, filepath.Join(t.TempDir(), "rouse.db"))
	})
}

// A file and a map are told the same; whatever is asked, both answer alike,
// over any number of restarts.
func TestBoltAnswersLikeMemory(t *testing.T) {
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(r *rapid.T) {
		runs++
		path := filepath.Join(dir, fmt.Sprint(runs))
		file, err := Open(path, Options{})
		if err != nil {
			r.Fatal(err)
		}
		defer func() { file.Close() }() //nolint:errcheck // of the last one
		memory := storetest.NewMemory()
		ctx := context.Background()
		names := rapid.SampledFrom([]string{"a", "b", "B", "", "no/good"})
		both := func(what string, do func(store.Store) (any, error)) {
			v1, err1 := do(file)
			v2, err2 := do(memory)
			if (err1 == nil) != (err2 == nil) || err1 != nil && rouse.CodeOf(err1) != rouse.CodeOf(err2) || !reflect.DeepEqual(v1, v2) {
				r.Fatalf("%s: file says %+v, %v; memory says %+v, %v", what, v1, err1, v2, err2)
			}
		}
		r.Repeat(map[string]func(*rapid.T){
			"put": func(r *rapid.T) {
				fn := storetest.Function(rouse.FunctionName(names.Draw(r, "name")))
				fn.Generation = rapid.Uint64Range(0, 3).Draw(r, "generation")
				fn.Settings.Queue = rapid.IntRange(0, 9).Draw(r, "queue")
				both("put", func(s store.Store) (any, error) { return s.Put(ctx, fn) })
			},
			"delete": func(r *rapid.T) {
				name := rouse.FunctionName(names.Draw(r, "name"))
				both("delete", func(s store.Store) (any, error) { return nil, s.Delete(ctx, name) })
			},
			"get": func(r *rapid.T) {
				name := rouse.FunctionName(names.Draw(r, "name"))
				both("get", func(s store.Store) (any, error) { return s.Get(ctx, name) })
			},
			"revision": func(r *rapid.T) {
				rev := storetest.Revision(rouse.FunctionName(names.Draw(r, "function")))
				if rapid.Bool().Draw(r, "delete") {
					both("delete revision", func(s store.Store) (any, error) { return nil, s.DeleteRevision(ctx, rev.ID) })
				} else {
					both("put revision", func(s store.Store) (any, error) { return nil, s.PutRevision(ctx, rev) })
				}
			},
			"setting": func(r *rapid.T) {
				key := names.Draw(r, "key")
				value := rapid.String().Draw(r, "value")
				both("put setting", func(s store.Store) (any, error) { return nil, s.PutSetting(ctx, key, value) })
				both("setting", func(s store.Store) (any, error) { return s.Setting(ctx, key) })
			},
			"restart": func(r *rapid.T) {
				if err := file.Close(); err != nil {
					r.Fatal(err)
				}
				if file, err = Open(path, Options{}); err != nil {
					r.Fatal(err)
				}
			},
			"": func(*rapid.T) {
				both("list", func(s store.Store) (any, error) { return list(s.All(ctx)) })
				both("list revisions", func(s store.Store) (any, error) { return list(s.AllRevisions(ctx)) })
			},
		})
	})
}

func list[T any](all func(func(T, error) bool)) (values []T, err error) {
	for v, err := range all {
		if err != nil {
			return values, err
		}
		values = append(values, v)
	}
	return values, nil
}

// While one transaction is on its way to the disk, all that arrive share the next one.
func TestWritersThatWaitShareOneTransaction(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "rouse.db"))
	transactions := 0
	begun, goOn := make(chan struct{}), make(chan struct{})
	commit := s.group.update
	s.group.update = func(f func(*bbolt.Tx) error) error {
		if transactions++; transactions == 1 {
			close(begun)
			<-goOn
		}
		return commit(f)
	}
	var writers sync.WaitGroup
	write := func(i int) {
		if err := s.PutSetting(t.Context(), fmt.Sprint(i), "x"); err != nil {
			t.Error(err)
		}
	}
	writers.Go(func() { write(0) })
	<-begun
	for i := 1; i <= 20; i++ {
		writers.Go(func() { write(i) })
	}
	for waiting := 0; waiting < 20; { // their queueing has no event
		s.group.mu.Lock()
		waiting = len(s.group.pending)
		s.group.mu.Unlock()
	}
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- s.PutSetting(ctx, "withdrawn", "x") }()
	for waiting := 0; waiting < 21; {
		s.group.mu.Lock()
		waiting = len(s.group.pending)
		s.group.mu.Unlock()
	}
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("a writer that left: %v", err)
	}
	close(goOn)
	writers.Wait()
	if transactions != 2 {
		t.Errorf("21 writers took %d transactions, want 2", transactions)
	}
	if _, err := s.Setting(t.Context(), "withdrawn"); rouse.CodeOf(err) != rouse.NotFound {
		t.Errorf("what was withdrawn was written: %v", err)
	}
}

func BenchmarkOpenAndReadTenThousand(b *testing.B) {
	path := filepath.Join(b.TempDir(), "rouse.db")
	fill(b, path, 10_000)
	for b.Loop() {
		s := openTest(b, path)
		n := 0
		for _, err := range s.All(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		for _, err := range s.AllRevisions(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 20_000 {
			b.Fatalf("read %d objects", n)
		}
		s.Close() //nolint:errcheck // measured, not checked
	}
}

// fill writes n functions with their revisions in one transaction.
func fill(t testing.TB, path string, n int) {
	t.Helper()
	s := openTest(t, path)
	defer s.Close() //nolint:errcheck // the next Open would tell
	err := s.update(func(tx *bbolt.Tx) error {
		for i := range n {
			name := rouse.FunctionName(fmt.Sprintf("function-%d", i))
			rev := storetest.Revision(name)
			if err := put(tx.Bucket(functions), string(name), storetest.Function(name)); err != nil {
				return err
			}
			if err := put(tx.Bucket(revisions), string(rev.ID), rev); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
