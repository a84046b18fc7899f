package main

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

// numeric is what a base image has beside the runtime's own, from the package
// index or the checkout's cache.
const numeric = "numpy==2.4.6"

// installed is a folder with a package and what it needs.
func installed(t *testing.T, python, version string) string {
	t.Helper()
	cache, err := filepath.Abs("../../.cache/" + strings.ReplaceAll(version, "==", "-"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(cache); err == nil {
		return cache
	}
	temp := cache + ".tmp"
	out, err := exec.CommandContext(t.Context(), python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-t", temp, version).CombinedOutput()
	if err == nil {
		err = os.Rename(temp, cache)
	}
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("%s cannot be installed: %v\n%s", version, err, out)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return cache
}

// buildNumeric makes a base image with NumPy and a module that leaves a thread;
// it returns its name.
func (w world) buildNumeric() string {
	w.t.Helper()
	packages := installed(w.t, pythonWith(w.t), numeric)
	var files bytes.Buffer
	archive := tar.NewWriter(&files)
	add := func(name string, mode int64, content []byte) error {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err := archive.Write(content)
		return err
	}
	err := add("Dockerfile", 0o644, []byte("FROM rouse/python3.11\nCOPY packages /usr/local/lib/python3.11/dist-packages\n"))
	if err == nil {
		err = add("packages/leavesathread.py", 0o644, []byte("import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"))
	}
	if err == nil {
		err = filepath.WalkDir(packages, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "tests" || d.Name() == "__pycache__" || d.Name() == "bin"):
				return fs.SkipDir
			case !d.Type().IsRegular():
				return nil
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return add("packages"+strings.TrimPrefix(path, packages), 0o755, content)
		})
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	name := rogueImage() + "-numeric"
	w.docker.call("POST", "/build?t="+name, &files, http.StatusOK)
	w.t.Cleanup(func() { w.docker.call("DELETE", "/images/"+name+"?force=1", nil, 200, 404) })
	return name
}

const multiply = `
import os, sys
before = "numpy" in sys.modules
import numpy

def handler(event, context):
    many = numpy.ones((400, 400))
    return {
        "before": before, "product": float((many @ many).sum()), "threads": len(os.listdir("/proc/self/task")),
        "drawn": [float(numpy.random.random()), numpy.random.default_rng().bytes(8).hex()],
    }
`

func TestNumPyIsForkedWithOneThreadAndItsOwnChance(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes twenty seconds")
	}
	image := onPython(t, "--cells", "0").buildNumeric()
	w := onPython(t, "--cells", "2", "--runtime-image", "python3.11="+image)
	w.spares(2)
	code := tree(t, map[string]string{"app.py": multiply})
	deploy := []string{"deploy", "f", "--code", code, "--runtime", "python3.11", "--handler", "app.handler", "--memory", "512MB", "--cpu", "2", "--idle", "1ms", "--no-wait"}

	if r := w.rouse(append(deploy, "--zygote", "json,leavesathread,numpy")...); r.code != exitFailed ||
		!strings.Contains(r.stderr, "module leavesathread: it starts a thread, which a fork would lose") {
		t.Errorf("exit code %d, %s", r.code, r.stderr)
	}
	w.must(append(deploy, "--zygote", "json,numpy")...)
	drawn := map[string]bool{}
	for range 2 {
		until(t, "a zygote is ready", func() bool { return w.status().Cells.Zygotes == 1 })
		got, from := w.look("f", "{}")
		if from != "zygote" || got["before"] != true || got["product"] != 400.0*400*400 || got["threads"] != 1.0 {
			t.Errorf("from a %s: %v", from, got)
		}
		drawn[strings.Join(names(got["drawn"]), " ")] = true
		for _, one := range names(got["drawn"]) {
			drawn[one] = true
		}
		w.asleep("f")
	}
	if len(drawn) != 6 {
		t.Errorf("two processes drew the same: %v", drawn)
	}
	seen(t, w.benched("f", "--from", "zygote"), rouse.TierZygote, laid...)
	w.asleep("f")
	if sum := w.benched("f", "--from", "cell"); sum.Met[rouse.TierCell] != 3 {
		t.Errorf("met %v", sum.Met)
	}

	// What its modules take is measured, and stands on the budget.
	until(t, "a zygote and a cell are ready", func() bool { c := w.status().Cells; return c.Zygotes == 1 && c.Ready == 2 })
	weight := map[string]rouse.Bytes{}
	for _, kind := range w.status().Cells.Kinds {
		weight[kind.Kind] = kind.Memory
	}
	if weight["none"] < rouse.MB || weight["zygote"] < weight["none"]+15*rouse.MB {
		t.Errorf("a spare weighs %v", weight)
	}
}
