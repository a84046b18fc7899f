package artifact

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

// Every archive here is refused for its own reason, the message names the
// entry, and nothing is written within the store or beside it.
func TestHostileArchivesAreRefused(t *testing.T) {
	const sym = fs.ModeSymlink | 0o777
	long := strings.Repeat("n", 256)
	for name, test := range map[string]struct {
		items []item
		code  rouse.Code
		want  string
	}{
		"parent":               {[]item{{"../evil", 0o644, "x"}}, rouse.Invalid, `"../evil": it leads out`},
		"parent within":        {[]item{{"a/../../evil", 0o644, "x"}}, rouse.Invalid, "leads out"},
		"parent that returns":  {[]item{{"a/../b", 0o644, "x"}}, rouse.Invalid, "leads out"},
		"parent folder":        {[]item{{"../evil/", fs.ModeDir, ""}}, rouse.Invalid, "leads out"},
		"absolute":             {[]item{{"/etc/evil", 0o644, "x"}}, rouse.Invalid, "absolute"},
		"backslashes":          {[]item{{`..\evil`, 0o644, "x"}}, rouse.Invalid, "backslash"},
		"windows drive":        {[]item{{`C:\evil`, 0o644, "x"}}, rouse.Invalid, "backslash"},
		"nul":                  {[]item{{"a\x00b", 0o644, "x"}}, rouse.Invalid, "NUL"},
		"not utf-8":            {[]item{{"a\xff", 0o644, "x"}}, rouse.Invalid, "not UTF-8"},
		"no name":              {[]item{{"", 0o644, "x"}}, rouse.Invalid, "no name"},
		"empty part":           {[]item{{"a//b", 0o644, "x"}}, rouse.Invalid, "empty part"},
		"long part":            {[]item{{long, 0o644, "x"}}, rouse.Invalid, "longer than 255"},
		"long path":            {[]item{{strings.Repeat("abcdefg/", 500) + "x", 0o644, "x"}}, rouse.Invalid, "too long"},
		"deep path":            {[]item{{strings.Repeat("a/", 129) + "x", 0o644, "x"}}, rouse.Invalid, "128 parts"},
		"twice":                {[]item{{"a", 0o644, "x"}, {"a", 0o644, "y"}}, rouse.Invalid, `"a": it is there twice`},
		"twice, written apart": {[]item{{"a", 0o644, "x"}, {"./a", 0o644, "y"}}, rouse.Invalid, "twice"},
		"file then folder":     {[]item{{"a", 0o644, "x"}, {"a/b", 0o644, "y"}}, rouse.Invalid, "folder and something else"},
		"folder then file":     {[]item{{"a/b", 0o644, "x"}, {"a", 0o644, "y"}}, rouse.Invalid, "twice"},
		"link out":             {[]item{{"l", sym, "../../etc/passwd"}}, rouse.Invalid, `"l": a link to "../../etc/passwd", which leads out`},
		"absolute link":        {[]item{{"l", sym, "/etc/passwd"}}, rouse.Invalid, "leads out"},
		"link to such a link":  {[]item{{"m/l", sym, "/usr/bin/x"}, {"k", sym, "m/l"}}, rouse.Invalid, `"k": a link to "m/l", which leads by "m/l" to "/usr/bin/x", out of the code's folder`},
		"link to nothing":      {[]item{{"l", sym, "none"}}, rouse.Invalid, "is not there"},
		"link to itself":       {[]item{{"l", sym, "l"}}, rouse.Invalid, "never ends"},
		"link through a file":  {[]item{{"f", 0o644, "x"}, {"l", sym, "f/../f"}}, rouse.Invalid, "goes through a file"},
		"link without target":  {[]item{{"l", sym, ""}}, rouse.Invalid, "bad target"},
		"link with nul":        {[]item{{"l", sym, "a\x00"}}, rouse.Invalid, "bad target"},
		"link with long name":  {[]item{{"l", sym, strings.Repeat("x", 5000)}}, rouse.Invalid, "bad target"},
		"writing through a link": {
			[]item{{"d", sym, "../.."}, {"d/evil", 0o644, "x"}}, rouse.Invalid, "folder and something else"},
		"links that lead out together": {
			[]item{{"d/e/f", 0o644, ""}, {"a", sym, "d/e"}, {"b", sym, "a/../../.."}}, rouse.Invalid, `"b"`},
		"a loop of links": {
			[]item{{"a", sym, "b"}, {"b", sym, "a"}}, rouse.Invalid, "never ends"},
		"device":     {[]item{{"dev", fs.ModeDevice | 0o666, ""}}, rouse.Invalid, "neither a file"},
		"pipe":       {[]item{{"pipe", fs.ModeNamedPipe | 0o666, ""}}, rouse.Invalid, "neither a file"},
		"socket":     {[]item{{"sock", fs.ModeSocket | 0o666, ""}}, rouse.Invalid, "neither a file"},
		"too large":  {[]item{{"a", 0o644, strings.Repeat("x", 600_000)}, {"b", 0o644, strings.Repeat("x", 600_000)}}, rouse.TooLarge, `"b": the files have more than 1MB`},
		"many files": {many(101, "f%d"), rouse.TooLarge, "more than 100 files"},
		"many implied folders": {
			[]item{{strings.Repeat("a/", 60) + "x", 0o644, ""}, {strings.Repeat("b/", 60) + "x", 0o644, ""}}, rouse.TooLarge, "more than 100 files"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, zipOf(test.items...), test.code, test.want)
		})
	}
}

func many(n int, name string) (items []item) {
	for i := range n {
		items = append(items, item{fmt.Sprintf(name, i), 0o644, ""})
	}
	return items
}

func refused(t *testing.T, archive []byte, code rouse.Code, want string) {
	t.Helper()
	outside := t.TempDir()
	s, err := Open(filepath.Join(outside, "store", "artifacts"), Options{MaxUnpacked: rouse.MB, MaxFiles: 100})
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.AddZip(t.Context(), bytes.NewReader(archive))
	if rouse.CodeOf(err) != code || err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, info %+v; want code %s and %q", err, info, code, want)
	}
	if err != nil && len(err.Error()) > 1000 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
	left(t, s)
	count := 0
	filepath.WalkDir(outside, func(string, fs.DirEntry, error) error { count++; return nil }) //nolint:errcheck // counts only
	if count != 7 {                                                                           // outside, store, artifacts, sha257, packages, tmp
		t.Errorf("%d paths where 7 were before", count)
	}
}

// Whatever an archive says of its sizes, no more is written than the bound.
func TestBombsAreBoundedByWhatIsWritten(t *testing.T) {
	tenGB := int64(10 << 30)
	t.Run("ten gigabytes of zeros, honest", func(t *testing.T) {
		refused(t, bomb(t, 4<<20, uint64(tenGB)), rouse.TooLarge, `"zeros": the files have more than 1MB`)
	})
	t.Run("promises little", func(t *testing.T) {
		refused(t, bomb(t, 4<<20, 10), rouse.Invalid, `"zeros": it cannot be unpacked`)
	})
	t.Run("promises an overflow", func(t *testing.T) {
		refused(t, bomb(t, 1<<20, 1<<63), rouse.TooLarge, "more than 1MB")
	})
	t.Run("a large upload", func(t *testing.T) {
		refused(t, make([]byte, rouse.MB+1), rouse.TooLarge, "the zip archive has more than 1MB")
	})
	t.Run("the tree's own bound", func(t *testing.T) {
		s := openTest(t, Options{MaxUnpacked: 1000})
		tr, err := s.newTree()
		if err != nil {
			t.Fatal(err)
		}
		defer tr.drop()
		if err := tr.file(t.Context(), "a", false, io.LimitReader(zeros{}, 1000)); err != nil {
			t.Errorf("exactly the bound: %v", err)
		}
		if err := tr.file(t.Context(), "b", false, zeros{}); rouse.CodeOf(err) != rouse.TooLarge {
			t.Errorf("an endless file: %v", err)
		}
		if info, err := os.Stat(filepath.Join(tr.dir, "b")); err != nil || info.Size() > 1 {
			t.Errorf("written over the bound: %v, %v", info.Size(), err)
		}
	})
	t.Run("a directory of many entries", func(t *testing.T) {
		s := openTest(t, Options{MaxFiles: 100})
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for i := range 60_000 {
			if _, err := w.CreateRaw(&zip.FileHeader{Name: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.AddZip(t.Context(), &b); rouse.CodeOf(err) != rouse.TooLarge || !strings.Contains(err.Error(), "more than 100 entries") {
			t.Errorf("error %v", err)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// bomb packs size zeros, promising another size.
func bomb(t *testing.T, size int, promised uint64) []byte {
	t.Helper()
	var packed bytes.Buffer
	f, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	sum := crc32.NewIEEE()
	if _, err := io.CopyN(io.MultiWriter(f, sum), zeros{}, int64(size)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	raw, err := w.CreateRaw(&zip.FileHeader{
		Name: "zeros", Method: zip.Deflate, CRC32: sum.Sum32(),
		CompressedSize64: uint64(packed.Len()), UncompressedSize64: promised,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Write(packed.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWhatIsNoArchiveIsInvalid(t *testing.T) {
	encrypted := zipOf(item{"a", 0o644, "x"})
	for _, signature := range []string{"PK\x03\x04", "PK\x01\x02"} {
		at := bytes.Index(encrypted, []byte(signature))
		encrypted[at+map[string]int{"PK\x03\x04": 6, "PK\x01\x02": 8}[signature]] |= 1
	}
	corrupt := zipOf(item{"a", 0o644, strings.Repeat("x1y2", 100)})
	corrupt[45] ^= 0xff
	method := zipOf(item{"a", 0o644, "x"})
	method[bytes.Index(method, []byte("PK\x01\x02"))+10] = 99
	for name, test := range map[string]struct {
		archive []byte
		want    string
	}{
		"empty":          {nil, "not a zip archive"},
		"text":           {[]byte("hello"), "not a zip archive"},
		"gzip":           {[]byte("\x1f\x8b\x08\x00aaaaaaaaaaaaaaaaaaaaaaaaa"), "not a zip archive"},
		"encrypted":      {encrypted, "encrypted"},
		"corrupt":        {corrupt, `"a": it cannot be unpacked`},
		"unknown method": {method, `"a": it cannot be unpacked`},
	} {
		t.Run(name, func(t *testing.T) { refused(t, test.archive, rouse.Invalid, test.want) })
	}
}

// The umask of whoever starts Rouse does not lock functions out of their code.
func TestTheUmaskDoesNotMatter(t *testing.T) {
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	s := openTest(t, Options{})
	info := add(t, s, zipOf(item{"d/a", 0o644, "x"}, item{"d/x", 0o755, "x"}))
	dir, _ := s.Path(info.Digest)
	for name, want := range map[string]fs.FileMode{"..": 0o755, "../..": 0o755, ".": 0o755, "d": 0o755, "d/a": 0o644, "d/x": 0o755} {
		got, err := os.Stat(filepath.Join(dir, name))
		if err != nil || got.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", name, got.Mode(), err, want)
		}
	}
}

// A full disk is said, leaves nothing, and passes.
func TestAFullDiskDropsTheUpload(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small disk needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s, err := Open(filepath.Join(disk, "artifacts"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.AddZip(t.Context(), bytes.NewReader(zipOf(item{"a", 0o644, strings.Repeat("x", 4<<20)})))
	if rouse.CodeOf(err) != rouse.Unavailable || !strings.Contains(err.Error(), "disk of the data directory is full") {
		t.Errorf("error %v", err)
	}
	left(t, s)
	add(t, s, zipOf(item{"a", 0o644, "small"}))
}
