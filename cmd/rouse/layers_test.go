package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree writes files below a new folder and returns it.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLayersAreJoinedAtOpt(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		code := tree(t, map[string]string{"app.py": `
import base, over, subprocess
def handler(event, context):
    try:
        open(over.__file__, "w")
        wrote = True
    except OSError:
        wrote = False
    return {"base": base.WORD, "over": over.WORD, "tool": subprocess.check_output(["tool"], text=True), "wrote": wrote}
`})
		lower := tree(t, map[string]string{
			"python/base.py": `WORD = "lower"`, "python/over.py": `WORD = "lower"`, "bin/tool": "#!/bin/sh\necho lower",
		})
		upper := tree(t, map[string]string{"python/over.py": `WORD = "upper"`, "bin/tool": "#!/bin/sh\necho upper"})
		for _, test := range []struct{ layers, want string }{
			{lower + " " + upper, `{"base": "lower", "over": "upper", "tool": "upper\n", "wrote": false}`},
			{upper + " " + lower, `{"base": "lower", "over": "lower", "tool": "lower\n", "wrote": false}`},
			{lower, `{"base": "lower", "over": "lower", "tool": "lower\n", "wrote": false}`},
		} {
			args := []string{"deploy", "f", "--code", code, "--runtime", "python3.11", "--handler", "app.handler"}
			for layer := range strings.FieldsSeq(test.layers) {
				args = append(args, "--layer", layer)
			}
			w.must(args...)
			if got := w.rouse("invoke", "f"); strings.TrimSpace(got.stdout) != test.want {
				t.Errorf("layers %s: %+v\nwant %s", test.layers, got, test.want)
			}
		}
		if r := w.rouse("deploy", "g", "--image", "x", "--layer", lower); r.code != exitUsage || !strings.Contains(r.stderr, "only code has layers") {
			t.Errorf("an image with a layer: %+v", r)
		}
	})
}
