package logs

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// On a full disk the function goes on printing; what is lost is counted, said
// once, and noted in the log as soon as there is room.
func TestAFullDiskNeverStopsAFunction(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("a small disk needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	var own bytes.Buffer
	l, err := Open(filepath.Join(disk, "logs"), Options{Log: slog.New(slog.NewTextHandler(&own, nil))})
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	c := collect(t, l, Source{Function: "f"}, r, nil)
	print := func(text string) {
		next := c.nextRead()
		io.WriteString(w, text+"\n") //nolint:errcheck // read until closed
		<-next
	}
	print("before")
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the disk did not fill up")
	}
	const lost = 30
	for range lost {
		print(strings.Repeat("x", 5000)) // more than the last page of the file has room for
	}
	if l.Dropped() != lost {
		t.Errorf("%d lines dropped, want %d", l.Dropped(), lost)
	}
	same(t, texts(t, l, "f", Query{}), []string{"before"})
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	print("after")
	same(t, texts(t, l, "f", Query{}), []string{"before", "30 lines were lost because they could not be written", "after"})
	if said := own.String(); strings.Count(said, "cannot be written") != 1 || strings.Count(said, "can be written again") != 1 {
		t.Errorf("rouse's own log: %s", said)
	}
	w.Close() //nolint:errcheck // never fails
	c.Wait()
}
