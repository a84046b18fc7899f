package rootfs

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func opaque(dir string) item { return file(dir+"/.wh..wh..opq", "") }
func gone1(name string) item { return file(path.Join(path.Dir(name), ".wh."+path.Base(name)), "") }

// Every case is joined by the kernel's overlayfs.
func TestWhatALayerTakesAwayIsGone(t *testing.T) {
	base := layerOf(folder("etc"), file("etc/a", "a"), file("etc/b", "b"), folder("dir"), folder("dir/sub"), file("dir/sub/f", "f"), symlink("link", "etc"))
	for name, test := range map[string]struct {
		layers [][]byte
		want   string // names and contents of files, in order
	}{
		"a file":                     {[][]byte{base, layerOf(gone1("etc/a"))}, "/dir/sub/f=f /etc/b=b"},
		"a folder":                   {[][]byte{base, layerOf(gone1("dir"))}, "/etc/a=a /etc/b=b"},
		"a link, not where it leads": {[][]byte{base, layerOf(gone1("link"))}, "/dir/sub/f=f /etc/a=a /etc/b=b"},
		"and put there again":        {[][]byte{base, layerOf(gone1("dir")), layerOf(folder("dir"), file("dir/g", "g"))}, "/dir/g=g /etc/a=a /etc/b=b"},
		"replaced in one layer":      {[][]byte{base, layerOf(gone1("dir"), folder("dir"), file("dir/g", "g"))}, "/dir/g=g /etc/a=a /etc/b=b"},
		"replaced, in other order":   {[][]byte{base, layerOf(folder("dir"), file("dir/g", "g"), gone1("dir"))}, "/dir/g=g /etc/a=a /etc/b=b"},
		"replaced without a folder":  {[][]byte{base, layerOf(gone1("dir"), file("dir/g", "g"))}, "/dir/g=g /etc/a=a /etc/b=b"},
		"a file replaced":            {[][]byte{base, layerOf(gone1("etc/a"), file("etc/a", "new"))}, "/dir/sub/f=f /etc/a=new /etc/b=b"},
		"a file replaced, reordered": {[][]byte{base, layerOf(file("etc/a", "new"), gone1("etc/a"))}, "/dir/sub/f=f /etc/a=new /etc/b=b"},
		"a folder by a file":         {[][]byte{base, layerOf(file("dir", "f"))}, "/dir=f /etc/a=a /etc/b=b"},
		"a file by a folder":         {[][]byte{base, layerOf(folder("etc/a"), file("etc/a/x", "x"))}, "/dir/sub/f=f /etc/a/x=x /etc/b=b"},
		"a folder's content":         {[][]byte{base, layerOf(folder("etc"), opaque("etc"), file("etc/c", "c"))}, "/dir/sub/f=f /etc/c=c"},
		"content, files first":       {[][]byte{base, layerOf(file("etc/c", "c"), opaque("etc"))}, "/dir/sub/f=f /etc/c=c"},
		"content, folder last":       {[][]byte{base, layerOf(opaque("etc"), folder("etc"))}, "/dir/sub/f=f"},
		"everything":                 {[][]byte{base, layerOf(opaque("."), file("new", "n")), layerOf(file("top", "t"))}, "/new=n /top=t"},
		"what is not there":          {[][]byte{base, layerOf(gone1("none"), gone1("no/such/file"))}, "/dir/sub/f=f /etc/a=a /etc/b=b"},
		"a hard link to a whiteout":  {[][]byte{base, layerOf(gone1("etc/a"), hardlink("etc/.wh.b", "etc/.wh.a"))}, "/dir/sub/f=f"},
		"aufs' bookkeeping":          {[][]byte{base, layerOf(folder(".wh..wh.plnk"), file(".wh..wh.aufs", ""))}, "/dir/sub/f=f /etc/a=a /etc/b=b"},
		"a layer twice":              {[][]byte{base, layerOf(gone1("etc/a")), base}, "/dir/sub/f=f /etc/a=a /etc/b=b"},
		"below a link":               {[][]byte{base, layerOf(file("link/a", "mine"))}, "/dir/sub/f=f /etc/a=a /etc/b=b /link/a=mine"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{})
			root := unpack(t, s, test.layers...)
			var got []string
			dir := joined(t, s, root)
			err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
				if err != nil || !d.Type().IsRegular() {
					return err
				}
				content, err := os.ReadFile(name)
				got = append(got, fmt.Sprintf("/%s=%s", strings.TrimPrefix(name, dir), content))
				return err
			})
			if have := strings.Join(got, " "); err != nil || have != test.want {
				t.Errorf("files %s, %v\nwant  %s", have, err, test.want)
			}
		})
	}
}

// A layer that writes into a folder without naming it leaves the folder's owner,
// mode and time as a layer below says.
func TestFoldersThatALayerDoesNotNameStayAsTheyAre(t *testing.T) {
	s := open(t, Options{})
	home := item{Header: tar.Header{Typeflag: tar.TypeDir, Name: "home/app/", Mode: 0o700, Uid: 1000, Gid: 1000, PAXRecords: map[string]string{"SCHILY.xattr.user.k": "v"}}}
	tmp := item{Header: tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}}
	top := item{Header: tar.Header{Typeflag: tar.TypeDir, Name: ".", Mode: 0o711}}
	root := unpack(t, s,
		layerOf(top, tmp, folder("home"), home, file("home/app/a", "")),
		layerOf(file("tmp/x", ""), file("home/app/b", "")),
		layerOf(file("home/app/c", ""), file("new/dir/d", "")))
	got := list(t, joined(t, s, root))
	for name, want := range map[string]string{
		"/":         "40711 0:0 1700000000",
		"/tmp":      "41777 0:0 1700000000",
		"/home":     "40755 0:0 1700000000",
		"/home/app": "40700 1000:1000 1700000000",
		"/new/dir":  "40755 0:0 0",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	value := make([]byte, 10)
	if n, err := unix.Lgetxattr(filepath.Join(root.Layers[0], "home/app"), "user.k", value); err != nil || string(value[:n]) != "v" {
		t.Errorf("its attribute is %q, %v", value[:max(n, 0)], err)
	}
	if len(root.Layers) != 4 {
		t.Errorf("layers %q, want the image's three and one with the owners", root.Layers)
	}
	if plain := unpack(t, s, layerOf(tmp, file("tmp/x", "")), layerOf(tmp, file("tmp/y", ""))); len(plain.Layers) != 2 {
		t.Errorf("layers %q of an image that names its folders", plain.Layers)
	}
}

// More layers than a page of mount options has room for.
func TestManyLayersAreJoined(t *testing.T) {
	s := open(t, Options{})
	var layers [][]byte
	for i := range 130 {
		layers = append(layers, layerOf(folder("d"), file(fmt.Sprintf("d/%d", i), fmt.Sprint(i)), file("d/top", fmt.Sprint(i))))
	}
	dir := joined(t, s, unpack(t, s, layers...))
	if found := list(t, dir); len(found) != 2+130+1 || !strings.HasSuffix(found["/d/top"], `"129"`) {
		t.Errorf("%d paths, the topmost is %q", len(found), found["/d/top"])
	}
}

// flat is the oracle: layers laid over one another the plain way, as the image
// specification says, by path.
type flat map[string]string

func (f flat) remove(name string) {
	for at := range f {
		if within(at, name) {
			delete(f, at)
		}
	}
}

// lay adds a layer whose entries come in order of their paths, whiteouts first.
func (f flat) lay(items []item) {
	for _, it := range items {
		name := path.Clean(it.Name)
		base, dir := path.Base(name), path.Dir(name)
		if gone, ok := strings.CutPrefix(base, whiteoutPrefix); ok && base != whiteoutOpaque {
			f.remove(path.Join(dir, gone))
		} else if ok {
			for at := range f {
				if at != dir && within(at, dir) {
					delete(f, at)
				}
			}
		}
	}
	for _, it := range items {
		name := path.Clean(it.Name)
		if strings.HasPrefix(path.Base(name), whiteoutPrefix) {
			continue
		}
		if it.Typeflag != tar.TypeDir || !strings.HasPrefix(f[name], "d") {
			f.remove(name)
		}
		switch it.Typeflag {
		case tar.TypeDir:
			f[name] = fmt.Sprintf("d%o", it.Mode)
		case tar.TypeSymlink:
			f[name] = "l" + it.Linkname
		default:
			f[name] = "f" + it.body
		}
	}
}

// randomLayer draws a consistent layer: whole paths, each entry's folders before it.
func randomLayer(t *rapid.T, n int) []item {
	names := []string{"a", "b", "c"}
	kinds := map[string]byte{".": 'd'}
	var items []item
	for i := range rapid.IntRange(1, 12).Draw(t, "entries") {
		depth := rapid.IntRange(1, 3).Draw(t, "depth")
		dir := "."
		for range depth - 1 {
			next := path.Join(dir, rapid.SampledFrom(names).Draw(t, "folder"))
			if kind, ok := kinds[next]; ok && kind != 'd' {
				break
			} else if !ok {
				kinds[next] = 'd'
				it := folder(next)
				it.Mode = int64(0o700 + n)
				items = append(items, it)
			}
			dir = next
		}
		name := path.Join(dir, rapid.SampledFrom(names).Draw(t, "name"))
		if _, ok := kinds[name]; ok {
			continue
		}
		switch rapid.SampledFrom([]byte("ffdlwo")).Draw(t, "kind") {
		case 'f':
			kinds[name] = 'f'
			items = append(items, file(name, fmt.Sprint(n, i)))
		case 'd':
			kinds[name] = 'd'
			it := folder(name)
			it.Mode = int64(0o700 + n)
			items = append(items, it)
		case 'l':
			kinds[name] = 'l'
			items = append(items, symlink(name, rapid.SampledFrom([]string{"a", "../b", "/c/a", "none"}).Draw(t, "target")))
		case 'w':
			kinds[name] = 'w'
			items = append(items, gone1(name))
		case 'o':
			if dir != "." {
				items = append(items, opaque(dir))
			}
		}
	}
	return items
}

// Whatever layers there are, the kernel shows the tree that the specification
// says, and what is read without a mount is what the kernel shows.
func TestJoinedLayersAreTheImage(t *testing.T) {
	s := open(t, Options{})
	rapid.Check(t, func(rt *rapid.T) {
		var layers [][]byte
		want := flat{}
		for n := range rapid.IntRange(1, 5).Draw(rt, "layers") {
			items := randomLayer(rt, n)
			layers = append(layers, layerOf(items...))
			want.lay(items)
		}
		// A layer that comes twice is joined once, which the oracle need not know.
		for i := range layers {
			if slices.IndexFunc(layers, func(b []byte) bool { return bytes.Equal(b, layers[i]) }) != i {
				rt.Skip("equal layers")
			}
		}
		root := unpack(t, s, layers...)
		skeleton, err := s.Skeleton(root, nil, nil)
		if err != nil {
			rt.Fatal(err)
		}
		var dir string
		rt.Cleanup(func() {}) // the mount is closed with the test
		dir = join(t, append([]string{skeleton}, root.Layers...)...)
		got := flat{}
		for name, line := range list(t, dir) {
			name = path.Join(".", strings.TrimPrefix(name, "/"))
			if name == "." {
				continue
			}
			got[name] = summary(rt, dir, name, line)
			compareWalk(rt, root, dir, name)
		}
		same(t, got, want)
		if t.Failed() {
			rt.Fatalf("layers %v", layers)
		}
	})
}

func summary(t *rapid.T, dir, name, line string) string {
	info, err := os.Lstat(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	switch info.Mode().Type() {
	case fs.ModeDir:
		return fmt.Sprintf("d%o", info.Mode().Perm())
	case fs.ModeSymlink:
		_, target, _ := strings.Cut(line, " -> ")
		return "l" + target
	}
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return "f" + string(content)
}

// compareWalk resolves a path by the kernel and without it.
func compareWalk(t *rapid.T, root Root, dir, name string) {
	at, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(at)
	fd, err := unix.Openat2(at, name, &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT})
	var want []byte
	if err == nil {
		f := os.NewFile(uintptr(fd), name)
		want = make([]byte, 100)
		n, _ := f.Read(want)
		want = want[:max(n, 0)]
		f.Close()
	}
	got, failed := readFile(root, name)
	missing := errors.Is(failed, fs.ErrNotExist)
	kernelMissing := errors.Is(err, unix.ENOENT)
	if got != string(want) || kernelMissing && failed == nil || missing && err == nil {
		t.Fatalf("%s is %q, %v; the kernel reads %q, %v", name, got, failed, want, err)
	}
}
