package rootfs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// childVar has the test binary unpack images into the store it names.
const childVar = "ROUSE_TEST_ROOTFS"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVar); dir != "" {
		fmt.Println(unpackForever(dir))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// numbered is an image of a layer that all have and one of its own.
func numbered(i int) (imageID string, stream []byte) {
	layer := func(word string) []byte {
		items := []item{}
		for k := range 20 {
			items = append(items, file(fmt.Sprintf("d%d/f%d", k%5, k), strings.Repeat(word, 5000)))
		}
		return layerOf(items...)
	}
	return saved(layer("base "), layer(fmt.Sprintf("%d ", i)))
}

// unpackForever prints each image's id after it was unpacked, and returns what
// it could not do.
func unpackForever(dir string) error {
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		id, stream := numbered(i)
		if _, err := s.Unpack(context.Background(), id, bytes.NewReader(stream), nil); err != nil {
			if errors.Is(err, errors.ErrUnsupported) {
				return fmt.Errorf("unsupported: %w", err)
			}
			return err
		}
		fmt.Println(id)
	}
}

func child(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childVar+"="+dir)
	return cmd
}

// A process is killed while it unpacks: what it acknowledged is there, and
// whatever has a name is whole.
func TestAKillLeavesOnlyWholeLayers(t *testing.T) {
	s := open(t, Options{})
	for round := range 5 {
		cmd := child(t, s.dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var acknowledged []string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if acknowledged = append(acknowledged, lines.Text()); len(acknowledged) == 1+round*3 {
				cmd.Process.Kill() //nolint:errcheck // Wait tells
			}
		}
		cmd.Wait() //nolint:errcheck // killed
		if s, err = Open(s.dir, Options{}); err != nil {
			t.Fatal(err)
		}
		left(t, s)
		for i, id := range acknowledged {
			root, ok := s.Root(id)
			if !ok {
				t.Fatalf("acknowledged and lost: %s", id)
			}
			want := strings.Repeat(fmt.Sprintf("%d ", i), 5000)
			if body, err := readFile(root, "/d4/f19"); body != want {
				t.Errorf("image %d: %d bytes, %v", i, len(body), err)
			}
		}
		for _, layer := range here(t, s, layersDir) {
			if found := list(t, filepath.Join(s.dir, layersDir, layer, files)+"/"); len(found) != 1+5+20 {
				t.Errorf("layer %s has %d paths", layer, len(found))
			}
			if _, ok := s.layer(layer); !ok {
				t.Errorf("layer %s is not described", layer)
			}
		}
	}
}

// Root in a user namespace, as in a rootless container, may not write what
// overlayfs reads: such an image starts the plain way.
func TestAHostWithoutRightsIsUnsupported(t *testing.T) {
	cmd := child(t, filepath.Join(t.TempDir(), "images"))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("no user namespaces here: %v", err)
	}
	if err != nil || !strings.HasPrefix(string(out), "unsupported: ") {
		t.Errorf("said %q, %v", out, err)
	}
}
