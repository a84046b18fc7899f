package mount

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// layer writes files and folders (names that end in "/") below a new folder.
func layer(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch to, link := strings.CutPrefix(content, "-> "); {
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		case link:
			err = os.Symlink(to, path)
		default:
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func skeleton(t testing.TB) string {
	return layer(t, map[string]string{
		"proc/": "", "sys/": "", "dev/": "", "tmp/": "", "var/task/": "",
		"etc/hosts": "", "etc/hostname": "", "etc/resolv.conf": "",
	})
}

func TestACellSeesItsNewRootAndNothingElse(t *testing.T) {
	c := newCell(t)
	top := layer(t, map[string]string{"app": "new", "etc/passwd": "image's"})
	for path, dev := range map[string]int{"gone": 0, "evil": int(unix.Mkdev(1, 5))} { // a whiteout, and /dev/zero
		if err := unix.Mknod(filepath.Join(top, path), unix.S_IFCHR|0o666, dev); err != nil {
			t.Fatal(err)
		}
	}
	bottom := layer(t, map[string]string{"app": "old", "gone": "still here", "lib/so": "library"})
	code := layer(t, map[string]string{"handler": "code"})
	before := mountinfo(t)

	err := c.find().Mount(Root{
		Layers:  []string{top, bottom, skeleton(t)},
		Binds:   []Bind{{code, "/var/task"}},
		Scratch: []Scratch{{"/tmp", 100 << 10}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if after := mountinfo(t); after != before {
		t.Errorf("the host's mounts changed from\n%s\nto\n%s", before, after)
	}
	v := c.enter(
		[]string{"/app", "/gone", "/lib/so", "/var/task/handler", "/etc/passwd", "/etc/hosts", "/etc/resolv.conf", "/secret"},
		[]string{"/new", "/etc/hosts", "/var/task/new", "/tmp/a", "/tmp/b", "/proc/sys/new"})

	want := []string{"app", "dev", "etc", "evil", "lib", "proc", "sys", "tmp", "var"}
	if !slices.Equal(v.Root, want) {
		t.Errorf("/ holds %q, want %q", v.Root, want)
	}
	if !slices.Equal(v.Escaped, want) {
		t.Errorf("outside of its root the process found %q", v.Escaped)
	}
	for file, content := range map[string]string{
		"/app": "new", "/lib/so": "library", "/var/task/handler": "code", "/etc/passwd": "image's",
		"/etc/hosts": "cell hosts", "/etc/resolv.conf": "cell resolv.conf",
		"/gone": "open /gone: no such file or directory", "/secret": "open /secret: no such file or directory",
	} {
		if v.Files[file] != content {
			t.Errorf("%s is %q, want %q", file, v.Files[file], content)
		}
	}
	for file, why := range map[string]string{
		"/new": "read-only file system", "/etc/hosts": "read-only file system", "/var/task/new": "read-only file system",
		"/proc/sys/new": "read-only file system", "/tmp/a": "", "/tmp/b": "no space left on device",
	} {
		if got := v.Written[file]; (got == "") != (why == "") || !strings.Contains(got, why) {
			t.Errorf("writing %s: %q, want %q", file, got, why)
		}
	}
	if !strings.Contains(v.Device, "permission denied") {
		t.Errorf("a device of the image could be opened: %q", v.Device)
	}
	if v.PID1 == "" {
		t.Error("/proc is not the cell's own")
	}
	for line := range strings.Lines(v.Mounts) {
		fields := strings.Fields(line)
		if strings.Contains(line, " master:") || strings.Contains(line, " shared:") {
			t.Errorf("not private: %s", line)
		}
		if at := fields[4]; at == "/" || at == "/tmp" || at == "/var/task" {
			for _, option := range []string{"nosuid", "nodev"} {
				if !slices.Contains(strings.Split(fields[5], ","), option) {
					t.Errorf("%s is not %s: %s", at, option, line)
				}
			}
		}
	}
}

func TestLinksOfAnImageLeadNowhereElse(t *testing.T) {
	c := newCell(t)
	code := layer(t, map[string]string{"handler": "code"})
	image := layer(t, map[string]string{"var/task": "-> ../../../../../opt", "opt/": "", "tmp": "-> /proc/1/root/scratch", "scratch/": ""})
	bare := layer(t, map[string]string{
		"proc/": "", "sys/": "", "dev/": "", "etc/hosts": "", "etc/hostname": "", "etc/resolv.conf": "",
	})
	found := c.find()
	if err := found.Mount(Root{Layers: []string{image, bare}, Scratch: []Scratch{{"/tmp", 1 << 20}}}); err == nil {
		t.Fatal("a link through /proc was followed")
	}
	again := newCell(t)
	if err := again.find().Mount(Root{Layers: []string{image, bare}, Binds: []Bind{{code, "/var/task"}}}); err != nil {
		t.Fatal(err)
	}
	if v := again.enter([]string{"/opt/handler"}, nil); v.Files["/opt/handler"] != "code" {
		t.Errorf("the link did not lead to the image's own folder: %q", v.Files)
	}
}

func TestAHundredAndTwentyLayers(t *testing.T) {
	c := newCell(t)
	layers := []string{skeleton(t)}
	for i := range 120 {
		layers = append(layers, layer(t, map[string]string{"which": fmt.Sprint(i), fmt.Sprintf("own/%d", i): "x"}))
	}
	if err := c.find().Mount(Root{Layers: layers}); err != nil {
		t.Fatal(err)
	}
	v := c.enter([]string{"/which", "/own/119"}, nil)
	if v.Files["/which"] != "0" || v.Files["/own/119"] != "x" {
		t.Errorf("the layers are joined to %q", v.Files)
	}
}

func TestAMountThatIsRefusedSaysWhereAndLeavesNothing(t *testing.T) {
	files, before := descriptors(t), mountinfo(t)
	for name, root := range map[string]Root{
		"no layers":               {},
		"no such file":            {Layers: []string{"/no/such/layer", "/no/such/other"}},
		"/var/task: open_tree":    {Layers: []string{skeleton(t)}, Binds: []Bind{{"/no/such/code", "/var/task"}}},
		"/nowhere: openat2":       {Layers: []string{skeleton(t)}, Scratch: []Scratch{{"/nowhere", 1 << 20}}},
		"/proc: openat2: no such": {Layers: []string{t.TempDir()}},
	} {
		c := newCell(t)
		found, err := Find(c.cmd.Process.Pid, func(int) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if err := found.Mount(root); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		found.Close()
		c.end()
	}
	if after := mountinfo(t); after != before {
		t.Errorf("the host's mounts changed to\n%s", after)
	}
	if after := descriptors(t); after > files {
		t.Errorf("%d descriptors before, %d after", files, after)
	}
}

func TestACellThatDiedIsNotMistakenForAnother(t *testing.T) {
	c := newCell(t)
	found := c.find()
	refused := errors.New("somebody else's")
	if _, err := Find(c.cmd.Process.Pid, func(int) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("a process that is not the one: %v", err)
	}
	if _, err := Find(c.cmd.Process.Pid, func(int) error { c.end(); return nil }); err == nil {
		t.Error("a process was found that ended meanwhile")
	}
	if err := found.Mount(Root{Layers: []string{skeleton(t)}}); err == nil {
		t.Error("a dead cell was mounted into")
	}
}

func TestMountingLeavesTheHostsThreadsWhereTheyWere(t *testing.T) {
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		c := newCell(t)
		if err := c.find().Mount(Root{Layers: []string{skeleton(t)}}); err != nil {
			t.Fatal(err)
		}
		now, err := os.Readlink("/proc/thread-self/ns/mnt")
		if err != nil || now != own {
			t.Fatalf("this thread is in %s, was in %s (%v)", now, own, err)
		}
		leader, err := os.Readlink("/proc/self/ns/mnt")
		if err != nil || leader != own {
			t.Fatalf("the first thread is in %s, was in %s (%v)", leader, own, err)
		}
	}
}

func BenchmarkMount(b *testing.B) {
	root := Root{
		Layers:  []string{layer(b, map[string]string{"app": "x"}), skeleton(b)},
		Binds:   []Bind{{b.TempDir(), "/var/task"}},
		Scratch: []Scratch{{"/tmp", 1 << 20}},
	}
	for range b.N {
		b.StopTimer()
		c := newCell(b)
		found := c.find()
		b.StartTimer()
		if err := found.Mount(root); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		c.end()
	}
}

// mountinfo lists the host's mounts of this test's folders, and on them. Others
// come and go with the machine's containers.
func mountinfo(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	var own strings.Builder
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, t.Name()) {
			own.WriteString(line)
		}
	}
	return own.String()
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestReadFindsTheFileThatAFunctionWouldFind(t *testing.T) {
	newCell(t) // skips where nothing can be mounted
	top := layer(t, map[string]string{"etc/passwd": "-> /../../lib/users", "etc/loop": "-> loop"})
	bottom := layer(t, map[string]string{"lib/users": "nobody", "etc/passwd": "old"})
	if err := unix.Mkfifo(filepath.Join(top, "etc/pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	layers := []string{top, bottom}
	if got, err := Read(layers, "/etc/passwd"); err != nil || got != "nobody" {
		t.Errorf("/etc/passwd: %q, %v", got, err)
	}
	if got, err := Read(layers, "/etc/shadow/none"); err != nil || got != "" {
		t.Errorf("a file that is not there: %q, %v", got, err)
	}
	for _, bad := range []string{"/etc/loop", "/etc/pipe", "/etc"} {
		if got, err := Read(layers, bad); err == nil {
			t.Errorf("%s was read as %q", bad, got)
		}
	}
}
