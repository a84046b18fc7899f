package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

// halfMade lists what lies among the images that is not whole, by folder.
func (w world) halfMade(folders ...string) (left []string) {
	w.t.Helper()
	for _, folder := range folders {
		entries, err := os.ReadDir(filepath.Join(w.data, "images", folder))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, e := range entries {
			left = append(left, filepath.Join(folder, e.Name()))
		}
	}
	return left
}

// layers are the places where the rogue function's program was unpacked to.
func (w world) layers() []string {
	w.t.Helper()
	found, err := filepath.Glob(filepath.Join(w.data, "images", "layers", "*", "fs", "bootstrap"))
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

func TestAnEngineThatEndsWhileAnImageIsUnpackedCostsATier(t *testing.T) {
	e := findEngine(t)
	e.importRogue()
	line := newWire(t, e)
	w := world{serve(t, "--driver", "docker", "--cells", "1"), e}
	w.leavesNothing()
	w.spares(1)
	line.cutAfter(1 << 20)
	r := w.rouse(append(append([]string{"deploy", "f"}, w.rogueCode()...), "--no-wait", "--idle", "1ms")...)
	if r.code != 0 || !strings.Contains(r.stderr, "so it starts the slower way") {
		t.Errorf("deployed with %d: %s", r.code, r.stderr)
	}
	if left := append(w.halfMade("tmp", "roots"), w.layers()...); len(left) > 0 {
		t.Errorf("half an image is left: %q", left)
	}
	w.refused(w.ask("f", order{}), rouse.Unavailable, "the Docker engine does not answer")

	line.mend()
	until(t, "it starts", func() bool {
		r := w.ask("f", order{})
		return r.status == 200 && (r.begin() == "cold" || r.begin() == "warm")
	})
	w.rogue("g", "--no-wait") // which has another go at the image
	w.spares(1)
	if r := w.do("g", order{}); r.begin() != "cell" || len(w.layers()) != 1 {
		t.Errorf("with its image unpacked it began with %q, %q", r.begin(), w.layers())
	}
}

func TestAFullDiskWhileAnImageIsUnpackedCostsATier(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small disk")
	}
	e := findEngine(t)
	e.importRogue()
	disk := filepath.Dir(dataDir(t))
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=48m,mode=0755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	w := world{serveIn(t, filepath.Join(disk, "data"), "--driver", "docker", "--cells", "1"), e}
	w.leavesNothing()
	w.spares(1)
	full := filepath.Join(disk, "full")
	fill(t, full, 1<<20)
	r := w.rouse(append(append([]string{"deploy", "f"}, w.rogueCode()...), "--no-wait", "--idle", "1ms")...)
	if r.code != 0 || !strings.Contains(r.stderr, "so it starts the slower way") {
		t.Errorf("deployed with %d: %s", r.code, r.stderr)
	}
	if !strings.Contains(w.stderr.String(), "disk of the data directory is full") {
		t.Errorf("the log does not say why:\n%s", w.stderr)
	}
	if left := append(w.halfMade("tmp", "roots"), w.layers()...); len(left) > 0 {
		t.Errorf("half an image is left: %q", left)
	}
	r2 := w.do("f", order{})
	if timing := r2.header.Get("Server-Timing"); r2.begin() != "cold" || strings.Contains(timing, "mount;") || !strings.Contains(timing, "sandbox;") {
		t.Errorf("it began with %q: %s", r2.begin(), timing)
	}
	w.asleep("f")

	if err := os.Remove(full); err != nil {
		t.Fatal(err)
	}
	w.rogue("g", "--no-wait")
	w.spares(1)
	if r := w.do("f", order{}); r.begin() != "cell" {
		t.Errorf("with room on the disk it began with %q", r.begin())
	}
}

// fill writes a file until the disk has no more than so many bytes left.
func fill(t *testing.T, name string, leave int64) {
	t.Helper()
	var s unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(name), &s); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size := int64(s.Bavail)*s.Bsize - leave
	if _, err := f.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
}
