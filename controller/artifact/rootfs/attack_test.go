package rootfs

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

// raw is an entry that the tar package would not write as it is.
func raw(change func([]byte), items ...item) []byte {
	layer := layerOf(items...)
	head := layer[:blockSize]
	change(head)
	copy(head[148:156], "        ")
	sum := 0
	for _, b := range head {
		sum += int(b)
	}
	copy(head[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return layer
}

// Every layer here is refused for its own reason, and nothing is written in the
// store or beside it.
func TestHostileLayersAreRefused(t *testing.T) {
	long := strings.Repeat("n", 256)
	for name, test := range map[string]struct {
		layer []byte
		code  rouse.Code
		want  string
	}{
		"parent":                     {layerOf(file("../evil", "x")), rouse.Invalid, `"../evil": it leads out`},
		"parent within":              {layerOf(file("a/../../evil", "x")), rouse.Invalid, "leads out"},
		"parent that returns":        {layerOf(file("a/../b", "x")), rouse.Invalid, "leads out"},
		"parent, absolute":           {layerOf(file("/../evil", "x")), rouse.Invalid, "leads out"},
		"parent folder":              {layerOf(folder("..")), rouse.Invalid, "leads out"},
		"whiteout of the parent":     {layerOf(file("a/.wh...", "")), rouse.Invalid, "takes away no name"},
		"whiteout of itself":         {layerOf(file("a/.wh..", "")), rouse.Invalid, "takes away no name"},
		"whiteout of nothing":        {layerOf(file("a/.wh.", "")), rouse.Invalid, "takes away no name"},
		"whiteout through a parent":  {layerOf(file("../.wh.etc", "")), rouse.Invalid, "leads out"},
		"long part":                  {layerOf(file(long, "x")), rouse.Invalid, "longer than 255"},
		"long path":                  {layerOf(file(strings.Repeat("abcdefg/", 600)+"x", "x")), rouse.Invalid, "longer than 4095"},
		"no name":                    {raw(func(b []byte) { b[0] = 0 }, file("x", "x")), rouse.Invalid, "no name"},
		"through a link":             {layerOf(symlink("d", "/etc"), file("d/evil", "x")), rouse.Invalid, `"d": the same layer has a symbolic link`},
		"through a relative link":    {layerOf(symlink("d", "../../.."), file("d/evil", "x")), rouse.Invalid, "symbolic link"},
		"through a harmless link":    {layerOf(folder("e"), symlink("d", "e"), file("d/f", "x")), rouse.Invalid, "symbolic link"},
		"through links":              {layerOf(folder("a"), symlink("a/b", "/"), file("a/b/etc/evil", "x")), rouse.Invalid, "symbolic link"},
		"whiteout through a link":    {layerOf(symlink("d", "/etc"), file("d/.wh.passwd", "")), rouse.Invalid, "symbolic link"},
		"opaque through a link":      {layerOf(symlink("d", "/etc"), file("d/.wh..wh..opq", "")), rouse.Invalid, "symbolic link"},
		"folder through a link":      {layerOf(symlink("d", "/etc"), folder("d/evil")), rouse.Invalid, "symbolic link"},
		"through a file":             {layerOf(file("f", ""), file("f/x", "x")), rouse.Invalid, `"f": the same layer has a file`},
		"through a file, deep":       {layerOf(file("f", ""), file("f/a/b/x", "x")), rouse.Invalid, `"f": the same layer has a file`},
		"hard link out":              {layerOf(hardlink("l", "../../../etc/passwd")), rouse.Invalid, "leads out"},
		"hard link, absolute":        {layerOf(hardlink("l", "/etc/passwd")), rouse.Invalid, "not in the same layer"},
		"hard link through a link":   {layerOf(symlink("d", "/etc"), hardlink("l", "d/passwd")), rouse.Invalid, "not in the same layer"},
		"hard link to nothing":       {layerOf(folder("d"), hardlink("l", "d/none")), rouse.Invalid, "not in the same layer"},
		"hard link to a folder":      {layerOf(folder("d"), hardlink("l", "d")), rouse.Invalid, "is a folder"},
		"link without target":        {raw(func(b []byte) { b[157] = 0 }, symlink("l", "x")), rouse.Invalid, "bad target"},
		"link with a long target":    {layerOf(symlink("l", strings.Repeat("x", 5000))), rouse.Invalid, "bad target"},
		"root as a file":             {layerOf(file(".", "x")), rouse.Invalid, "has to be a folder"},
		"root as a link":             {layerOf(symlink(".", "/etc")), rouse.Invalid, "has to be a folder"},
		"root as a hard link":        {layerOf(file("f", ""), hardlink("/", "f")), rouse.Invalid, "has to be a folder"},
		"negative owner":             {layerOf(item{Header: tar.Header{Typeflag: tar.TypeReg, Name: "f", Uid: -2, Format: tar.FormatGNU}}), rouse.Invalid, "owner -2:0"},
		"owner that means none":      {layerOf(item{Header: tar.Header{Typeflag: tar.TypeReg, Name: "f", Gid: 1<<32 - 1, Format: tar.FormatGNU}}), rouse.Invalid, "owner 0:4294967295"},
		"unknown kind":               {raw(func(b []byte) { b[156] = 'M' }, file("f", "")), rouse.Invalid, "neither a file"},
		"long attribute":             {layerOf(item{tar.Header{Typeflag: tar.TypeReg, Name: "f", Mode: 0o644, PAXRecords: map[string]string{"SCHILY.xattr.user.k": strings.Repeat("v", 70_000)}}, ""}), rouse.Invalid, "too long for the disk"},
		"too large":                  {layerOf(file("a", strings.Repeat("x", 600_000)), file("b", strings.Repeat("x", 600_000))), rouse.TooLarge, "more than 1MB unpacked"},
		"sparse, and too large":      {sparse(), rouse.TooLarge, "more than 1MB unpacked"},
		"many files":                 {layerOf(many(101)...), rouse.TooLarge, "too many files"},
		"many implied folders":       {layerOf(file(strings.Repeat("a/", 60)+"x", ""), file(strings.Repeat("b/", 60)+"x", "")), rouse.TooLarge, "too many files"},
		"bad sum in the second head": {append(bytes.Clone(layerOf(file("a", ""))[:512]), bytes.Repeat([]byte("x"), 1024)...), rouse.Invalid, "cannot be unpacked"},
	} {
		t.Run(name, func(t *testing.T) {
			outside := t.TempDir()
			s, err := Open(filepath.Join(outside, "images"), Options{MaxBytes: rouse.MB, MaxFiles: 100})
			if err != nil {
				t.Fatal(err)
			}
			needRights(t, s)
			before := list(t, outside)
			id, stream := saved(test.layer)
			_, err = s.Unpack(t.Context(), id, bytes.NewReader(stream), nil)
			if rouse.CodeOf(err) != test.code || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v; want code %s and %q", err, test.code, test.want)
			}
			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			after := list(t, outside)
			for at := range after {
				if _, ok := before[at]; !ok {
					t.Errorf("written: %s", at)
				}
			}
			if len(after) != len(before) {
				t.Errorf("removed: %v", before)
			}
		})
	}
	if _, err := os.Stat("/etc/evil"); err == nil {
		t.Fatal("written to the host")
	}
}

func many(n int) (items []item) {
	for i := range n {
		items = append(items, file(fmt.Sprint(i), ""))
	}
	return items
}

// sparse is a file of eight gigabytes in a few bytes.
func sparse() []byte {
	return raw(func(b []byte) {
		b[156] = tar.TypeGNUSparse
		copy(b[257:265], "ustar  \x00")
		clear(b[345:512])
		copy(b[386:410], fmt.Sprintf("%011o\x00%011o\x00", 8<<30-1, 1)) // the last byte
		copy(b[483:495], fmt.Sprintf("%011o\x00", 8<<30-1+1))
	}, file("sparse", "x"))
}

// What a packed layer unpacks to is bounded, whatever it is.
func TestBombsAreBounded(t *testing.T) {
	s := open(t, Options{MaxBytes: rouse.MB})
	for name, endless := range map[string]io.Reader{
		"an endless file":   io.MultiReader(bytes.NewReader(layerOf(item{tar.Header{Typeflag: tar.TypeReg, Name: "f", Mode: 0o644}, "x"})[:0]), zeros{}),
		"endless padding":   zeros{},
		"endless, after it": io.MultiReader(bytes.NewReader(layerOf(file("a", "a"))), zeros{}),
	} {
		in := &intake{store: s, report: func(string) {}, left: int64(rouse.MB), seen: map[string]layerInfo{}}
		if _, err := in.layer(t.Context(), endless, 1); rouse.CodeOf(err) != rouse.TooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
	a, b := layerOf(file("a", strings.Repeat("a", 700_000))), layerOf(file("b", strings.Repeat("b", 700_000)))
	unpack(t, s, a)
	unpack(t, s, b)
	id, stream := saved(a, b)
	if _, err := s.Unpack(t.Context(), id, bytes.NewReader(stream), nil); rouse.CodeOf(err) != rouse.TooLarge {
		t.Errorf("layers that are here, together too large: %v", err)
	}
	left(t, s)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A document that is too long to be one is not kept in memory.
func TestLongDocumentsAreLeftOut(t *testing.T) {
	s := open(t, Options{})
	layer := layerOf(file("a", "a"))
	config := configFor(func(c map[string]any) { c["comment"] = strings.Repeat("x", maxDocument) }, layer)
	_, err := s.Unpack(t.Context(), sum(config), bytes.NewReader(streamOf(blob{"l", layer}, blob{"c", config})), nil)
	if rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), "not in what the engine sent") {
		t.Errorf("error %v", err)
	}
}

// A hundred thousand files are unpacked; many are removed again when the last is bad.
func TestManyFilesAreNoTrouble(t *testing.T) {
	s, err := Open(filepath.Join(memoryDisk(t, ""), "images"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	needRights(t, s)
	items := []item{folder("d")}
	for i := range 100_000 {
		items = append(items, file(fmt.Sprintf("d/%d/%d", i%100, i), ""))
	}
	layer, began := layerOf(items...), time.Now()
	root := unpack(t, s, layer)
	if took := time.Since(began); took > time.Minute { // seconds, on a machine with nothing else to do
		t.Errorf("a layer of 100,000 files took %s", took)
	} else {
		t.Logf("a layer of 100,000 files took %s", took)
	}
	count := 0
	filepath.WalkDir(root.Layers[0], func(string, fs.DirEntry, error) error { count++; return nil }) //nolint:errcheck // counts only
	if count != 100_000+100+2 {
		t.Errorf("%d paths", count)
	}
	id, stream := saved(layerOf(append(items[:5_000], file("../x", ""))...))
	if _, err := s.Unpack(t.Context(), id, bytes.NewReader(stream), nil); rouse.CodeOf(err) != rouse.Invalid {
		t.Errorf("error %v", err)
	}
	left(t, s)
}

// A full disk is said, leaves nothing half made, and passes.
func TestAFullDiskDropsTheLayer(t *testing.T) {
	s, err := Open(filepath.Join(memoryDisk(t, "size=1m"), "images"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	small := layerOf(file("small", strings.Repeat("x", 100_000)))
	id, stream := saved(small, layerOf(file("a", strings.Repeat("x", 4<<20))))
	_, err = s.Unpack(t.Context(), id, bytes.NewReader(stream), nil)
	if rouse.CodeOf(err) != rouse.Unavailable || !strings.Contains(err.Error(), "disk of the data directory is full") {
		t.Errorf("error %v", err)
	}
	left(t, s)
	if root := unpack(t, s, small, layerOf(file("b", "b"))); len(root.Layers) != 2 {
		t.Errorf("root %+v", root)
	}
}

// No layer, whatever its bytes, makes the writer panic or leave its folder.
func FuzzALayerStaysInItsFolder(f *testing.F) {
	f.Add(layerOf(folder("d"), file("d/f", "x"), symlink("l", "/etc"), hardlink("h", "d/f")))
	f.Add(layerOf(gone1("a"), opaque("d"), file("d/.wh..wh.x", "")))
	f.Add(layerOf(symlink("d", "/etc"), file("d/evil", "x")))
	f.Add(sparse())
	f.Add([]byte("\x1f\x8b\x08\x00"))
	parent := f.TempDir()
	needRights(f, open(f, Options{}))
	if err := os.WriteFile(filepath.Join(parent, "canary"), []byte("alive"), 0o600); err != nil {
		f.Fatal(err)
	}
	bounds := Options{MaxBytes: 64 * rouse.KB, MaxFiles: 100}
	f.Fuzz(func(t *testing.T, layer []byte) {
		dir := filepath.Join(parent, "layer")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		w, err := newWriter(dir, bounds, int64(bounds.MaxBytes))
		if err != nil {
			t.Fatal(err)
		}
		err = unpacked(bytes.NewReader(layer), bounds.MaxBytes, sha256.New(), func(r io.Reader) error {
			return w.unpack(t.Context(), r)
		})
		w.close()
		if code := rouse.CodeOf(err); err != nil && code != rouse.Invalid && code != rouse.TooLarge {
			t.Errorf("a layer's fault is not said to be its own: %v", err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if !fileIs(filepath.Join(parent, "canary"), "alive") {
			t.Fatal("a layer reached out of its folder")
		}
		if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
			t.Fatalf("beside it: %v, %v", entries, err)
		}
	})
}
