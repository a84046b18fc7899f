package rootfs

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

func TestALayersFilesAreAsItSays(t *testing.T) {
	s := open(t, Options{})
	old := unix.Umask(0o077) // must not matter
	defer unix.Umask(old)
	root := unpack(t, s, layerOf(
		item{Header: tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o751, Uid: 3, Gid: 4}},
		item{Header: tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}},
		item{tar.Header{Typeflag: tar.TypeReg, Name: "bin/su", Mode: 0o4755, PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"}}, "su"},
		item{tar.Header{Typeflag: tar.TypeReg, Name: "home/f", Mode: 0o600, Uid: 1000, Gid: 4_000_000_000, PAXRecords: map[string]string{"SCHILY.xattr.user.k": "v", "SCHILY.xattr.trusted.overlay.redirect": "/etc"}}, "f"},
		hardlink("home/g", "home/f"),
		symlink("lib", "/usr/lib"),
		symlink("self", "self"),
		item{Header: tar.Header{Typeflag: tar.TypeFifo, Name: "home/pipe", Mode: 0o640, Uid: 7}},
		item{Header: tar.Header{Typeflag: tar.TypeChar, Name: "dev/null", Mode: 0o666, Devmajor: 1, Devminor: 3}},
		item{Header: tar.Header{Typeflag: tar.TypeChar, Name: "dev/whiteout", Mode: 0o666}},
		item{Header: tar.Header{Typeflag: tar.TypeReg, Name: "old", Mode: 0o644, ModTime: time.Unix(-5, 0)}},
		item{Header: tar.Header{Typeflag: tar.TypeReg, Name: "caf\xe9", Mode: 0o400}},
		file("/absolute", "a"), file("twice", "1"), file("./twice", "2"),
		folder("was/dir"), file("was/dir/f", ""), file("was", "a file"),
		file("is", "a file"), folder("is"), file("is/f", ""),
		item{Header: tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax", PAXRecords: map[string]string{"comment": "c"}}},
	))
	at := joined(t, s, root)
	same(t, list(t, at), map[string]string{
		"/":          "40751 3:4 1700000000",
		"/tmp":       "41777 0:0 1700000000",
		"/bin":       "40755 0:0 0",
		"/bin/su":    `104755 0:0 1700000000 n=1 "su"`,
		"/home":      "40755 0:0 0",
		"/home/f":    `100600 1000:4000000000 1700000000 n=2 "f"`,
		"/home/g":    `100600 1000:4000000000 1700000000 n=2 "f"`,
		"/home/pipe": "10640 7:0 1700000000",
		"/lib":       "120777 0:0 1700000000 -> /usr/lib",
		"/self":      "120777 0:0 1700000000 -> self",
		"/old":       `100644 0:0 0 n=1 ""`,
		"/caf\xe9":   `100400 0:0 1700000000 n=1 ""`,
		"/absolute":  `100644 0:0 1700000000 n=1 "a"`,
		"/twice":     `100644 0:0 1700000000 n=1 "2"`,
		"/was":       `100644 0:0 1700000000 n=1 "a file"`,
		"/is":        "40755 0:0 1700000000",
		"/is/f":      `100644 0:0 1700000000 n=1 ""`,
	})
	names := make([]byte, 1000)
	n, err := unix.Llistxattr(filepath.Join(root.Layers[0], "home/f"), names)
	if got := string(names[:max(n, 0)]); got != "user.k\x00" {
		t.Errorf("attributes %q, %v", got, err)
	}
	if n, err := unix.Llistxattr(filepath.Join(root.Layers[0], "bin/su"), names); n != 0 {
		t.Errorf("a program kept its attributes: %q, %v", names[:max(n, 0)], err)
	}
	if info, err := os.Stat(s.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the set-id programs of images are open to this host: %v, %v", info.Mode(), err)
	}
	left(t, s)
}

func TestTheConfigurationIsKept(t *testing.T) {
	s := open(t, Options{})
	layer := layerOf(file("app", "x"))
	config := configFor(func(c map[string]any) {
		c["architecture"] = "arm64"
		c["config"] = map[string]any{
			"Env": []string{"A=1"}, "Entrypoint": []string{"/e"}, "Cmd": []string{"c", "d"},
			"User": "app:video", "WorkingDir": "/w", "StopSignal": "SIGINT",
			"ExposedPorts": map[string]any{"9/udp": struct{}{}, "80/tcp": struct{}{}},
			"Volumes":      map[string]any{"/v": struct{}{}},
			"Labels":       map[string]string{"l": "m"},
		}
	}, layer)
	stream := streamOf(blob{"l", layer}, blob{"c", config})
	root, err := s.Unpack(t.Context(), sum(config), bytes.NewReader(stream), nil)
	want := Config{
		Env: []string{"A=1"}, Entrypoint: []string{"/e"}, Cmd: []string{"c", "d"},
		User: "app:video", WorkingDir: "/w", StopSignal: "SIGINT",
		ExposedPorts: []string{"80/tcp", "9/udp"}, Volumes: []string{"/v"}, Labels: map[string]string{"l": "m"},
	}
	if err != nil || !reflect.DeepEqual(root.Config, want) || root.Arch != "arm64" || root.OS != "linux" || root.Size != 1 {
		t.Errorf("root %+v, %v", root, err)
	}
	again, err := Open(s.dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, ok := again.Root(root.ImageID)
	if !ok || !reflect.DeepEqual(got, root) {
		t.Errorf("after a restart: %+v, %v", got, ok)
	}
	if _, err := again.Unpack(t.Context(), root.ImageID, failing{}, nil); err != nil {
		t.Errorf("what is here was read again: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the network is down") }

// The same layers come plain from old engines, packed from newer ones, and
// named by a manifest or an index where images are stored that way.
func TestEveryFormOfAnImageGivesTheSameLayers(t *testing.T) {
	one, two, empty := layerOf(file("a", strings.Repeat("a", 5000))), layerOf(file("b", "b")), layerOf()
	config := configFor(nil, one, empty, two, empty)
	manifest := fmt.Appendf(nil, `{"schemaVersion":2,"config":{"digest":%q},"layers":[]}`, sum(config))
	foreign := fmt.Appendf(nil, `{"config":{"digest":%q}}`, sum([]byte("{}")))
	index := fmt.Appendf(nil, `{"manifests":[{"digest":%q,"platform":{"os":"unknown","architecture":"unknown"}},{"digest":"sha256:none"},{"digest":%q,"platform":{"os":"linux","architecture":"amd64"}}]}`, sum(foreign), sum(manifest))
	var packed, zpacked bytes.Buffer
	zip := gzip.NewWriter(&packed)
	zip.Write(one[:700]) //nolint:errcheck // memory
	zip.Close()          //nolint:errcheck // memory
	zip.Reset(&packed)   // a second member goes on where the first ends
	zip.Write(one[700:]) //nolint:errcheck // memory
	zip.Close()          //nolint:errcheck // memory
	zst, err := zstd.NewWriter(&zpacked)
	if err != nil {
		t.Fatal(err)
	}
	zst.Write(two) //nolint:errcheck // memory
	zst.Close()    //nolint:errcheck // memory
	documents := []blob{{"c", config}, {"m", manifest}, {"f", foreign}, {"i", index}}
	var want []string
	for name, stream := range map[string][]byte{
		"plain":             streamOf(append([]blob{{"1", one}, {"2", two}, {"0", empty}}, documents...)...),
		"packed":            streamOf(append([]blob{{"1", packed.Bytes()}, {"2", zpacked.Bytes()}, {"0", empty}}, documents...)...),
		"description first": streamOf(append(documents, blob{"2", two}, blob{"1", one}, blob{"0", empty})...),
	} {
		for _, id := range []string{sum(config), sum(manifest), sum(index)} {
			s := open(t, Options{})
			root, err := s.Unpack(t.Context(), id, bytes.NewReader(stream), nil)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			var got []string
			for _, layer := range root.Layers {
				got = append(got, strings.TrimPrefix(layer, s.dir))
			}
			if want == nil {
				want = got
			}
			if len(got) != 3 || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: layers %q, want %q", name, got, want)
			}
			if files := list(t, joined(t, s, root)); len(files) != 3 {
				t.Errorf("%s: files %v", name, files)
			}
		}
	}
}

// Whatever is wrong with what is sent is said, and no image appears.
func TestWhatIsSentIsVerified(t *testing.T) {
	layer, other := layerOf(file("a", "a")), layerOf(file("b", "b"))
	id, stream := saved(layer, other)
	config := configFor(nil, layer)
	changed := bytes.Clone(layer)
	changed[512] ^= 1
	for name, test := range map[string]struct {
		id     string
		stream []byte
		code   rouse.Code
		want   string
	}{
		"another image":         {sum([]byte("x")), stream, rouse.Invalid, "not in what the engine sent"},
		"no id":                 {"rouse/python3.11", stream, rouse.Invalid, "must be sha256:"},
		"a changed layer":       {sum(config), streamOf(blob{"c", config}, blob{"l", changed}), rouse.Invalid, "layer 1 of 1: no layer that was sent has the digest " + sum(layer)},
		"a layer missing":       {sum(config), streamOf(blob{"c", config}), rouse.Invalid, "layer 1 of 1"},
		"a changed description": {sum(config), streamOf(blob{"c", append(config, ' ')}, blob{"l", layer}), rouse.Invalid, "not in what"},
		"cut short":             {id, stream[:512*8], rouse.Unavailable, "ended early"},
		"cut between files":     {id, stream[:512], rouse.Unavailable, "ended early"},
		"nothing":               {id, nil, rouse.Invalid, "not in what"},
		"no tar":                {id, bytes.Repeat([]byte("no image "), 200), rouse.Invalid, "no image"},
		"broken gzip":           {sum(config), streamOf(blob{"l", []byte("\x1f\x8b\x08\x00aaaaaaaaaaaaaaaaaaa")}), rouse.Invalid, "cannot be unpacked"},
		"broken zstd":           {sum(config), streamOf(blob{"l", []byte("\x28\xb5\x2f\xfdaaaaaaaaaaaaaaaaaaa")}), rouse.Invalid, "cannot be unpacked"},
		"a layer cut short":     {sum(config), streamOf(blob{"l", layer[:512]}), rouse.Invalid, "cannot be unpacked"},
		"a loop of indexes":     loop("%s"),
		"not for linux":         described(func(c map[string]any) { c["os"] = "windows" }, layer, "must be for linux"),
		"no layers":             described(func(c map[string]any) { c["rootfs"] = nil }, layer, "without layers"),
		"a digest that climbs":  described(func(c map[string]any) { c["rootfs"] = map[string]any{"diff_ids": []string{"sha256:../../../etc"}} }, layer, "no sha256 digest"),
		"a thousand layers":     described(func(c map[string]any) { c["rootfs"] = map[string]any{"diff_ids": make([]string, 1000)} }, layer, "1000 layers"),
		"nonsense":              described(func(c map[string]any) { c["config"] = "x" }, layer, "describes no image"),
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{})
			_, err := s.Unpack(t.Context(), test.id, bytes.NewReader(test.stream), nil)
			if rouse.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v; want code %s and %q", err, test.code, test.want)
			}
			if _, ok := s.Root(test.id); ok {
				t.Error("the image is there")
			}
			left(t, s)
		})
	}
}

type refusal = struct {
	id     string
	stream []byte
	code   rouse.Code
	want   string
}

func described(change func(map[string]any), layer []byte, want string) refusal {
	config := configFor(change, layer)
	return refusal{sum(config), streamOf(blob{"l", layer}, blob{"c", config}), rouse.Invalid, want}
}

// loop is a chain of indexes longer than any engine makes.
func loop(format string) refusal {
	inner, blobs := configFor(nil, layerOf()), []blob(nil)
	for range 6 {
		blobs = append(blobs, blob{"b", inner})
		inner = fmt.Appendf(nil, `{"manifests":[{"digest":"`+format+`"}]}`, sum(inner))
	}
	return refusal{sum(inner), streamOf(append(blobs, blob{"i", inner})...), rouse.Invalid, "too many indexes"}
}

// A stream that breaks is the stream's trouble, and so is a caller who leaves.
func TestABrokenStreamKeepsFinishedLayers(t *testing.T) {
	s := open(t, Options{})
	big := layerOf(file("big", strings.Repeat("x", 1<<20)))
	id, stream := saved(layerOf(file("a", "a")), big)
	cut := io.MultiReader(bytes.NewReader(stream[:len(stream)/2]), failing{})
	if _, err := s.Unpack(t.Context(), id, cut, nil); err == nil || !strings.Contains(err.Error(), "network is down") {
		t.Fatalf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stop := readerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })
	if _, err := s.Unpack(ctx, id, io.MultiReader(bytes.NewReader(stream[:len(stream)/2]), stop), nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	left(t, s)
	var said []string
	if _, err := s.Unpack(t.Context(), id, bytes.NewReader(stream), func(line string) { said = append(said, line) }); err != nil {
		t.Fatal(err)
	}
	if len(said) != 2 || !strings.HasSuffix(said[0], "is here already") || !strings.Contains(said[1], ": 1 files, 1MB") {
		t.Errorf("said %q", said)
	}
	left(t, s)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// Two layers of the same length are not taken for one another.
func TestALayerIsKnownByContentNotByLength(t *testing.T) {
	s := open(t, Options{})
	a, b := layerOf(file("f", "a")), layerOf(file("f", "b"))
	first, second := unpack(t, s, a), unpack(t, s, b)
	for root, want := range map[string]string{first.Layers[0]: "a", second.Layers[0]: "b"} {
		if got, err := os.ReadFile(filepath.Join(root, "f")); err != nil || string(got) != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	shared := unpack(t, s, a, b)
	if shared.Layers[0] != second.Layers[0] || shared.Layers[1] != first.Layers[0] {
		t.Errorf("layers %q are not shared", shared.Layers)
	}
	left(t, s)
}
