package pack

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

func project(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func packed(t *testing.T, dir string) ([]byte, []string) {
	t.Helper()
	var b bytes.Buffer
	if _, err := Dir(t.Context(), &b, dir); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range r.File {
		names = append(names, f.Name)
	}
	return b.Bytes(), names
}

func TestTheSameFilesMakeTheSameBytes(t *testing.T) {
	files := map[string]string{"app.py": "1", "lib/a.py": "2", "lib/b.py": "3"}
	one, names := packed(t, project(t, files))
	other := project(t, files)
	if err := os.Chtimes(filepath.Join(other, "app.py"), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(other, "lib/a.py"), 0o600); err != nil {
		t.Fatal(err)
	}
	two, _ := packed(t, other)
	if !bytes.Equal(one, two) {
		t.Error("times or modes that do not matter changed the archive")
	}
	if want := []string{"app.py", "lib/", "lib/a.py", "lib/b.py"}; !slices.Equal(names, want) {
		t.Errorf("packed %v, want %v", names, want)
	}
	if err := os.Chmod(filepath.Join(other, "app.py"), 0o755); err != nil {
		t.Fatal(err)
	}
	if three, _ := packed(t, other); bytes.Equal(two, three) {
		t.Error("the executable bit was lost")
	}
}

func TestWhatIsIgnoredIsNotPacked(t *testing.T) {
	for name, test := range map[string]struct {
		ignore string
		files  []string
		want   []string
	}{
		"nothing said": {"", []string{"a.py", "a.pyc", "__pycache__/a.pyc", ".git/config", "lib/.DS_Store", "lib/.git/x"}, []string{"a.py", "lib/"}},
		"environments": {"", []string{"a.py", ".venv/pyvenv.cfg", ".venv/lib/x.py", "d/env/pyvenv.cfg", "d/pyvenv.cfg/x"}, []string{"a.py", "d/", "d/pyvenv.cfg/", "d/pyvenv.cfg/x"}},
		"taken back":   {"!*.pyc", []string{"a.pyc"}, []string{"a.pyc"}},
		"by name":      {"*.log\nsecret", []string{"a", "x.log", "d/y.log", "d/secret/z"}, []string{"a", "d/"}},
		"anchored":     {"/data\ndocs/*.md", []string{"data", "d/data", "docs/a.md", "docs/b/c.md", "e/docs/x.md"}, []string{"d/", "d/data", "docs/", "docs/b/", "docs/b/c.md", "e/", "e/docs/", "e/docs/x.md"}},
		"folders only": {"build/", []string{"build/a", "d/build"}, []string{"d/", "d/build"}},
		"any depth":    {"a/**/z\nt/**", []string{"a/z", "a/b/z", "a/b/c/z", "b/z", "t/x"}, []string{"a/", "a/b/", "a/b/c/", "b/", "b/z", "t/"}},
		"last decides": {"*.txt\n!keep.txt\nd/keep.txt", []string{"a.txt", "keep.txt", "d/keep.txt"}, []string{"d/", "keep.txt"}},
		"comments":     {"# a\n\n  \n\\#b\r\n\\!c", []string{"a", "#b", "!c"}, []string{"a"}},
		"classes":      {"[ab]?", []string{"a1", "b", "c1"}, []string{"b", "c1"}},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{IgnoreFile: test.ignore}
			for _, f := range test.files {
				files[f] = f
			}
			if _, got := packed(t, project(t, files)); !slices.Equal(got, test.want) {
				t.Errorf("packed %q, want %q", got, test.want)
			}
		})
	}
}

func TestLinksStayLinks(t *testing.T) {
	dir := project(t, map[string]string{"a": "x"})
	if err := os.Symlink("a", filepath.Join(dir, "l")); err != nil {
		t.Fatal(err)
	}
	b, _ := packed(t, dir)
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if mode := r.File[1].Mode(); mode.Type() != fs.ModeSymlink {
		t.Errorf("the link has mode %v", mode)
	}
}

func TestWhatCannotBePackedIsNamed(t *testing.T) {
	dir := project(t, map[string]string{"a": "x"})
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	latin := project(t, map[string]string{"caf\xe9": "x"})
	bad := project(t, map[string]string{IgnoreFile: "ok\n[a"})
	for name, test := range map[string]struct{ dir, want string }{
		"pipe":        {dir, `"pipe" is neither`},
		"bad pattern": {bad, `line 2: "[a"`},
		"latin-1":     {latin, "is not UTF-8"},
		"missing":     {filepath.Join(dir, "none"), "no such folder"},
	} {
		_, err := Dir(t.Context(), new(bytes.Buffer), test.dir)
		if rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}
