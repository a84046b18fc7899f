package rootfs

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
)

// engineImage is one of the images that the examples run on.
const engineImage = "rouse/python3.11"

// docker runs the engine's client; the test is skipped where no engine has the
// image, except where CI promised one.
func docker(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "docker", args...).Output()
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatalf("docker %s: %v", args, err)
	case err != nil:
		t.Skipf("docker %s: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// saveFrom starts the engine's save of an image.
func saveFrom(t testing.TB, image string) io.Reader {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "docker", "save", image)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Wait() }) //nolint:errcheck // Unpack has seen what came of it
	return out
}

// The tree that overlayfs joins is the tree that the engine itself gives a
// container of the same image: every path, owner, mode, time, link and content.
func TestAnImageIsTheSameAsTheEnginesOwn(t *testing.T) {
	id := docker(t, "image", "inspect", "--format", "{{.Id}}", engineImage)
	s := open(t, Options{})
	root, err := s.Unpack(t.Context(), id, saveFrom(t, id), func(line string) { t.Log(line) })
	if err != nil {
		t.Fatal(err)
	}
	got := list(t, joined(t, s, root))
	want := exported(t, id)
	for name := range maps.Keys(want) {
		if placed(name) {
			delete(want, name)
		}
	}
	for name := range maps.Keys(got) {
		if placed(name) {
			delete(got, name)
		}
	}
	if len(want) < 1000 {
		t.Fatalf("only %d paths in %s", len(want), engineImage)
	}
	same(t, got, want)
	if cmd := docker(t, "image", "inspect", "--format", "{{json .Config.Cmd}} {{json .Config.Env}}", id); cmd != fmt.Sprintf("%s %s", asJSON(t, root.Config.Cmd), asJSON(t, root.Config.Env)) {
		t.Errorf("configuration %+v, the engine says %s", root.Config, cmd)
	}
}

func asJSON(t *testing.T, v []string) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// placed says whether the engine puts a path into every container it makes, or
// changes it by doing so.
func placed(name string) bool {
	switch name {
	case "/", "/dev", "/etc", "/proc", "/sys", "/.dockerenv", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab":
		return true
	}
	return strings.HasPrefix(name, "/dev/") || strings.HasPrefix(name, "/proc/") || strings.HasPrefix(name, "/sys/")
}

// exported lists a container of an image in the words of list.
func exported(t *testing.T, image string) map[string]string {
	t.Helper()
	container := docker(t, "create", "--network", "none", image, "true")
	t.Cleanup(func() { exec.Command("docker", "rm", "-f", container).Run() }) //nolint:errcheck // the engine's own
	cmd := exec.CommandContext(t.Context(), "docker", "export", container)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found, links := map[string]string{}, map[string]int{}
	bodies, targets := map[string]string{}, map[string]string{}
	for r := tar.NewReader(out); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		name := path.Join("/", h.Name)
		line := func(kind int64) string {
			return fmt.Sprintf("%o %d:%d %d", kind|h.Mode&0o7777, h.Uid, h.Gid, h.ModTime.Unix())
		}
		switch h.Typeflag {
		case tar.TypeDir:
			found[name] = line(0o040000)
		case tar.TypeSymlink:
			found[name] = line(0o120000) + " -> " + h.Linkname
		case tar.TypeLink:
			targets[name] = path.Join("/", h.Linkname)
			links[targets[name]]++
		case tar.TypeReg:
			body, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if len(body) > 64 {
				body = []byte(sum(body))
			}
			found[name], bodies[name] = line(0o100000), fmt.Sprintf("%q", body)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	for name := range bodies {
		found[name] += fmt.Sprintf(" n=%d %s", 1+links[name], bodies[name])
	}
	for name, target := range targets {
		found[name] = found[target]
	}
	return found
}

// How long a deployment waits for its image, and what a change of its top layer
// costs. Files per second are the disk's.
func BenchmarkAnEnginesImageIsUnpacked(b *testing.B) {
	id := docker(b, "image", "inspect", "--format", "{{.Id}}", engineImage)
	var root Root
	for b.Loop() {
		s := open(b, Options{})
		var err error
		if root, err = s.Unpack(b.Context(), id, saveFrom(b, id), nil); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(root.Size))
}
