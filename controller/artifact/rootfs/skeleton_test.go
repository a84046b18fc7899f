package rootfs

import (
	"archive/tar"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

// What an image lacks is made where the kernel will look for it, and nothing
// else about the image changes.
func TestMountPointsAreMadeWhereTheyAreMissing(t *testing.T) {
	s := open(t, Options{})
	root := unpack(t, s,
		layerOf(
			item{Header: tar.Header{Typeflag: tar.TypeDir, Name: "etc/", Mode: 0o750, Uid: 5, Gid: 6}},
			file("etc/hosts", "mine"),
			symlink("etc/resolv.conf", "../run/resolve/stub"),
			folder("run"), folder("var"), folder("var/tmp"), folder("opt"), file("opt/f", "f"),
			symlink("tmp", "var/tmp"), symlink("var/task", "/srv/task"), symlink("mnt", "../../../up"),
			folder("gone"), file("gone/f", "f")),
		layerOf(gone1("gone"), gone1("opt/f")))
	layer, err := s.Skeleton(root,
		[]string{"/proc", "/tmp", "/var/task", "/var/runtime", "/opt", "/mnt", "/gone", "/a/b/c", "/a/b", "/"},
		[]string{"/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/a/f"})
	if err != nil {
		t.Fatal(err)
	}
	same(t, list(t, layer+"/"), map[string]string{
		"/":                 "40755 0:0 0",
		"/proc":             "40755 0:0 0",
		"/srv":              "40755 0:0 0",
		"/srv/task":         "40755 0:0 0",
		"/var":              "40755 0:0 1700000000",
		"/var/runtime":      "40755 0:0 0",
		"/up":               "40755 0:0 0",
		"/gone":             "40755 0:0 0",
		"/a":                "40755 0:0 0",
		"/a/b":              "40755 0:0 0",
		"/a/b/c":            "40755 0:0 0",
		"/a/f":              `100644 0:0 0 n=1 ""`,
		"/run":              "40755 0:0 1700000000",
		"/run/resolve":      "40755 0:0 0",
		"/run/resolve/stub": `100644 0:0 0 n=1 ""`,
		"/etc":              "40750 5:6 1700000000",
		"/etc/hostname":     `100644 0:0 0 n=1 ""`,
	})
	whole := list(t, join(t, append([]string{layer}, root.Layers...)...))
	for name, want := range map[string]string{
		"/etc":       "40750 5:6 1700000000",
		"/etc/hosts": `100644 0:0 1700000000 n=1 "mine"`,
		"/opt":       "40755 0:0 1700000000",
		"/gone/f":    "",
		"/opt/f":     "",
	} {
		if whole[name] != want {
			t.Errorf("%s is %q, want %q", name, whole[name], want)
		}
	}
}

func TestWhatIsInAMountPointsWayIsSaid(t *testing.T) {
	s := open(t, Options{})
	root := unpack(t, s, layerOf(file("opt", ""), folder("etc/hosts"), symlink("loop", "pool"), symlink("pool", "loop"),
		symlink("task", "opt"), item{Header: tar.Header{Typeflag: tar.TypeFifo, Name: "pipe"}}))
	for name, test := range map[string]struct {
		folders, files []string
		want           string
	}{
		"a file for a folder":            {[]string{"/opt"}, nil, "/opt: this image has a file there, where a folder is needed"},
		"a link to a file":               {[]string{"/task"}, nil, "/task: this image has a file there"},
		"a pipe":                         {[]string{"/pipe"}, nil, "/pipe: this image has a file there"},
		"a folder for a file":            {nil, []string{"/etc/hosts"}, "/etc/hosts: this image has a folder there, where a file is needed"},
		"a folder below a file":          {[]string{"/opt/a"}, nil, "/opt is not a folder"},
		"a link without end":             {[]string{"/loop"}, nil, "never ends"},
		"wanted both ways":               {[]string{"/new/f"}, []string{"/new"}, "/new: this image has a folder there"},
		"wanted both ways, folder":       {[]string{"/new"}, []string{"/new"}, "/new: this image has a folder there"},
		"wanted below a file wanted too": {nil, []string{"/f", "/f/g"}, "a file is wanted at /f too"},
	} {
		_, err := s.Skeleton(root, test.folders, test.files)
		if rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", name, err, test.want)
		}
	}
	left(t, s)
}

func TestSkeletonsAreSharedAndMadeOnce(t *testing.T) {
	s := open(t, Options{})
	one, two := unpack(t, s, layerOf(folder("etc"), file("etc/a", ""))), unpack(t, s, layerOf(folder("etc"), file("etc/b", "")))
	folders := []string{"/proc", "/etc/x"}
	first, err := s.Skeleton(one, folders, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range []Root{one, two} {
		if again, err := s.Skeleton(root, folders, nil); again != first || err != nil {
			t.Errorf("%s, then %s, %v", first, again, err)
		}
	}
	if other, err := s.Skeleton(one, []string{"/proc"}, nil); other == first || err != nil {
		t.Errorf("other targets have the same layer %s, %v", other, err)
	}
}

func TestPathsLeadThroughTheLayers(t *testing.T) {
	s := open(t, Options{})
	root := unpack(t, s,
		layerOf(folder("etc"), file("etc/passwd", "old"), file("etc/group", "kept"), file("etc/gone", "")),
		layerOf(folder("etc"), file("etc/passwd", "new"), gone1("etc/gone"), symlink("etc/link", "/../etc/./passwd"), folder("etc/d")))
	for name, want := range map[string]string{"/etc/passwd": "new", "etc/group": "kept", "/etc/link": "new"} {
		if got, err := readFile(root, name); got != want || err != nil {
			t.Errorf("%s is %q, %v; want %q", name, got, err, want)
		}
	}
	if _, err := readFile(root, "/etc/gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that a layer takes away: %v", err)
	}
	if _, err := readFile(root, "/etc/passwd/x"); rouse.CodeOf(err) != rouse.Invalid {
		t.Errorf("a path through a file: %v", err)
	}
}

// A start asks for its image and skeleton each time: that costs next to nothing.
func BenchmarkAnImageIsGivenOut(b *testing.B) {
	s := open(b, Options{})
	root := unpack(b, s, layerOf(folder("etc")), layerOf(folder("usr")))
	folders := []string{"/proc", "/sys", "/dev", "/tmp", "/var/task", "/var/runtime", "/opt", "/rouse"}
	for b.Loop() {
		if _, ok := s.Root(root.ImageID); !ok {
			b.Fatal("gone")
		}
		if _, err := s.Skeleton(root, folders, []string{"/etc/hosts", "/etc/resolv.conf", "/etc/hostname"}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestARootThatIsNotWholeIsNone(t *testing.T) {
	s := open(t, Options{})
	layer := layerOf(file("a", "a"))
	root := unpack(t, s, layer)
	name, _ := hexOf(root.ImageID)
	record := s.rootFile(name)
	good, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	for what, content := range map[string]string{
		"cut short":      string(good[:len(good)/2]),
		"another form":   strings.Replace(string(good), `"form":1`, `"form":2`, 1),
		"another image":  strings.Replace(string(good), root.ImageID, sum(nil), 1),
		"layers outside": strings.Replace(string(good), `"layers/`, `"../layers/`, 1),
		"a layer gone":   strings.Replace(string(good), `"layers/`, `"layers/0`, 1),
	} {
		if content == string(good) {
			t.Fatalf("%s: the test changes nothing in %s", what, good)
		}
		if err := os.WriteFile(record, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := Open(s.dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if root, ok := again.Root(root.ImageID); ok {
			t.Errorf("%s: %+v", what, root)
		}
		if unpack(t, again, layer); !fileIs(filepath.Join(root.Layers[0], "a"), "a") {
			t.Errorf("%s: not unpacked anew", what)
		}
	}
	for _, id := range []string{"", "sha256:", "sha256:../../x", sum([]byte("x"))} {
		if _, ok := s.Root(id); ok {
			t.Errorf("image %q is here", id)
		}
	}
}

func fileIs(name, want string) bool {
	got, err := os.ReadFile(name)
	return err == nil && string(got) == want
}
