package pack_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/rousehq/rouse/controller/artifact"
	"github.com/rousehq/rouse/controller/artifact/pack"
)

// What is packed here is stored there under the name that the folder itself has.
func TestWhatIsPackedIsWhatIsStored(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"bootstrap": 0o755, "lib/a.py": 0o640, "lib/deep/b": 0o600} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../lib/a.py", filepath.Join(dir, "empty", "l")); err != nil {
		t.Fatal(err)
	}
	s, err := artifact.Open(filepath.Join(t.TempDir(), "artifacts"), artifact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	packed, err := pack.Dir(t.Context(), &b, dir)
	if err != nil {
		t.Fatal(err)
	}
	fromZip, err := s.AddZip(t.Context(), &b)
	if err != nil {
		t.Fatal(err)
	}
	fromDir, err := s.AddDir(t.Context(), dir)
	if err != nil || fromDir != fromZip || fromZip.Files != packed.Files || fromZip.Size != packed.Size {
		t.Errorf("packed %+v, from the archive %+v, from the folder %+v, %v", packed, fromZip, fromDir, err)
	}
}
