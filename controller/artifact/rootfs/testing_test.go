package rootfs

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// when is the time of everything that tests put into layers.
var when = time.Unix(1_700_000_000, 0)

// item is one entry of a layer.
type item struct {
	tar.Header
	body string
}

// layerOf is a layer's tar.
func layerOf(items ...item) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, it := range items {
		if it.Typeflag == tar.TypeReg {
			it.Size = int64(len(it.body))
		}
		if it.ModTime.IsZero() && it.Typeflag != tar.TypeXGlobalHeader {
			it.ModTime = when
		}
		if err := w.WriteHeader(&it.Header); err != nil {
			panic(err)
		}
		if _, err := io.WriteString(w, it.body); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func file(name, body string) item {
	return item{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644}, body}
}

func folder(name string) item {
	return item{Header: tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755}}
}

func symlink(name, target string) item {
	return item{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}}
}

func hardlink(name, target string) item {
	return item{Header: tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target, Mode: 0o644}}
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(s[:])
}

// blob is one file of a stream.
type blob struct {
	name    string
	content []byte
}

// streamOf is a tar of blobs.
func streamOf(blobs ...blob) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, it := range blobs {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: it.name, Mode: 0o644, Size: int64(len(it.content))}); err != nil {
			panic(err)
		}
		if _, err := w.Write(it.content); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// configFor is the configuration of an image of these layers.
func configFor(change func(map[string]any), layers ...[]byte) []byte {
	ids := []string{}
	for _, layer := range layers {
		ids = append(ids, sum(layer))
	}
	c := map[string]any{
		"architecture": "amd64", "os": "linux",
		"config": map[string]any{"Cmd": []string{"/app"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": ids},
	}
	if change != nil {
		change(c)
	}
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return b
}

// saved is an image of these layers, bottom first, as Docker 20.10 saves it:
// layers first, their description last.
func saved(layers ...[]byte) (imageID string, stream []byte) {
	config := configFor(nil, layers...)
	var blobs []blob
	for i, layer := range layers {
		blobs = append(blobs,
			blob{fmt.Sprintf("%d/VERSION", i), []byte("1.0")},
			blob{fmt.Sprintf("%d/json", i), []byte(`{"id":"x"}`)},
			blob{fmt.Sprintf("%d/layer.tar", i), layer})
	}
	return sum(config), streamOf(append(blobs,
		blob{"config.json", config}, blob{"manifest.json", []byte(`[{}]`)})...)
}

// needRights skips a test where the host does not let it write layers, except
// where CI promised that it does.
func needRights(t testing.TB, s *Store) {
	t.Helper()
	err := s.Probe()
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatal(err)
	case err != nil:
		t.Skip(err)
	}
}

func open(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "images"), o)
	if err != nil {
		t.Fatal(err)
	}
	needRights(t, s)
	return s
}

func unpack(t testing.TB, s *Store, layers ...[]byte) Root {
	t.Helper()
	id, stream := saved(layers...)
	root, err := s.Unpack(t.Context(), id, bytes.NewReader(stream), nil)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// left fails when anything lies in the temporary folder.
func left(t testing.TB, s *Store) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, staging))
	if err != nil || len(entries) != 0 {
		t.Errorf("left in the temporary folder: %v, %v", entries, err)
	}
}

// join mounts layers, top first, as a detached tree and returns a path to it.
// Nothing of it is ever attached, so that nothing can be left.
func join(t testing.TB, layers ...string) string {
	t.Helper()
	context, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(context)
	for _, layer := range layers {
		if err := unix.FsconfigSetString(context, "lowerdir+", layer); err != nil {
			t.Fatalf("lowerdir+ %s: %v", layer, err)
		}
	}
	if err := unix.FsconfigCreate(context); err != nil {
		t.Fatalf("joining %d layers: %v", len(layers), err)
	}
	fd, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOSUID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fmt.Sprintf("/proc/self/fd/%d/", fd)
}

// joined is an image's tree with its skeleton, as an instance would see it.
func joined(t testing.TB, s *Store, root Root) string {
	t.Helper()
	layer, err := s.Skeleton(root, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return join(t, append([]string{layer}, root.Layers...)...)
}

// list describes all below a folder, a line a path.
func list(t testing.TB, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		line, err := describeFile(name)
		found["/"+strings.TrimPrefix(name, dir)] = line
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func describeFile(name string) (string, error) {
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		return "", err
	}
	line := fmt.Sprintf("%o %d:%d %d", st.Mode, st.Uid, st.Gid, st.Mtim.Sec)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		target, err := os.Readlink(name)
		return line + " -> " + target, err
	case unix.S_IFREG:
		content, err := os.ReadFile(name)
		if len(content) > 64 {
			content = []byte(sum(content))
		}
		return fmt.Sprintf("%s n=%d %q", line, st.Nlink, content), err
	case unix.S_IFCHR, unix.S_IFBLK:
		return fmt.Sprintf("%s dev=%x", line, st.Rdev), nil
	}
	if name == "/" {
		return line, errors.New("the walk has left its folder")
	}
	return line, nil
}

// same compares two lists and names the first differences.
func same(t testing.TB, got, want map[string]string) {
	t.Helper()
	shown := 0
	for name := range want {
		if got[name] != want[name] {
			if shown++; shown < 10 {
				t.Errorf("%s\n  is   %q\n  want %q", name, got[name], want[name])
			}
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			if shown++; shown < 10 {
				t.Errorf("%s is there: %q", name, got[name])
			}
		}
	}
}

// readFile reads a file of an image without a mount: the view's path to it is
// compared with the kernel's.
func readFile(root Root, name string) (string, error) {
	v := view(root.Layers)
	way, err := v.walk(name)
	if err != nil {
		return "", err
	}
	n := way[len(way)-1]
	if !n.exists() {
		return "", fs.ErrNotExist
	}
	content, err := os.ReadFile(v.host(n.in[0], n.path))
	return string(content), err
}

// memoryDisk is a folder on a disk of its own.
func memoryDisk(t *testing.T, options string) string {
	t.Helper()
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, options); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("a disk of its own needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return disk
}
