package artifact

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

// layer stores a tree of files by name.
func layer(t *testing.T, s *Store, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	info, err := s.AddDir(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return info.Digest
}

func TestALaterLayerIsSeenOverAnEarlierOne(t *testing.T) {
	s, err := Open(t.TempDir(), Options{Grace: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	a := layer(t, s, map[string]string{"bin/both": "a", "bin/a": "a", "kind/file": "a", "plain": "a"})
	b := layer(t, s, map[string]string{"bin/both": "b", "kind": "b", "plain/file": "b"})
	for range 2 { // made, then found
		dir, err := s.Merged([]string{a, b})
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"bin/both": "b", "bin/a": "a", "kind": "b", "plain/file": "b"} {
			if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v; want %q", name, got, err, want)
			}
		}
	}
	other, err := s.Merged([]string{b, a})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(other, "bin/both")); err != nil || string(got) != "a" {
		t.Errorf("the other way round: %q, %v", got, err)
	}
	single, _ := s.Path(a)
	if dir, err := s.Merged([]string{a}); err != nil || dir != single {
		t.Errorf("one layer alone: %q, %v; want its own tree", dir, err)
	}
	if dir, err := s.Merged(nil); err != nil || dir != "" {
		t.Errorf("no layers: %q, %v", dir, err)
	}
	var e *rouse.Error
	if _, err := s.Merged([]string{a, "sha256:none"}); !errors.As(err, &e) || e.Code != rouse.StartFailed {
		t.Errorf("a layer that is not here: %v", err)
	}
}

func TestMergedLayersGoWithTheirLayers(t *testing.T) {
	s, err := Open(t.TempDir(), Options{Grace: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	a, b := layer(t, s, map[string]string{"a": "a"}), layer(t, s, map[string]string{"b": "b"})
	dir, err := s.Merged([]string{a, b})
	if err != nil {
		t.Fatal(err)
	}
	both := map[string]bool{a: true, b: true}
	if _, err := s.Collect(t.Context(), func(d string) bool { return both[d] }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("layers in use: %v", err)
	}
	if _, err := s.Collect(t.Context(), func(d string) bool { return d == a }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("merged layers outlived a layer")
	}
}
