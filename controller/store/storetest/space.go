package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/rousehq/rouse/controller/store"
)

// RunSpace checks that what open returns keeps every promise of store.Space.
// open is called once a test, with an empty space expected; RunSpace closes it.
func RunSpace(t *testing.T, open func(*testing.T) store.Space) {
	for name, check := range map[string]func(*testing.T, store.Space){
		"what is put is got":                         putGet,
		"a scan goes from here to there in order":    scan,
		"a failure takes its own change back only":   isolated,
		"a transaction sees its own changes":         ownChanges,
		"no increment is lost under contention":      increments,
		"an early change is seen and settled once":   early,
		"an ended context stops everything, for all": spaceEnded,
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

func spacePut(t *testing.T, s store.Space, keys ...string) {
	t.Helper()
	must(t, s.Update(t.Context(), func(tx store.Tx) error {
		for _, k := range keys {
			tx.Put([]byte(k), []byte("value of "+k))
		}
		return nil
	}))
}

// spaceKeys are the keys from a key to another one.
func spaceKeys(t *testing.T, s store.Space, from, to string) []string {
	t.Helper()
	keys := []string{}
	must(t, s.View(t.Context(), func(r store.Reader) error {
		for k := range r.Scan([]byte(from), []byte(to)) {
			keys = append(keys, string(k))
		}
		return nil
	}))
	return keys
}

func putGet(t *testing.T, s store.Space) {
	spacePut(t, s, "a", "b\x00", "b")
	must(t, s.Update(t.Context(), func(tx store.Tx) error {
		tx.Put([]byte("empty"), []byte{})
		tx.Put([]byte("a"), []byte("another"))
		tx.Delete([]byte("b"))
		tx.Delete([]byte("never was"))
		return nil
	}))
	must(t, s.View(t.Context(), func(r store.Reader) error {
		for key, want := range map[string]string{"a": "another", "b\x00": "value of b\x00", "empty": ""} {
			if got := r.Get([]byte(key)); got == nil || string(got) != want {
				t.Errorf("%q: %q, want %q", key, got, want)
			}
		}
		if got := r.Get([]byte("b")); got != nil {
			t.Errorf("what was deleted: %q", got)
		}
		return nil
	}))
}

func scan(t *testing.T, s store.Space) {
	spacePut(t, s, "b1", "c", "a", "b", "b\xff", "b0")
	same(t, nil, spaceKeys(t, s, "b", "c"), []string{"b", "b0", "b1", "b\xff"})
	same(t, nil, spaceKeys(t, s, "b01", "b2"), []string{"b1"})
	same(t, nil, spaceKeys(t, s, "d", "e"), []string{})
	must(t, s.View(t.Context(), func(r store.Reader) error {
		for range r.Scan([]byte("a"), []byte("z")) {
			break
		}
		for _, ends := range [][2]string{{"b", "c"}, {"b01", "b2"}, {"d", "e"}, {"a", "z"}, {"0", "1"}, {"c", "b"}, {"a", "a\x00"}} {
			var there, back []string
			for k := range r.Scan([]byte(ends[0]), []byte(ends[1])) {
				there = append(there, string(k))
			}
			for k, v := range r.ScanBack([]byte(ends[0]), []byte(ends[1])) {
				if back = append(back, string(k)); string(v) != "value of "+string(k) {
					t.Errorf("%q: %q", k, v)
				}
			}
			if slices.Reverse(back); !slices.Equal(there, back) {
				t.Errorf("%q: there %q, and back %q", ends, there, back)
			}
		}
		for range r.ScanBack([]byte("a"), []byte("z")) {
			break
		}
		return nil
	}))
}

func isolated(t *testing.T, s store.Space) {
	const n = 64
	mine := errors.New("mine")
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			err := s.Update(t.Context(), func(tx store.Tx) error {
				if i%4 == 3 {
					return mine
				}
				tx.Put(fmt.Appendf(nil, "key %02d", i), []byte{1})
				if i%4 == 2 {
					return mine
				}
				return nil
			})
			if want := i%4 >= 2; (err != nil) != want || (want && !errors.Is(err, mine)) {
				t.Errorf("update %d: %v", i, err)
			}
		})
	}
	group.Wait()
	var want []string
	for i := range n {
		if i%4 < 2 {
			want = append(want, fmt.Sprintf("key %02d", i))
		}
	}
	same(t, nil, spaceKeys(t, s, "key", "kez"), want)
}

func ownChanges(t *testing.T, s store.Space) {
	spacePut(t, s, "a", "b")
	must(t, s.Update(t.Context(), func(tx store.Tx) error {
		tx.Delete([]byte("a"))
		tx.Put([]byte("c"), []byte("3"))
		var keys []string
		for k := range tx.Scan([]byte("a"), []byte("z")) {
			keys = append(keys, string(k))
		}
		if !slices.Equal(keys, []string{"b", "c"}) || tx.Get([]byte("a")) != nil || string(tx.Get([]byte("c"))) != "3" {
			t.Errorf("within the transaction: %q", keys)
		}
		return nil
	}))
}

func increments(t *testing.T, s store.Space) {
	const writers, each = 16, 20
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range each {
				must(t, s.Update(t.Context(), func(tx store.Tx) error {
					n := byte(0)
					if v := tx.Get([]byte("low")); v != nil {
						n = v[0]
					}
					tx.Put([]byte("low"), []byte{n + 1})
					if n == 255 {
						high := byte(0)
						if v := tx.Get([]byte("high")); v != nil {
							high = v[0]
						}
						tx.Put([]byte("high"), []byte{high + 1})
					}
					return nil
				}))
			}
		})
	}
	group.Wait()
	must(t, s.View(t.Context(), func(r store.Reader) error {
		if n := int(r.Get([]byte("high"))[0])<<8 | int(r.Get([]byte("low"))[0]); n != writers*each {
			t.Errorf("%d increments of %d", n, writers*each)
		}
		return nil
	}))
}

func spaceEnded(t *testing.T, s store.Space) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fails := func(ctx context.Context, what string) {
		if err := s.Update(ctx, func(tx store.Tx) error { tx.Put([]byte("x"), nil); return nil }); err == nil {
			t.Errorf("%s: an update succeeded", what)
		}
		if err := s.View(ctx, func(store.Reader) error { return nil }); err == nil {
			t.Errorf("%s: a view succeeded", what)
		}
	}
	fails(ctx, "ended context")
	same(t, nil, spaceKeys(t, s, "a", "z"), []string{})
	must(t, s.Close())
	fails(t.Context(), "closed")
}

func early(t *testing.T, s store.Space) {
	var settled sync.WaitGroup
	var group sync.WaitGroup
	const writers, each = 8, 50
	for w := range writers {
		group.Go(func() {
			for i := range each {
				key := fmt.Appendf(nil, "early %d %d", w, i)
				settled.Add(1) // and Done panics when that is called twice
				if err := s.Early(t.Context(), func(tx store.Tx) error { tx.Put(key, key); return nil }, func(err error) {
					if err != nil {
						t.Error(err)
					}
					settled.Done()
				}); err != nil {
					t.Error(err)
				}
				if err := s.Update(t.Context(), func(tx store.Tx) error {
					if tx.Get(key) == nil {
						return fmt.Errorf("%s is not there", key)
					}
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	settled.Wait()
	refusal := errors.New("refused")
	var told []error
	tell := func(err error) { told = append(told, err) }
	refuse := func(tx store.Tx) error { tx.Put([]byte("early refused"), nil); return refusal }
	if err := s.Early(t.Context(), refuse, tell); err != refusal {
		t.Errorf("a refusal became %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Early(ended, refuse, tell); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context became %v", err)
	}
	if len(told) != 2 || told[0] != refusal || !errors.Is(told[1], context.Canceled) {
		t.Errorf("settled with %v", told)
	}
	if keys := spaceKeys(t, s, "early", "earlz"); len(keys) != writers*each {
		t.Errorf("%d keys are there, want %d", len(keys), writers*each)
	}
}
