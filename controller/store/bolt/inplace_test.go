package bolt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
)

// Somebody removes or restores the data directory under a running Rouse: what
// would be gone after a restart is not acknowledged.
func TestNothingIsAcknowledgedIntoAFileThatWasTakenAway(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, filepath.Join(dir, "rouse.db"))
	events := openTestSpace(t, filepath.Join(dir, "events.db"))
	putKey(t, events, "a", 100)
	if err := events.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	writes := map[string]func() error{
		"rouse.db": func() error { return s.PutSetting(t.Context(), "k", "v") },
		"events.db": func() error {
			return events.Update(t.Context(), func(tx store.Tx) error { tx.Put([]byte("k"), nil); return nil })
		},
	}
	for name, write := range writes {
		file, aside := filepath.Join(dir, name), filepath.Join(dir, "aside")
		if err := write(); err != nil {
			t.Fatalf("%s in its place: %v", name, err)
		}
		refused := func(when string) {
			t.Helper()
			if err := write(); rouse.CodeOf(err) != rouse.Unavailable || !strings.Contains(err.Error(), "removed or replaced") {
				t.Errorf("%s %s: %v", name, when, err)
			}
		}
		if err := os.Rename(file, aside); err != nil {
			t.Fatal(err)
		}
		refused("removed")
		if err := os.WriteFile(file, []byte("somebody else's"), 0o600); err != nil {
			t.Fatal(err)
		}
		refused("replaced")
		if name == "events.db" {
			if err := events.Compact(t.Context()); rouse.CodeOf(err) != rouse.Unavailable {
				t.Errorf("compacted over another file: %v", err)
			}
		}
		if b, err := os.ReadFile(file); err != nil || string(b) != "somebody else's" {
			t.Errorf("%s, not ours any more, holds %q, %v", name, b, err)
		}
		if err := os.Rename(aside, file); err != nil {
			t.Fatal(err)
		}
		if err := write(); err != nil {
			t.Errorf("%s back in its place: %v", name, err)
		}
	}
}
