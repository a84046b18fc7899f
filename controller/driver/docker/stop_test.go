package docker

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver/docker/mount"
)

// Descriptors are numbers that are used again: one that is closed twice is
// somebody else's the second time.
func TestAStopThatIsTriedAgainClosesNobodyElsesDescriptor(t *testing.T) {
	d := &Driver{
		Options: Options{Data: t.TempDir(), Log: slog.New(slog.DiscardHandler)},
		ending:  make(chan struct{}, 1), sandboxes: map[string]*sandbox{}, known: map[rouse.SandboxID]*sandbox{},
	}
	s := d.newSandbox("one", nil)
	var err error
	if s.init, err = mount.Find(os.Getpid(), func(int) error { return nil }); err != nil {
		t.Fatal(err)
	}
	stuck := d.upperDir(s.id)
	if err := os.MkdirAll(filepath.Dir(stuck), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stuck, nil, 0o600); err != nil { // which is no folder that can be removed
		t.Fatal(err)
	}
	if s.Stop(t.Context()) == nil {
		t.Fatal("what a function wrote stays, and nobody says so")
	}
	var others []*os.File // one of them has the number that is free now, if one is
	for range 32 {
		other, err := os.Open("/dev/null")
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		others = append(others, other)
	}
	if err := os.Remove(stuck); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, other := range others {
		if _, err := other.Stat(); err != nil {
			t.Error(err)
		}
	}
}
