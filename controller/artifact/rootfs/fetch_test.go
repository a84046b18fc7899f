package rootfs

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/rousehq/rouse"
)

// shelf publishes images, and can be made to misbehave.
type shelf struct {
	// breakAt, when not 0, ends every body after so many bytes.
	breakAt int64
	noParts bool // bodies begin at 0, whatever was asked for
	spoil   func(digest string, content []byte) []byte
	hook    func(digest string) error

	mu    sync.Mutex
	blobs map[string][]byte
	opens map[string]int   // by digest
	sent  map[string]int64 // bytes that were read
	open  int              // bodies that are not closed
	most  int              // at once
}

func newShelf() *shelf {
	return &shelf{blobs: map[string][]byte{}, opens: map[string]int{}, sent: map[string]int64{}}
}

// publish puts an image of these layers, bottom first, on the shelf.
func (s *shelf) publish(pack func([]byte) []byte, layers ...[]byte) Published {
	config := configFor(nil, layers...)
	p := Published{Name: "shop/web", Source: "shop/web@" + sum(config), ImageID: sum(config), Config: config, Open: s.get}
	for _, l := range layers {
		packed := pack(l)
		s.blobs[sum(packed)] = packed
		p.Layers = append(p.Layers, Blob{sum(packed), int64(len(packed))})
	}
	return p
}

func (s *shelf) get(_ context.Context, b Blob, from int64) (io.ReadCloser, int64, error) {
	if s.hook != nil {
		if err := s.hook(b.Digest); err != nil {
			return nil, 0, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	content, ok := s.blobs[b.Digest]
	if !ok {
		return nil, 0, rouse.Errorf(rouse.StartFailed, "the shelf has no %s", b.Digest)
	}
	if s.spoil != nil {
		content = s.spoil(b.Digest, content)
	}
	if s.noParts {
		from = 0
	}
	content = content[min(from, int64(len(content))):]
	s.opens[b.Digest]++
	s.open++
	s.most = max(s.most, s.open)
	var r io.Reader = bytes.NewReader(content)
	if s.breakAt > 0 && int64(len(content)) > s.breakAt {
		r = io.MultiReader(bytes.NewReader(content[:s.breakAt]), failing{})
	}
	return &lent{Reader: r, shelf: s, digest: b.Digest}, from, nil
}

type lent struct {
	io.Reader
	shelf  *shelf
	digest string
}

func (l *lent) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	l.shelf.mu.Lock()
	defer l.shelf.mu.Unlock()
	l.shelf.sent[l.digest] += int64(n)
	return n, err
}

func (l *lent) Close() error {
	l.shelf.mu.Lock()
	defer l.shelf.mu.Unlock()
	l.shelf.open--
	return nil
}

func plain(b []byte) []byte { return b }

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func zstded(b []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return w.EncodeAll(b, nil)
}

// noise is a layer that cannot be packed to nothing.
func noise(name string, size int) []byte {
	b := make([]byte, size)
	rand.Read(b)
	return layerOf(file(name, string(b)))
}

// parts lists what was downloaded and not used.
func parts(t *testing.T, s *Store) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, partDir))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func wantNothingLeft(t *testing.T, s *Store, from *shelf) {
	t.Helper()
	left(t, s)
	if p := parts(t, s); len(p) > 0 {
		t.Errorf("downloads are left: %q", p)
	}
	if from.open != 0 {
		t.Errorf("%d bodies are not closed", from.open)
	}
}

func TestAFetchedImageIsTheSavedOne(t *testing.T) {
	layers := [][]byte{
		layerOf(folder("etc"), file("etc/a", "1"), file("etc/b", "2")),
		layerOf(file("etc/.wh.a", "")),
		layerOf(folder("app"), file("app/run", "x"), symlink("run", "app/run")),
	}
	saves := open(t, Options{})
	want := unpack(t, saves, layers...)
	for name, pack := range map[string]func([]byte) []byte{"plain": plain, "gzip": gzipped, "zstd": zstded} {
		t.Run(name, func(t *testing.T) {
			s, from := open(t, Options{}), newShelf()
			p := from.publish(pack, layers...)
			root, err := s.Fetch(t.Context(), p, nil)
			if err != nil {
				t.Fatal(err)
			}
			same(t, list(t, joined(t, s, root)), list(t, joined(t, saves, want)))
			if root.ImageID != want.ImageID || root.Source != p.Source || root.Size != want.Size {
				t.Errorf("fetched %+v, saved %+v", root, want)
			}
			wantNothingLeft(t, s, from)
			if _, err := s.Fetch(t.Context(), p, nil); err != nil {
				t.Fatal(err)
			}
			if n := from.opens[p.Layers[0].Digest]; n != 1 {
				t.Errorf("what is here was asked for: %d times", n)
			}
		})
	}
}

func TestLayersAreSharedWhicheverWayTheyCame(t *testing.T) {
	s, from := open(t, Options{}), newShelf()
	base, top := layerOf(file("base", "b")), layerOf(file("top", "t"))
	saved := unpack(t, s, base)
	var said []string
	root, err := s.Fetch(t.Context(), from.publish(gzipped, base, top), func(line string) { said = append(said, line) })
	if err != nil {
		t.Fatal(err)
	}
	if root.Layers[1] != saved.Layers[0] || len(from.opens) != 1 {
		t.Errorf("layers %q beside %q, %d asked for", root.Layers, saved.Layers, len(from.opens))
	}
	if len(said) == 0 || !strings.Contains(said[0], "1 are here already") {
		t.Errorf("said %q", said)
	}
	// An image that the engine saved learns where it can be had from.
	again := from.publish(plain, base)
	if root, err := s.Fetch(t.Context(), again, nil); err != nil || root.Source != again.Source {
		t.Errorf("%+v, %v", root, err)
	}
	wantNothingLeft(t, s, from)
}

func TestABrokenDownloadGoesOnWhereItEnded(t *testing.T) {
	for name, noParts := range map[string]bool{"in parts": false, "from the beginning": true} {
		t.Run(name, func(t *testing.T) {
			s, from := open(t, Options{}), newShelf()
			p := from.publish(plain, noise("big", 1<<20))
			from.breakAt, from.noParts = 400_000, noParts
			if noParts { // or it would never end
				from.hook = func(string) error { from.breakAt += 400_000; return nil }
			}
			if _, err := s.Fetch(t.Context(), p, nil); err != nil {
				t.Fatal(err)
			}
			b := p.Layers[0]
			if sent := from.sent[b.Digest]; !noParts && sent != b.Size {
				t.Errorf("%d bytes were sent of %d", sent, b.Size)
			}
			if from.opens[b.Digest] < 2 {
				t.Error("the download did not break")
			}
			wantNothingLeft(t, s, from)
		})
	}
}

// A process that is killed leaves a part of a download: the next one goes on with
// it, and one that nobody goes on with is removed.
func TestADownloadGoesOnInAnotherProcess(t *testing.T) {
	s, from := open(t, Options{}), newShelf()
	p := from.publish(plain, noise("big", 1<<20))
	b := p.Layers[0]
	ctx, cancel := context.WithCancel(t.Context())
	from.breakAt = 700_000
	from.hook = func(string) error {
		if from.opens[b.Digest] == 1 {
			cancel()
		}
		return nil
	}
	if _, err := s.Fetch(ctx, p, nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	from.hook = nil
	reopened, err := Open(s.dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reopened.Fetch(t.Context(), p, nil); err != nil {
		t.Fatal(err)
	}
	if sent := from.sent[b.Digest]; sent < b.Size || sent > b.Size+128<<10 {
		t.Errorf("%d bytes were sent of %d", sent, b.Size)
	}
	wantNothingLeft(t, reopened, from)

	old := filepath.Join(s.dir, partDir, strings.Repeat("a", 64))
	fresh := filepath.Join(s.dir, partDir, strings.Repeat("b", 64))
	for _, name := range []string{old, fresh} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(old, long, long); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(s.dir, Options{}); err != nil {
		t.Fatal(err)
	}
	if p := parts(t, s); len(p) != 1 || !strings.HasPrefix(p[0], "b") {
		t.Errorf("after a start there is %q", p)
	}
}

// What a machine that lost its power left of a download may be anything.
func TestATornDownloadIsBegunAnew(t *testing.T) {
	for name, torn := range map[string][]byte{"zeros": make([]byte, 5000), "too long": make([]byte, 2<<20)} {
		t.Run(name, func(t *testing.T) {
			s, from := open(t, Options{}), newShelf()
			p := from.publish(plain, noise("big", 1<<20))
			short, _ := hexOf(p.Layers[0].Digest)
			if err := os.WriteFile(filepath.Join(s.dir, partDir, short), torn, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Fetch(t.Context(), p, nil); err != nil {
				t.Fatal(err)
			}
			wantNothingLeft(t, s, from)
		})
	}
}

func TestWrongBytesOfARegistryAreRefused(t *testing.T) {
	good := layerOf(file("f", "good"))
	flip := func(_ string, b []byte) []byte {
		b = bytes.Clone(b)
		b[len(b)/2] ^= 1
		return b
	}
	for name, test := range map[string]struct {
		change func(*shelf, *Published)
		code   rouse.Code
		want   string
	}{
		"another blob":          {func(f *shelf, _ *Published) { f.spoil = flip }, rouse.Invalid, "other bytes than those of this digest"},
		"another layer":         {func(f *shelf, p *Published) { p.Layers = f.publish(gzipped, layerOf(file("f", "evil"))).Layers }, rouse.Invalid, "and the image says"},
		"another configuration": {func(_ *shelf, p *Published) { p.Config = configFor(nil, layerOf()) }, rouse.Invalid, "another one's"},
		"no layer":              {func(f *shelf, p *Published) { clear(f.blobs) }, rouse.StartFailed, "the shelf has no"},
		"fewer layers":          {func(_ *shelf, p *Published) { p.Layers = nil }, rouse.Invalid, "lists 0 layers and describes 1"},
		"no digest":             {func(_ *shelf, p *Published) { p.Layers[0].Digest = "sha256:../../x" }, rouse.Invalid, "is none"},
		"a negative length":     {func(_ *shelf, p *Published) { p.Layers[0].Size = -1 }, rouse.Invalid, "is none"},
		"a huge length":         {func(_ *shelf, p *Published) { p.Layers[0].Size = 1 << 60 }, rouse.TooLarge, "more than"},
		"cut off":               {func(f *shelf, _ *Published) { f.spoil = func(_ string, b []byte) []byte { return b[:10] } }, rouse.Unavailable, "broke off"},
		"nonsense": {func(f *shelf, p *Published) {
			p.Layers = f.publish(func([]byte) []byte { return []byte("nonsense") }, good).Layers
		}, rouse.Invalid, "cannot be unpacked"},
	} {
		t.Run(name, func(t *testing.T) {
			s, from := open(t, Options{}), newShelf()
			p := from.publish(gzipped, good)
			test.change(from, &p)
			_, err := s.Fetch(t.Context(), p, nil)
			if rouse.CodeOf(err) != test.code || !strings.Contains(fmt.Sprint(err), test.want) {
				t.Errorf("error %v; want code %s and %q", err, test.code, test.want)
			}
			if _, ok := s.Root(p.ImageID); ok {
				t.Error("the image is there")
			}
			if name != "cut off" { // of which the next deployment has use
				wantNothingLeft(t, s, from)
			}
		})
	}
}

func TestFewLayersAreDownloadedAtOnceAndEachOnce(t *testing.T) {
	s, from := open(t, Options{}), newShelf()
	shared := noise("shared", 200_000)
	var images []Published
	for i := range 3 {
		layers := [][]byte{shared, shared}
		for k := range 12 {
			layers = append(layers, noise(fmt.Sprintf("%d-%d", i, k), 20_000))
		}
		images = append(images, from.publish(gzipped, layers...))
	}
	var fetches sync.WaitGroup
	for _, p := range images {
		fetches.Go(func() {
			if _, err := s.Fetch(t.Context(), p, nil); err != nil {
				t.Error(err)
			}
		})
	}
	fetches.Wait()
	for digest, n := range from.opens {
		if n != 1 {
			t.Errorf("%s was asked for %d times", digest, n)
		}
	}
	if from.most > 3*atOnce {
		t.Errorf("%d downloads at once", from.most)
	}
	wantNothingLeft(t, s, from)
}

func TestAFullDiskWhileFetchingSaysSoAndIsGivenBack(t *testing.T) {
	for name, size := range map[string]string{"while downloading": "size=600k", "while unpacking": "size=1500k"} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(filepath.Join(memoryDisk(t, size), "images"), Options{})
			if err != nil {
				t.Fatal(err)
			}
			needRights(t, s)
			from := newShelf()
			p := from.publish(plain, noise("big", 1<<20))
			_, err = s.Fetch(t.Context(), p, nil)
			if rouse.CodeOf(err) != rouse.Unavailable || !strings.Contains(err.Error(), "is full") {
				t.Errorf("error %v", err)
			}
			wantNothingLeft(t, s, from)
		})
	}
}
