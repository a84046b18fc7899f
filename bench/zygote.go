package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rousehq/rouse"
)

// numericImage is Python's base image with numericPackages, which are fetched
// when the benchmark first runs.
const numericImage = "rouse-bench/python3.11"

// The version of onnxruntime is that of our own images. Later ones (1.31) start
// a thread when they are imported, and a zygote refuses them.
var (
	numericModules  = []string{"numpy", "onnxruntime"}
	numericPackages = []string{"numpy==2.4.6", "onnxruntime==1.24.4"}
)

const numericHandler = `
import numpy, onnxruntime

def handler(event, context):
    return [numpy.__version__, onnxruntime.__version__, float(numpy.ones(8) @ numpy.ones(8))]
`

// zygote measures the first answer of a Python function that imports numeric
// libraries and was never called before, from a zygote and from an empty cell.
func zygote(ctx context.Context, l *lab) (results []result, err error) {
	if err := l.buildNumeric(ctx); err != nil {
		return nil, err
	}
	imports, err := numericImports(ctx)
	if err != nil {
		return nil, err
	}
	p, err := l.serve("zygote", "docker", "--cells", "2", "--runtime-image", "python3.11="+numericImage)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	code := filepath.Join(l.dir, "numeric")
	if err := errors.Join(os.MkdirAll(code, 0o755), os.WriteFile(filepath.Join(code, "app.py"), []byte(numericHandler), 0o644)); err != nil {
		return nil, err
	}
	spec, err := p.code(ctx, code, "python3.11", "app.handler")
	if err != nil {
		return nil, err
	}
	number := 0
	got, err := alternate(l.atLeast(50).rounds, []string{"zygote", "cell"}, func(side string) (float64, error) {
		number++
		return p.firstFrom(ctx, side, number, spec)
	})
	if err != nil {
		return nil, err
	}
	own := got.median("zygote")
	return []result{judge(own <= 15, result{
		Asked: "first answer from a zygote, Docker, Python handler never called before that imports numpy and onnxruntime",
		Bound: "at most 15 ms",
		Measured: fmt.Sprintf("%.1f ms (p99 %.1f), saving imports of %.0f ms; from an empty cell %.0f ms",
			own, got.p99("zygote"), imports, got.median("cell")),
		Medians: got.medians("ms"),
	})}, nil
}

// firstFrom measures the first answer of a new function from what side names.
func (p *platform) firstFrom(ctx context.Context, side string, number int, spec rouse.Spec) (float64, error) {
	if side == "zygote" {
		spec.Zygote = append([]string{"json"}, numericModules...)
	}
	name := rouse.FunctionName(fmt.Sprintf("numeric-%d", number))
	settings := rouse.DefaultSettings()
	if err := p.deploy(ctx, name, spec, settings); err != nil {
		return 0, err
	}
	ready := until(ctx, func() (bool, error) {
		s, err := p.Status(ctx)
		return err == nil && s.Cells != nil && s.Cells.Ready > s.Cells.Zygotes && s.Cells.Making == 0 && (side == "cell" || s.Cells.Zygotes > 0), err
	})
	if err := errors.Join(p.gone(ctx), ready); err != nil {
		return 0, err
	}
	took, err := post(ctx, http.DefaultClient, p.address(name), body, http.StatusOK)
	if err != nil {
		return 0, err
	}
	list, err := p.Instances(ctx)
	if err != nil || len(list) != 1 || string(list[0].Tier) != side {
		return 0, errors.Join(err, fmt.Errorf("the start was not from a %s: %+v", side, list))
	}
	return milliseconds(took), p.Delete(ctx, name, false)
}

// buildNumeric makes numericImage, with packages from the user's cache.
func (l *lab) buildNumeric(ctx context.Context) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	packages := filepath.Join(cache, "rouse-bench", "python3.11-"+strings.Join(numericPackages, "-"))
	if _, err := os.Stat(packages); err != nil {
		fetch := append([]string{
			"-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:",
			"--python-version", "3.11", "--target", packages + ".new",
		}, numericPackages...)
		if out, err := exec.CommandContext(ctx, "python3", fetch...).CombinedOutput(); err != nil {
			return fmt.Errorf("fetching %v: %w: %s", numericPackages, err, out)
		}
		if err := os.Rename(packages+".new", packages); err != nil {
			return err
		}
	}
	// One of the folders is where the base's interpreter looks, be it Debian's or Python's own.
	recipe := "FROM rouse/python3.11\nCOPY . /usr/lib/numeric\n" +
		"RUN for d in dist-packages site-packages; do mkdir -p /usr/local/lib/python3.11/$d && echo /usr/lib/numeric > /usr/local/lib/python3.11/$d/numeric.pth; done\n"
	file := filepath.Join(l.dir, "Dockerfile")
	if err := os.WriteFile(file, []byte(recipe), 0o644); err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "docker", "build", "--quiet", "-t", numericImage, "-f", file, packages)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w: %s", numericImage, err, out)
	}
	return nil
}

// numericImports is how long the imports take in a container of the image, the
// median of five, in milliseconds.
func numericImports(ctx context.Context) (float64, error) {
	const program = "import time; began = time.perf_counter(); import numpy, onnxruntime; print((time.perf_counter() - began) * 1000)"
	got, err := alternate(5, []string{"imports"}, func(string) (float64, error) {
		out, err := exec.CommandContext(ctx, "docker", "run", "--rm", "--network", "none", "--entrypoint", "python3.11", numericImage, "-c", program).Output()
		if err != nil {
			return 0, fmt.Errorf("importing %v: %w", numericModules, err)
		}
		return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	})
	if err != nil {
		return 0, err
	}
	return got.median("imports"), nil
}
