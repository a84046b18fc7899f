package bolt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
	"github.com/rousehq/rouse/controller/store/storetest"
)

func openTestSpace(t testing.TB, path string) *Space {
	t.Helper()
	s, err := OpenSpace(path, SpaceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() }) //nolint:errcheck // idempotent; tests that care check
	return s
}

func putKey(t testing.TB, s *Space, key string, size int) {
	t.Helper()
	if err := s.Update(t.Context(), func(tx store.Tx) error { tx.Put([]byte(key), make([]byte, size)); return nil }); err != nil {
		t.Error(err)
	}
}

// contents is all that a space has.
func contents(t testing.TB, s *Space) map[string]string {
	t.Helper()
	all := map[string]string{}
	if err := s.View(t.Context(), func(r store.Reader) error {
		for k, v := range r.Scan(nil, []byte{255}) {
			all[string(k)] = string(v)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	return all
}

func TestTheSpaceKeepsTheContract(t *testing.T) {
	storetest.RunSpace(t, func(t *testing.T) store.Space {
		return openTestSpace(t, filepath.Join(t.TempDir(), "events.db"))
	})
}

// Writers go on while the file is compacted: nothing of theirs is lost, nothing
// that they deleted comes back, and the file is smaller.
func TestCompactingLosesNothingThatIsWrittenMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openTestSpace(t, path)
	for i := range 40 {
		if err := s.Update(t.Context(), func(tx store.Tx) error {
			for j := range 100 {
				tx.Put(fmt.Appendf(nil, "old %02d %02d", i, j), make([]byte, 2000))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		for i := range 38 {
			for j := range 100 {
				tx.Delete(fmt.Appendf(nil, "old %02d %02d", i, j))
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	before, free := s.Size()
	if free < before/2 {
		t.Fatalf("%d bytes of %d are free after most was deleted", free, before)
	}

	want := contents(t, s)
	writing, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	written := make([]map[string]string, 4)
	for w := range written {
		written[w] = map[string]string{}
		writers.Go(func() {
			for i := 0; writing.Err() == nil; i++ {
				key := fmt.Sprintf("new %d %d", w, i%500)
				value := fmt.Sprint(i)
				_, there := written[w][key]
				if err := s.Update(t.Context(), func(tx store.Tx) error {
					if there && i%3 == 0 {
						tx.Delete([]byte(key))
					} else {
						tx.Put([]byte(key), []byte(value))
					}
					return nil
				}); err != nil {
					t.Error(err)
					return
				}
				if there && i%3 == 0 {
					delete(written[w], key)
				} else {
					written[w][key] = value
				}
			}
		})
	}
	for range 3 {
		if err := s.Compact(t.Context()); err != nil {
			t.Error(err)
		}
	}
	stop()
	writers.Wait()
	for _, m := range written {
		maps.Copy(want, m)
	}
	if got := contents(t, s); !maps.Equal(got, want) {
		t.Errorf("%d keys after compacting, want %d", len(got), len(want))
	}
	if after, _ := s.Size(); after > before/2 {
		t.Errorf("the file measures %d bytes, %d before", after, before)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, openTestSpace(t, path)); !maps.Equal(got, want) {
		t.Errorf("%d keys after opening again, want %d", len(got), len(want))
	}
}

func TestTheSizeCanBeAskedForWhileTheFileGrows(t *testing.T) {
	s := openTestSpace(t, filepath.Join(t.TempDir(), "events.db"))
	grown := make(chan struct{})
	go func() {
		defer close(grown)
		for i := range 40 { // past the size that is mapped at first, several times
			putKey(t, s, fmt.Sprintf("key %d", i), 256<<10)
		}
	}()
	for asked := false; ; asked = true {
		file, free := s.Size()
		if file <= 0 || free < 0 || free > file {
			t.Errorf("a file of %d bytes holds %d free ones", file, free)
		}
		select {
		case <-grown:
			if asked {
				return
			}
		default:
		}
	}
}

func TestACompactionThatIsGivenUpChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openTestSpace(t, path)
	putKey(t, s, "a", 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Compact(ctx); err == nil {
		t.Error("it succeeded")
	}
	if _, err := os.Stat(path + compacted); !os.IsNotExist(err) {
		t.Errorf("its file is still there: %v", err)
	}
	putKey(t, s, "b", 10)
	if got := contents(t, s); len(got) != 2 {
		t.Errorf("%d keys, want 2", len(got))
	}
}

// What a crash in the middle of a compaction leaves is not used and not kept.
func TestACompactedFileThatMightNotSurviveAPowerFailureServes(t *testing.T) {
	s := openTestSpace(t, filepath.Join(t.TempDir(), "events.db"))
	putKey(t, s, "before", 10)
	s.syncDir = func(string) error { return errors.New("no") }
	if err := s.Compact(t.Context()); err == nil {
		t.Error("a folder that was not synced was not mentioned")
	}
	putKey(t, s, "after", 10)
	if got := contents(t, s); len(got) != 2 {
		t.Errorf("the space has %v", got)
	}
}

func TestTheRestOfACompactionIsRemovedAtTheStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	putKey(t, openTestSpace(t, filepath.Join(t.TempDir(), "other.db")), "b", 1)
	s := openTestSpace(t, path)
	putKey(t, s, "a", 10)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, path+compacted, []byte("half a file"))
	if got := contents(t, openTestSpace(t, path)); len(got) != 1 {
		t.Errorf("%d keys, want 1", len(got))
	}
	if _, err := os.Stat(path + compacted); !os.IsNotExist(err) {
		t.Errorf("the rest is still there: %v", err)
	}
}

// The page that was being written when the power failed is junk: the commit
// before it counts.
func TestATornLastPageTakesBackTheLastCommitOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openTestSpace(t, path)
	for i := range 50 {
		putKey(t, s, fmt.Sprintf("key %02d", i), 700)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// bbolt's two meta pages are written in turn; a commit counts once its own is whole.
	newest := 0
	if metaTxid(whole[pageSize:]) > metaTxid(whole) {
		newest = pageSize
	}
	for _, from := range []int{newest + 16, newest + 40, newest + 70} {
		torn := append([]byte{}, whole...)
		for i := from; i < newest+pageSize; i++ {
			torn[i] = byte(rand.IntN(256))
		}
		path := filepath.Join(t.TempDir(), "events.db")
		write(t, path, torn)
		if got := contents(t, openTestSpace(t, path)); len(got) != 49 {
			t.Errorf("torn at %d: %d keys, want those of 49 commits", from-newest, len(got))
		}
	}
}

// metaTxid reads the transaction's number from a meta page: header 16 bytes,
// then magic, version, page size, flags (4 each), root (16), freelist, pgid, txid (8 each).
func metaTxid(page []byte) uint64 { return binary.LittleEndian.Uint64(page[16+16+16+8+8:]) }

func TestASpaceOfAnotherFormatIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rouse.db")
	openTest(t, path).Close() //nolint:errcheck // made is enough
	if _, err := OpenSpace(path, SpaceOptions{}); rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), "was not written by rouse") {
		t.Errorf("a store opened as a space: %v", err)
	}
	other := filepath.Join(t.TempDir(), "events.db")
	openTestSpace(t, other).Close() //nolint:errcheck // made is enough
	if _, err := Open(other, Options{}); rouse.CodeOf(err) != rouse.Invalid {
		t.Errorf("a space opened as a store: %v", err)
	}
}
