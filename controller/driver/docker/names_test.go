package docker

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
)

func TestFilesOfNamesAreReplacedUnlessTheyAreRight(t *testing.T) {
	d := &Driver{Options: Options{Data: t.TempDir()}}
	if err := d.writeNames(); err != nil {
		t.Fatal(err)
	}
	hosts := d.nameFile(hostsFile)
	before, err := os.Stat(hosts)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.writeNames(); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(hosts)
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("a file that containers have mounted was replaced by its like: %v", err)
	}
	mounted, err := os.Open(hosts)
	if err != nil {
		t.Fatal(err)
	}
	defer mounted.Close()
	if err := os.WriteFile(hosts, []byte("of another version"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.writeNames(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(hosts); err != nil || !strings.Contains(string(b), "\tsandbox.localdomain sandbox\n") {
		t.Errorf("%q, %v", b, err)
	}
	if info, err := mounted.Stat(); err != nil || info.Size() != int64(len("of another version")) {
		t.Errorf("what is mounted has changed: %v, %v", info, err)
	}
	if info, err := os.Stat(hosts); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("functions of any user read it: %v, %v", info, err)
	}
	if left, err := filepath.Glob(filepath.Join(d.Data, "names", "fresh-*")); err != nil || left != nil {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestWhoHasNoNetworkGetsTheFilesFromUs(t *testing.T) {
	d := &Driver{Options: Options{Data: "/data"}}
	c, h := &container.Config{}, &container.HostConfig{NetworkMode: "none"}
	d.name(c, h)
	targets := map[string]string{}
	for _, m := range h.Mounts {
		targets[m.Target] = m.Source
		if !m.ReadOnly {
			t.Errorf("%s is shared, and can be written", m.Target)
		}
	}
	if !c.NetworkDisabled || h.ExtraHosts != nil || targets["/etc/hosts"] != "/data/names/hosts" || targets["/etc/resolv.conf"] != "/data/names/resolv.conf" {
		t.Errorf("%+v, %+v", c, h)
	}
	c, h = &container.Config{}, &container.HostConfig{NetworkMode: egress}
	d.name(c, h)
	if c.NetworkDisabled || len(h.Mounts) > 0 || !slices.Equal(h.ExtraHosts, []string{"sandbox.localdomain:127.0.0.1", "sandbox:127.0.0.1"}) {
		t.Errorf("on a network: %+v, %+v", c, h)
	}
}
