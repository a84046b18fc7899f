package artifact

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rousehq/rouse"
)

// item is one entry of an archive that a test makes.
type item struct {
	name string
	mode fs.FileMode
	body string
}

func zipOf(items ...item) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, it := range items {
		h := &zip.FileHeader{Name: it.name, Method: zip.Deflate}
		h.SetMode(it.mode)
		f, err := w.CreateHeader(h)
		if err == nil && !it.mode.IsDir() {
			_, err = io.WriteString(f, it.body)
		}
		if err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func openTest(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "artifacts"), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t testing.TB, s *Store, archive []byte) Info {
	t.Helper()
	info, err := s.AddZip(t.Context(), bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// left fails when anything lies in the temporary folder.
func left(t testing.TB, s *Store) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, staging))
	if err != nil || len(entries) != 0 {
		t.Errorf("left in the temporary folder: %v, %v", entries, err)
	}
}

func TestAnArchiveIsUnpackedWithSafeModes(t *testing.T) {
	s := openTest(t, Options{})
	info := add(t, s, zipOf(
		item{"app.py", 0o666, "print()"},
		item{"bin/tool", 0o755 | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky, "#!"},
		item{"bin/tool-1", fs.ModeSymlink | 0o777, "tool"},
		item{"deep/er/secret", 0o400, ""},
		item{"empty/", fs.ModeDir | 0o700, ""},
		item{"up", fs.ModeSymlink | 0o777, "deep/er/../../bin/tool-1"},
	))
	if info.Files != 5 || info.Size != 9 || !strings.HasPrefix(info.Digest, "sha256:") {
		t.Errorf("info: %+v", info)
	}
	dir, ok := s.Path(info.Digest)
	if !ok {
		t.Fatal("the tree is not there")
	}
	for name, want := range map[string]fs.FileMode{
		".": fs.ModeDir | 0o755, "app.py": 0o644, "bin": fs.ModeDir | 0o755, "bin/tool": 0o755,
		"deep/er/secret": 0o644, "empty": fs.ModeDir | 0o755, "up": fs.ModeSymlink | 0o777,
	} {
		got, err := os.Lstat(filepath.Join(dir, name))
		if err != nil || got.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", name, got.Mode(), err, want)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "up")); err != nil || string(b) != "#!" {
		t.Errorf("through links: %q, %v", b, err)
	}
	left(t, s)
}

// The name depends on what is unpacked and on nothing else.
func TestEqualContentHasOneName(t *testing.T) {
	s := openTest(t, Options{})
	base := add(t, s, zipOf(item{"a", 0o644, "1"}, item{"d/b", 0o755, "2"}))
	for name, archive := range map[string][]byte{
		"again":       zipOf(item{"a", 0o644, "1"}, item{"d/b", 0o755, "2"}),
		"other order": zipOf(item{"d/b", 0o755, "2"}, item{"a", 0o644, "1"}),
		"other modes": zipOf(item{"a", 0o600, "1"}, item{"d/b", 0o711, "2"}),
		"folders":     zipOf(item{"d/", fs.ModeDir, ""}, item{"d/", fs.ModeDir, ""}, item{"./a", 0o644, "1"}, item{"d/b", 0o755, "2"}),
	} {
		if got := add(t, s, archive); got != base {
			t.Errorf("%s: %+v, want %+v", name, got, base)
		}
	}
	for name, archive := range map[string][]byte{
		"content":      zipOf(item{"a", 0o644, "3"}, item{"d/b", 0o755, "2"}),
		"executable":   zipOf(item{"a", 0o755, "1"}, item{"d/b", 0o755, "2"}),
		"case":         zipOf(item{"A", 0o644, "1"}, item{"d/b", 0o755, "2"}),
		"empty folder": zipOf(item{"a", 0o644, "1"}, item{"d/b", 0o755, "2"}, item{"e/", fs.ModeDir, ""}),
		"link":         zipOf(item{"a", fs.ModeSymlink, "d/b"}, item{"d/b", 0o755, "2"}),
		"moved":        zipOf(item{"a", 0o644, "1"}, item{"b", 0o755, "2"}),
	} {
		if got := add(t, s, archive); got.Digest == base.Digest {
			t.Errorf("another %s has the same name", name)
		}
	}
}

// A folder, its archive and the copy that either makes all have one name.
func TestAFolderAndItsArchiveHaveOneName(t *testing.T) {
	s := openTest(t, Options{})
	part := rapid.StringMatching(`[a-c]{1,2}`)
	rapid.Check(t, func(r *rapid.T) {
		contents := rapid.MapOf(rapid.StringMatching(`[a-c]{1,2}(/[a-c]{1,2}){0,2}`), rapid.String()).Draw(r, "files")
		executable := part.Draw(r, "executable")
		var items []item
		for name, body := range contents {
			clash := false
			for other := range contents {
				clash = clash || strings.HasPrefix(other, name+"/")
			}
			mode := fs.FileMode(0o644)
			if strings.HasSuffix(name, executable) {
				mode = 0o755
			}
			if !clash {
				items = append(items, item{name, mode, body})
			}
		}
		fromZip := add(t, s, zipOf(items...))
		dir, _ := s.Path(fromZip.Digest)
		fromDir, err := s.AddDir(t.Context(), dir)
		if err != nil || fromDir != fromZip {
			r.Fatalf("archive %+v, folder %+v, %v", fromZip, fromDir, err)
		}
	})
}

func TestManyUploadsOfOneArchiveAreOneTree(t *testing.T) {
	s := openTest(t, Options{})
	archive := zipOf(item{"a", 0o644, "1"})
	var uploads sync.WaitGroup
	for range 16 {
		uploads.Go(func() {
			if _, err := s.AddZip(t.Context(), bytes.NewReader(archive)); err != nil {
				t.Error(err)
			}
		})
	}
	uploads.Wait()
	entries, err := os.ReadDir(filepath.Join(s.dir, algorithm))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d trees, %v; want 1", len(entries), err)
	}
	left(t, s)
}

func TestPathOfNonsenseIsNothing(t *testing.T) {
	s := openTest(t, Options{})
	info := add(t, s, zipOf(item{"a", 0o644, "1"}))
	hex := strings.TrimPrefix(info.Digest, "sha256:")
	for _, digest := range []string{"", hex, "sha256:", "sha256:..", "sha256:../tmp", "md5:" + hex,
		"sha256:" + strings.ToUpper(hex), "sha256:" + strings.Repeat("0", 64), "sha256:" + hex + "/a", info.Digest + "\x00"} {
		if dir, ok := s.Path(digest); ok {
			t.Errorf("Path(%q) is %s", digest, dir)
		}
	}
}

// What a killed process was making is gone at the next start, and what it had finished is there.
func TestHalfMadeTreesAreRemovedAtOpen(t *testing.T) {
	s := openTest(t, Options{})
	info := add(t, s, zipOf(item{"a", 0o644, "1"}))
	tr, err := s.newTree() // never finished, never dropped
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.file(t.Context(), "d/half", false, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	again, err := Open(s.dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	left(t, again)
	if _, ok := again.Path(info.Digest); !ok {
		t.Error("the finished tree is gone")
	}
}

// At whatever byte an upload ends early, nothing of it becomes visible.
func TestAnInterruptedUploadLeavesNothing(t *testing.T) {
	s := openTest(t, Options{})
	archive := zipOf(item{"a", 0o644, strings.Repeat("1", 1000)}, item{"b", 0o644, "2"})
	broken := errors.New("connection reset")
	for cut := range len(archive) {
		_, err := s.AddZip(t.Context(), io.MultiReader(bytes.NewReader(archive[:cut]), errReader{broken}))
		if !errors.Is(err, broken) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if _, err := s.AddZip(t.Context(), bytes.NewReader(archive[:cut])); rouse.CodeOf(err) != rouse.Invalid {
			t.Fatalf("the first %d bytes: %v", cut, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.AddZip(ctx, bytes.NewReader(archive)); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	left(t, s)
	if entries, _ := os.ReadDir(filepath.Join(s.dir, algorithm)); len(entries) != 0 {
		t.Errorf("visible: %v", entries)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// Collect spares what is wanted, what was just added and what was just added again.
func TestCollectRemovesOnlyWhatNobodyNeeds(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(filepath.Join(dir, "artifacts"), Options{Grace: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		unwanted := func(string) bool { return false }
		wanted := add(t, s, zipOf(item{"a", 0o644, "wanted"}))
		again := zipOf(item{"a", 0o644, "again"})
		old := add(t, s, zipOf(item{"a", 0o644, "old"}))
		refreshed := add(t, s, again)
		if removed, err := s.Collect(t.Context(), unwanted); len(removed) != 0 || err != nil {
			t.Errorf("within the time of grace: %v, %v", removed, err)
		}
		<-time.After(2 * time.Hour) // of the bubble
		add(t, s, again)
		removed, err := s.Collect(t.Context(), func(d string) bool { return d == wanted.Digest })
		if err != nil || len(removed) != 1 || removed[0] != old.Digest {
			t.Errorf("removed %v, %v; want %s", removed, err, old.Digest)
		}
		for digest, want := range map[string]bool{wanted.Digest: true, refreshed.Digest: true, old.Digest: false} {
			if _, ok := s.Path(digest); ok != want {
				t.Errorf("%s is there: %v, want %v", digest, ok, want)
			}
		}
	})
}

// An upload that Collect looks at in the same moment is there when it returns.
func TestAnUploadWinsOverCollect(t *testing.T) {
	s := openTest(t, Options{Grace: time.Minute})
	archive := zipOf(item{"a", 0o644, "1"})
	info := add(t, s, archive)
	dir, _ := s.Path(info.Digest)
	long := time.Now().Add(-time.Hour)
	for range 20 {
		if err := os.Chtimes(dir, long, long); err != nil {
			t.Fatal(err)
		}
		_, err := s.Collect(t.Context(), func(string) bool {
			add(t, s, archive) // after Collect has seen it, before it removes
			return false
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := s.Path(info.Digest); !ok {
			t.Fatal("what was just uploaded was removed")
		}
	}
}

func TestAddDirSaysWhatItCannotTake(t *testing.T) {
	s := openTest(t, Options{})
	if _, err := s.AddDir(t.Context(), filepath.Join(t.TempDir(), "none")); rouse.CodeOf(err) != rouse.Invalid {
		t.Errorf("a missing folder: %v", err)
	}
	dir := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "evil")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddDir(t.Context(), dir); rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), `"evil"`) {
		t.Errorf("a link out: %v", err)
	}
	left(t, s)
}

func FuzzAddZip(f *testing.F) {
	f.Add(zipOf(item{"a/b", 0o755, "x"}, item{"l", fs.ModeSymlink, "a/b"}))
	f.Add(zipOf(item{"../x", 0o644, "x"}))
	f.Add(zipOf(item{"a", fs.ModeSymlink, "b"}, item{"b", fs.ModeSymlink, "a"}))
	outside := f.TempDir()
	s, err := Open(filepath.Join(outside, "artifacts"), Options{MaxUnpacked: 1 << 16, MaxFiles: 50, Grace: time.Nanosecond})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, archive []byte) {
		info, err := s.AddZip(t.Context(), bytes.NewReader(archive))
		if err != nil {
			if code := rouse.CodeOf(err); code != rouse.Invalid && code != rouse.TooLarge {
				t.Errorf("error without a code of the client's: %v", err)
			}
			return
		}
		dir, ok := s.Path(info.Digest)
		if !ok {
			t.Fatal("stored, but not there")
		}
		checkInside(t, dir)
		if again, err := s.AddDir(t.Context(), dir); err != nil || again != info {
			t.Errorf("the copy of a tree: %+v, %v; want %+v", again, err, info)
		}
		if _, err := s.Collect(t.Context(), func(string) bool { return false }); err != nil {
			t.Error(err)
		}
		if entries, _ := os.ReadDir(outside); len(entries) != 1 {
			t.Errorf("written outside: %v", entries)
		}
	})
}

// checkInside walks a tree and follows every link.
func checkInside(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		real, err := filepath.EvalSymlinks(path)
		if err != nil || real != dir && !strings.HasPrefix(real, dir+"/") {
			return fmt.Errorf("%s leads to %s, %w", path, real, err)
		}
		if info.Mode()&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeDevice|fs.ModeNamedPipe) != 0 {
			return fmt.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
