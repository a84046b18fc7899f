package bolt

import (
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/rousehq/rouse/controller/store"
)

// listed says whether the newest commit in a file has the list of free pages.
func listed(t *testing.T, path string) bool {
	t.Helper()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	newest := whole
	if metaTxid(whole[pageSize:]) > metaTxid(whole) {
		newest = whole[pageSize:]
	}
	return binary.LittleEndian.Uint64(newest[16+16+16:]) != ^uint64(0)
}

// killed is what a kill would leave of a space that is open now.
func killed(t *testing.T, path string) *Space {
	t.Helper()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "events.db")
	write(t, copied, whole)
	return openTestSpace(t, copied)
}

// A start after a kill reads the free pages from the file while they are few, and
// finds them when they are many. Either way they are used again and nothing else is.
func TestTheListOfFreePagesIsInTheFileUnlessItIsLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openTestSpace(t, path)
	const rows = mostFree + 500
	change := func(do func(tx store.Tx, key []byte)) {
		t.Helper()
		for from := 0; from < rows; from += 500 {
			if err := s.Update(t.Context(), func(tx store.Tx) error {
				for i := from; i < from+500; i++ {
					do(tx, fmt.Appendf(nil, "key %05d", i))
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	change(func(tx store.Tx, key []byte) { tx.Put(key, make([]byte, pageSize-1000)) })
	full, _ := s.Size()
	if !listed(t, path) {
		t.Error("a short list is not in the file")
	}
	want := contents(t, s)
	if got := contents(t, killed(t, path)); !maps.Equal(got, want) {
		t.Errorf("after a kill with a short list there are %d keys, want %d", len(got), len(want))
	}
	change(func(tx store.Tx, key []byte) { tx.Delete(key) })
	putKey(t, s, "left", 1)
	if listed(t, path) {
		t.Error("a long list is written with every commit")
	}
	if got := contents(t, killed(t, path)); len(got) != 1 {
		t.Errorf("after a kill with a long list there are %d keys, want 1", len(got))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !listed(t, path) {
		t.Error("a space that was closed has no list")
	}
	s = openTestSpace(t, path)
	change(func(tx store.Tx, key []byte) { tx.Put(key, make([]byte, pageSize-1000)) })
	if got := contents(t, s); len(got) != rows+1 {
		t.Errorf("%d keys in pages that were free, want %d", len(got), rows+1)
	}
	if again, _ := s.Size(); again > full+full/10 {
		t.Errorf("the file grew from %d to %d bytes, though most of it was free", full, again)
	}
}
