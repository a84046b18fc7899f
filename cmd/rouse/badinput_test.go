package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"hash/crc32"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBadDeploymentsAreRefusedAndChangeNothing(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		w.rogue("f")
		first := w.do("f", order{})
		empty, project := t.TempDir(), filepath.Join(t.TempDir(), "rouse.yaml")
		write(t, project, "functions:\n  f:\n    image: x\n    memmory: 1GB\n")
		code := w.rogueCode()
		for _, c := range []struct {
			args []string
			want string
		}{
			{append([]string{"deploy", ""}, code...), `name ""`},
			{append([]string{"deploy", strings.Repeat("x", 65)}, code...), "1 to 64"},
			{append([]string{"deploy", "../f"}, code...), `name "../f"`},
			{append([]string{"deploy", ".."}, code...), `name ".."`},
			{append([]string{"deploy", "а"}, code...), "letters, digits"}, // CYRILLIC SMALL LETTER A
			{append([]string{"deploy", "f\u200b"}, code...), "letters, digits"},
			{[]string{"deploy", "f", "--runtime", "provided", "--code", empty}, "bootstrap"},
			{[]string{"deploy", "f", "--runtime", "python3.11", "--handler", "app.handler", "--code", empty}, "app.py"},
			{[]string{"deploy", "f", "--runtime", "python3.11", "--handler", "../../etc/passwd.x", "--code", empty}, "inside the code"},
			{[]string{"deploy", "f", "--runtime", "python2.7", "--handler", "app.handler", "--code", filepath.Join(built, "rogue.zip")}, "python2.7"},
			{[]string{"deploy", "-f", project}, `rouse.yaml:4:5: unknown key "memmory"; did you mean "memory"?`},
			{append(append([]string{"deploy", "f"}, code...), "--memory", "0"), "at least 16MB"},
			{append(append([]string{"deploy", "f"}, code...), "--memory", "-1GB"), "at least 16MB"},
			{append(append([]string{"deploy", "f"}, code...), "--memory", "2048"), "so perhaps 2048MB"},
			{append(append([]string{"deploy", "f"}, code...), "--tmp", "512"), "so perhaps 512MB"},
			{append(append([]string{"deploy", "f"}, code...), "--memory", "900000GB"), "memory 900000GB: "},
			{append(append([]string{"deploy", "f"}, code...), "--cpu", "1000"), "this host has"},
			{append(append([]string{"deploy", "f"}, code...), "--timeout", "0"), "more than 0"},
			{append(append([]string{"deploy", "f"}, code...), "--concurrency", "2"), "one event at a time"},
		} {
			r := w.rouse(c.args...)
			if r.code == exitDone || !strings.Contains(r.stderr, c.want) || strings.Contains(r.stderr, w.data) {
				t.Errorf("rouse %q: exit code %d, want %q in\n%s", c.args, r.code, c.want, r.stderr)
			}
		}
		if again := w.do("f", order{}); again.PID != first.PID || again.Calls != 2 {
			t.Errorf("the function was disturbed: %+v", again)
		}
	})
}

func TestAnImageThatDoesNotExistIsRefusedAtOnce(t *testing.T) {
	w := onDocker(t)
	for image, want := range map[string]string{
		"rouse.invalid/nobody/nothing:1":    "cannot be pulled",
		"not an image":                      "not an image's name",
		"sha256:" + strings.Repeat("0", 64): "cannot be pulled",
	} {
		r := w.rouse("deploy", "f", "--image", image)
		if r.code != exitFailed || !strings.Contains(r.stderr, want) {
			t.Errorf("image %q: exit code %d, want %q in\n%s", image, r.code, want, r.stderr)
		}
	}
	if out := w.must("ls"); strings.Contains(out, "f ") {
		t.Errorf("a function was made:\n%s", out)
	}
}

// In a registry the name of a base image of Rouse's may be anybody's.
func TestABaseImageThatIsNotThereIsNotPulled(t *testing.T) {
	w := onDockerWith(t, dataDir(t), "--runtime-image", "python3.11=rouse/nobody-made-this")
	r := w.rouse("deploy", "f", "--code", "testdata", "--runtime", "python3.11", "--handler", "app.handler")
	if r.code != exitFailed || !strings.Contains(r.stderr, "rouse/nobody-made-this is not on this engine: images/build.sh makes it") || strings.Contains(r.stderr, "pull") {
		t.Errorf("%+v", r)
	}
}

func TestAnUnknownDriverIsRefused(t *testing.T) {
	r := command(t, nil, "serve", "--data", dataDir(t), "--driver", "dokcer")
	if r.code != exitUsage || !strings.Contains(r.stderr, "auto, docker or process") {
		t.Errorf("%+v", r)
	}
}

func TestHostileArchivesLeaveNothing(t *testing.T) {
	s := serve(t)
	outside := filepath.Join(filepath.Dir(s.data), "escaped")
	for name, c := range map[string]struct {
		archive []byte
		want    string
	}{
		"climbs":   {zipOf(t, "../../../escaped", "x", 0o644), "../"},
		"absolute": {zipOf(t, outside, "x", 0o644), "absolute"},
		"link":     {zipOf(t, "out", "/etc/passwd", fs.ModeSymlink|0o777), "link"},
		"climbing": {zipOf(t, "out", "../../etc", fs.ModeSymlink|0o777), "link"},
		"device":   {zipOf(t, "null", "", fs.ModeDevice|0o644), "neither a file"},
		"bomb":     {bomb(t, 10<<30, 10<<30), "more than 250MB"},
		"liar":     {bomb(t, 10<<30, 1<<10), "cannot be unpacked"},
		"garbage":  {bytes.Repeat([]byte("PK"), 1000), "not a zip archive"},
		"empty":    {nil, "not a zip archive"},
	} {
		file := filepath.Join(t.TempDir(), name+".zip")
		if err := os.WriteFile(file, c.archive, 0o600); err != nil {
			t.Fatal(err)
		}
		r := s.rouse("deploy", "f", "--code", file, "--runtime", "provided")
		if r.code != exitFailed || !strings.Contains(r.stderr, c.want) || strings.Contains(r.stderr, s.data) {
			t.Errorf("%s: exit code %d, want %q in\n%s", name, r.code, c.want, r.stderr)
		}
	}
	if _, err := os.Lstat(outside); err == nil {
		t.Error("a file was written outside")
	}
	var left []string
	err := filepath.WalkDir(filepath.Join(s.data, "artifacts"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			left = append(left, path)
		}
		return err
	})
	if err != nil || len(left) > 0 {
		t.Errorf("the refused archives left %v, %v", left, err)
	}
}

// zipOf is an archive of one entry.
func zipOf(t *testing.T, name, content string, mode fs.FileMode) []byte {
	t.Helper()
	var b bytes.Buffer
	archive := zip.NewWriter(&b)
	header := &zip.FileHeader{Name: name}
	header.SetMode(mode)
	w, err := archive.CreateHeader(header)
	if err == nil {
		_, err = io.WriteString(w, content)
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bomb is an archive of one file that unpacks to size zeros, and promises others.
func bomb(t *testing.T, size, promised int64) []byte {
	t.Helper()
	// One compressed block of zeros, repeated: compressing all of it takes too long.
	const block = 1 << 20
	var once bytes.Buffer
	w, err := flate.NewWriter(&once, flate.BestSpeed)
	if err == nil {
		_, err = w.Write(make([]byte, block))
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	stream := bytes.Repeat(once.Bytes(), int(size/block))
	var b bytes.Buffer
	archive := zip.NewWriter(&b)
	raw, err := archive.CreateRaw(&zip.FileHeader{
		Name: "zeros", Method: zip.Deflate, CRC32: crc32.ChecksumIEEE(nil),
		CompressedSize64: uint64(len(stream)), UncompressedSize64: uint64(promised),
	})
	if err == nil {
		_, err = raw.Write(stream)
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestNamesInAddressesAreChecked(t *testing.T) {
	s := serve(t)
	for path, status := range map[string]int{
		"/fn/":                                   400,
		"/fn/%2e%2e/":                            400,
		"/fn/..%2f..%2fetc%2fpasswd":             400,
		"/fn/" + strings.Repeat("x", 65) + "/":   400,
		"/fn/%D0%B0/":                            400,
		"/fn/f%00/":                              400,
		"/fn/nobody/":                            404,
		"/fn/nobody:$LATEST/":                    404,
		"/fn/nobody:" + strings.Repeat("1", 200): 400,
	} {
		req, err := http.NewRequest(http.MethodGet, s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := get(t, req).StatusCode; got != status {
			t.Errorf("%s: status %d, want %d", path, got, status)
		}
	}
}
