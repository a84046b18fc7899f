package rootfs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func nothing() (map[string]bool, error) { return nil, nil }

// age makes everything in a store, and every use of it, two hours old.
func age(t *testing.T, s *Store) {
	t.Helper()
	before := time.Now().Add(-2 * time.Hour)
	for _, kind := range []string{layersDir, madeDir, rootsDir} {
		for _, name := range here(t, s, kind) {
			if err := os.Chtimes(filepath.Join(s.dir, kind, name), before, before); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.used {
		s.used[key] = before
	}
}

// here lists what a store has of one kind.
func here(t *testing.T, s *Store, kind string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, kind))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func collect(t *testing.T, s *Store, mounted func() (map[string]bool, error), keep ...string) []string {
	t.Helper()
	removed, err := s.Collect(t.Context(), func(id string) bool { return slices.Contains(keep, id) }, mounted)
	if err != nil {
		t.Fatal(err)
	}
	left(t, s)
	return removed
}

func TestWhatNoImageNeedsIsCollected(t *testing.T) {
	s := open(t, Options{})
	base, a, b := layerOf(folder("base")), layerOf(file("base/a", "")), layerOf(file("base/b", ""))
	one, two := unpack(t, s, base, a), unpack(t, s, base, b)
	if _, err := s.Skeleton(one, []string{"/proc"}, nil); err != nil {
		t.Fatal(err)
	}
	if removed := collect(t, s, nothing); removed != nil {
		t.Errorf("%q were removed as soon as they were made", removed)
	}
	age(t, s)
	// The skeleton goes too: it is made anew in no time. The patch of both images stays.
	removed := collect(t, s, nothing, one.ImageID, two.ImageID)
	if len(removed) != 1 || !strings.HasPrefix(removed[0], madeDir) {
		t.Errorf("removed %q, with both images in use", removed)
	}
	removed = collect(t, s, nothing, two.ImageID)
	if len(removed) != 2 { // a root and its one layer
		t.Errorf("removed %q, with the second image in use", removed)
	}
	if _, ok := s.Root(one.ImageID); ok {
		t.Error("the first image is still there")
	}
	if root, ok := s.Root(two.ImageID); !ok || len(list(t, joined(t, s, root))) != 3 {
		t.Errorf("the second image is gone: %v", root)
	}
	age(t, s)
	collect(t, s, nothing)
	for _, kind := range []string{layersDir, madeDir, rootsDir} {
		if names := here(t, s, kind); names != nil {
			t.Errorf("left in %s: %q", kind, names)
		}
	}
	if again := unpack(t, s, base, a); len(list(t, joined(t, s, again))) != 3 {
		t.Errorf("unpacked anew: %v", again)
	}
}

// A start that has asked for an image may be about to mount it, whoever says
// that the image is in use no more.
func TestWhatWasAskedForLatelyStays(t *testing.T) {
	s := open(t, Options{})
	root := unpack(t, s, layerOf(file("a", "")))
	if _, err := s.Skeleton(root, []string{"/proc"}, nil); err != nil {
		t.Fatal(err)
	}
	age(t, s)
	if _, ok := s.Root(root.ImageID); !ok {
		t.Fatal("gone")
	}
	if _, err := s.Skeleton(root, []string{"/proc"}, nil); err != nil {
		t.Fatal(err)
	}
	if removed := collect(t, s, nothing); removed != nil {
		t.Errorf("removed %q", removed)
	}
}

// A real overlay in another mount namespace, as a cell has one, keeps its layers
// though nothing else does; they go when it goes.
func TestWhatIsMountedIsNeverRemoved(t *testing.T) {
	s := open(t, Options{})
	root := unpack(t, s, layerOf(folder("d"), file("d/a", "a")), layerOf(folder("d"), file("d/b", "b")))
	skeleton, err := s.Skeleton(root, []string{"/proc"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	layers := append([]string{skeleton}, root.Layers...)
	target := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cell := exec.CommandContext(ctx, "unshare", "--mount", "sh", "-c",
		`mount -t overlay -o "ro,lowerdir=$1" overlay "$2" && echo mounted && read -r _ && cat "$2"/d/*`,
		"sh", strings.Join(layers, ":"), target)
	in, err := cell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	out, err := cell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cell.Stderr = &said
	if err := cell.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("mounted\n"))); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	age(t, s)
	if removed := collect(t, s, Mounted); len(removed) != 1 || !strings.HasPrefix(removed[0], rootsDir) {
		t.Errorf("removed %q below a mount", removed)
	}
	if _, err := io.WriteString(in, "\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(out); string(got) != "ab" || err != nil {
		t.Errorf("the mount shows %q, %v", got, err)
	}
	if err := cell.Wait(); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	if removed := collect(t, s, Mounted); len(removed) != 3 {
		t.Errorf("removed %q after the mount went", removed)
	}
}

// What is mounted while Collect works gets its name back; so does everything
// when Collect can no longer see what is mounted, or must end.
func TestWhatIsMountedInTheMiddleStays(t *testing.T) {
	for name, second := range map[string]func(layer string, cancel func()) (map[string]bool, error){
		"mounted": func(layer string, _ func()) (map[string]bool, error) { return map[string]bool{layer: true}, nil },
		"withdrawn": func(layer string, _ func()) (map[string]bool, error) {
			return map[string]bool{filepath.Dir(layer) + gone: true}, nil
		},
		"unseen": func(string, func()) (map[string]bool, error) { return nil, errors.New("no rights") },
		"ended":  func(_ string, cancel func()) (map[string]bool, error) { cancel(); return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := open(t, Options{})
			root := unpack(t, s, layerOf(file("a", "a")))
			age(t, s)
			looks := 0
			_, err := s.Collect(ctx, func(string) bool { return false }, func() (map[string]bool, error) {
				if looks++; looks == 1 {
					return nil, nil
				}
				return second(root.Layers[0], cancel)
			})
			if failed := name == "unseen" || name == "ended"; failed != (err != nil) {
				t.Errorf("error %v", err)
			}
			if !fileIs(filepath.Join(root.Layers[0], "a"), "a") {
				t.Error("a mounted layer was removed")
			}
			if names := here(t, s, layersDir); len(names) != 1 || strings.HasSuffix(names[0], gone) {
				t.Errorf("layers %q", names)
			}
			left(t, s)
		})
	}
}

func TestNothingIsRemovedWithoutKnowingWhatIsMounted(t *testing.T) {
	s := open(t, Options{})
	root := unpack(t, s, layerOf(file("a", "a")))
	age(t, s)
	removed, err := s.Collect(t.Context(), func(string) bool { return false }, func() (map[string]bool, error) { return nil, errors.New("no rights") })
	if err == nil || removed != nil {
		t.Errorf("removed %q, %v", removed, err)
	}
	if _, ok := s.Root(root.ImageID); !ok {
		t.Error("the image is gone")
	}
}

// A process that ends between withdrawing a layer and removing it leaves the
// next one to look again at what is mounted.
func TestAWithdrawnLayerSurvivesARestartWhileMounted(t *testing.T) {
	s := open(t, Options{})
	layer := unpack(t, s, layerOf(file("a", "a"))).Layers[0]
	dir := filepath.Dir(layer)
	if err := os.Rename(dir, dir+gone); err != nil {
		t.Fatal(err)
	}
	again, err := Open(s.dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	collect(t, again, func() (map[string]bool, error) { return map[string]bool{layer: true}, nil })
	if !fileIs(filepath.Join(layer, "a"), "a") {
		t.Fatal("a mounted layer was removed")
	}
	if err := os.Rename(dir, dir+gone); err != nil {
		t.Fatal(err)
	}
	unpack(t, again, layerOf(file("a", "a"))) // and is there twice now
	collect(t, again, nothing)
	if names := here(t, again, layersDir); len(names) != 1 || !fileIs(filepath.Join(layer, "a"), "a") {
		t.Errorf("layers %q", names)
	}
}

// Equal images are unpacked at once, beside others that share layers with them
// and a Collect that may remove nothing young: all are whole.
func TestImagesAreUnpackedSideBySide(t *testing.T) {
	s := open(t, Options{})
	shared := layerOf(folder("d"), file("d/shared", "s"))
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			id, stream := saved(shared, layerOf(file("d/own", strings.Repeat("x", i%4))))
			root, err := s.Unpack(t.Context(), id, bytes.NewReader(stream), nil)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := s.Collect(t.Context(), func(string) bool { return false }, nothing); err != nil {
				t.Error(err)
			}
			if body, err := readFile(root, "/d/own"); err != nil || len(body) != i%4 {
				t.Errorf("image %d: %q, %v", i, body, err)
			}
		})
	}
	all.Wait()
	if names := here(t, s, layersDir); len(names) != 1+4 {
		t.Errorf("layers %q", names)
	}
	left(t, s)
}

func TestMountsAreReadAsTheKernelWritesThem(t *testing.T) {
	const table = `21 1 252:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
90 21 252:0 /data/images/layers/bound /mnt rw shared:2 - ext4 /dev/vda rw
91 21 0:50 / /a ro,relatime - overlay overlay ro,lowerdir=/x/l1:/x/l2,index=off
92 21 0:51 / /b ro,relatime master:3 - overlay none ro,lowerdir+=/y/l1,lowerdir+=/y\054l2,upperdir=/y/up,workdir=/y/w
93 21 0:52 / /c ro - tmpfs lowerdir=/no rw,lowerdir=/no
bad line
`
	got := map[string]bool{}
	addMounts(got, table)
	for _, want := range []string{"/", "/data/images/layers/bound", "/x/l1", "/x/l2", "/y/l1", `/y\054l2`} {
		if !got[want] {
			t.Errorf("%s is not seen", want)
		}
		delete(got, want)
	}
	if len(got) != 0 {
		t.Errorf("seen too: %v", got)
	}
}
