package bolt

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
)

// A full disk is an error that says so; nothing that was there is lost, and
// writing goes on when there is room again.
func TestAFullDiskLosesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small disk needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := openTest(t, filepath.Join(dir, "rouse.db"))
	if err := s.PutSetting(t.Context(), "before", "x"); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err == nil {
		t.Fatal("the disk did not fill up")
	}
	big := strings.Repeat("v", 300<<10)
	for range 3 {
		err := s.PutSetting(t.Context(), "big", big)
		if rouse.CodeOf(err) != rouse.Unavailable || !strings.Contains(err.Error(), "disk of the data directory is full") {
			t.Fatalf("writing to a full disk: %v", err)
		}
	}
	if _, err := s.Setting(t.Context(), "big"); rouse.CodeOf(err) != rouse.NotFound {
		t.Errorf("what failed to be written is there: %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := s.PutSetting(t.Context(), "big", big); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := openTest(t, filepath.Join(dir, "rouse.db"))
	for _, key := range []string{"before", "big"} {
		if _, err := again.Setting(t.Context(), key); err != nil {
			t.Errorf("%s after the full disk: %v", key, err)
		}
	}
}

// The same for events: each commit either happens or does not.
func TestAFullDiskLosesNoEvent(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("a small disk needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "events.db")
	s := openTestSpace(t, path)
	kept := 0
	for i := range 400 {
		err := s.Update(t.Context(), func(tx store.Tx) error {
			tx.Put(fmt.Appendf(nil, "a%03d", i), make([]byte, 20<<10))
			tx.Put(fmt.Appendf(nil, "b%03d", i), []byte{1})
			return nil
		})
		if err != nil {
			if rouse.CodeOf(err) != rouse.Unavailable {
				t.Fatalf("writing to a full disk: %v", err)
			}
			break
		}
		kept++
	}
	if kept == 0 || kept == 400 {
		t.Fatalf("%d writes fit", kept)
	}
	if got := contents(t, s); len(got) != 2*kept {
		t.Errorf("%d keys, want two for each of %d", len(got), kept)
	}
	if err := s.Compact(t.Context()); rouse.CodeOf(err) != rouse.Unavailable {
		t.Errorf("compacting on a full disk: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTestSpace(t, path)
	if got := contents(t, s); len(got) != 2*kept {
		t.Errorf("opened again: %d keys, want two for each of %d", len(got), kept)
	}
}
