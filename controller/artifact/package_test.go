package artifact_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/artifact"
)

func packed(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(f, text)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAPackageIsHandedOutByteForByte(t *testing.T) {
	s, err := artifact.Open(t.TempDir(), artifact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	archive := packed(t, map[string]string{"app.py": "pass"})
	for range 2 {
		p, err := s.AddPackage(t.Context(), archive)
		sum := sha256.Sum256(archive)
		if err != nil || p.Digest != "sha256:"+hex.EncodeToString(sum[:]) || p.Size != rouse.Bytes(len(archive)) || p.Files != 4 {
			t.Fatalf("%+v, %v", p, err)
		}
		if _, ok := s.Path(p.Code); !ok {
			t.Error("the package was not unpacked")
		}
		f, err := s.OpenPackage(p.Digest)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if got, _ := io.ReadAll(f); !bytes.Equal(got, archive) {
			t.Error("another archive came back")
		}
	}
	if _, err := s.AddPackage(t.Context(), []byte("PK but no zip")); rouse.CodeOf(err) != rouse.Invalid {
		t.Error(err)
	}
	for _, digest := range []string{"", "sha256:", "sha256:../../etc/passwd", "sha256:" + hex.EncodeToString(make([]byte, 32))} {
		if _, err := s.OpenPackage(digest); rouse.CodeOf(err) != rouse.NotFound {
			t.Errorf("%q: %v", digest, err)
		}
	}
}

func TestATreeIsPackedTheSameEveryTime(t *testing.T) {
	s, err := artifact.Open(t.TempDir(), artifact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.AddPackage(t.Context(), packed(t, map[string]string{"a/b.py": "1", "c": "2"}))
	if err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	for _, b := range []*bytes.Buffer{&first, &second} {
		if err := s.WriteZip(t.Context(), b, p.Code); err != nil {
			t.Fatal(err)
		}
	}
	again, err := s.AddPackage(t.Context(), first.Bytes())
	if err != nil || again.Code != p.Code || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestUnusedPackagesAreRemovedAfterTheirGrace(t *testing.T) {
	s, err := artifact.Open(t.TempDir(), artifact.Options{Grace: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := s.AddPackage(t.Context(), packed(t, map[string]string{"a": "1"}))
	if err != nil {
		t.Fatal(err)
	}
	gone, err := s.AddPackage(t.Context(), packed(t, map[string]string{"a": "2"}))
	if err != nil {
		t.Fatal(err)
	}
	removed, err := s.CollectPackages(t.Context(), func(digest string) bool { return digest == kept.Digest })
	if err != nil || removed != 1 {
		t.Errorf("removed %d, %v", removed, err)
	}
	if f, err := s.OpenPackage(kept.Digest); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
	if _, err := s.OpenPackage(gone.Digest); rouse.CodeOf(err) != rouse.NotFound {
		t.Error(err)
	}
}
