package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/rousehq/rouse"
)

// largeImage is an image of 1 GB in 30 layers, with the function's program in one
// that is neither the first nor the last.
const (
	largeImage  = "rouse-bench-large"
	largeLayers = 30
	layerFiles  = 100
	fileSize    = 1_000_000_000 / (largeLayers * layerFiles)
)

// cellImage measures the first answer of a static program in a large image, from
// a spare cell, beside the engine's own create, start and first answer.
func cellImage(ctx context.Context, l *lab) (results []result, err error) {
	if err := l.loadLarge(ctx); err != nil {
		return nil, err
	}
	e := newEngine()
	defer func() {
		err = errors.Join(err, e.call(context.WithoutCancel(ctx), "DELETE", "/images/"+largeImage+"?force=1", nil, nil))
	}()
	spec := rouse.DefaultSpec()
	spec.Artifact.Image = largeImage
	plain, err := l.plainOf(ctx, spec)
	if err != nil {
		return nil, err
	}
	p, err := l.serve("cell-image", "docker", "--cells", "2")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	began := time.Now()
	if err := p.deploy(ctx, "unpacks-it", spec, rouse.DefaultSettings()); err != nil {
		return nil, err
	}
	unpacked := time.Since(began)
	got, err := l.atLeast(50).neverCalled(ctx, p, spec, "engine", func() (float64, error) {
		took, err := plain.first(ctx)
		return milliseconds(took), err
	})
	if err != nil {
		return nil, err
	}
	own, engine := got.median("rouse"), got.median("engine")
	return []result{
		judge(own <= 15, result{
			Asked:    "first answer from a spare cell, Docker, static program in an image of 1 GB in 30 layers, never called before, beside the engine's own create, start and first answer",
			Bound:    "at most 15 ms",
			Measured: fmt.Sprintf("%.1f ms, p99 %.1f ms, 1/%.0f (engine %.0f ms)", own, got.p99("rouse"), engine/own, engine),
			Medians:  got.medians("ms"),
		}),
		{
			Asked:    "deploying that image, which unpacks what the engine saves of it, once",
			Measured: fmt.Sprintf("%.1f s, %.0f MB/s", unpacked.Seconds(), 1e3/unpacked.Seconds()),
			Verdict:  recorded,
		},
	}, nil
}

// plainOf is the container that Rouse makes for a function of spec where it has no cells.
func (l *lab) plainOf(ctx context.Context, spec rouse.Spec) (made *container, err error) {
	p, err := l.serve("plain-image", "docker")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := p.deploy(ctx, "large", spec, rouse.DefaultSettings()); err != nil {
		return nil, err
	}
	return l.likeOf(ctx, p, p.address("large"))
}

// loadLarge has the engine load the large image.
func (l *lab) loadLarge(ctx context.Context) error {
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := writeLarge(w, filepath.Join(l.function, "bootstrap"))
		w.CloseWithError(err)
		written <- err
	}()
	err := newEngine().send(ctx, "/images/load?quiet=1", r)
	r.CloseWithError(io.ErrClosedPipe)
	return errors.Join(err, <-written)
}

// send posts a stream that the engine answers with a line of progress.
func (e *engine) send(ctx context.Context, path string, body io.Reader) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://docker"+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-tar")
	res, err := e.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && (res.StatusCode >= 400 || bytes.Contains(answer, []byte(`"error"`))) {
		err = fmt.Errorf("%s: %s: %s", path, res.Status, answer)
	}
	return err
}

// writeLarge writes the large image as an engine saves one. Its content is noise, which
// no compression makes small, and the same each time.
func writeLarge(to io.Writer, program string) error {
	content, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	out := tar.NewWriter(to)
	var ids, names []string
	for n := range largeLayers {
		layer, err := largeLayer(n, content)
		if err != nil {
			return err
		}
		digest := sha256.Sum256(layer)
		name := fmt.Sprintf("%d/layer.tar", n)
		ids, names = append(ids, "sha256:"+hex.EncodeToString(digest[:])), append(names, name)
		if err := addFile(out, name, 0o644, layer); err != nil {
			return err
		}
	}
	config, err := json.Marshal(map[string]any{
		"os": "linux", "architecture": runtime.GOARCH,
		"config": map[string]any{"Entrypoint": []string{"/var/task/bootstrap"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": ids},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal([]any{map[string]any{"Config": "config.json", "RepoTags": []string{largeImage + ":latest"}, "Layers": names}})
	if err != nil {
		return err
	}
	return errors.Join(addFile(out, "config.json", 0o644, config), addFile(out, "manifest.json", 0o644, manifest), out.Close())
}

func largeLayer(n int, program []byte) ([]byte, error) {
	var b bytes.Buffer
	out := tar.NewWriter(&b)
	if n == largeLayers/2 {
		if err := addFile(out, "var/task/bootstrap", 0o755, program); err != nil {
			return nil, err
		}
	}
	noise := rand.NewChaCha8([32]byte{byte(n)})
	content := make([]byte, fileSize)
	for i := range layerFiles {
		noise.Read(content) //nolint:errcheck // it never fails
		if err := addFile(out, fmt.Sprintf("usr/share/layer%d/%d", n, i), 0o644, content); err != nil {
			return nil, err
		}
	}
	err := out.Close()
	return b.Bytes(), err
}

func addFile(out *tar.Writer, name string, mode int64, content []byte) error {
	if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content)), Format: tar.FormatUSTAR}); err != nil {
		return err
	}
	_, err := out.Write(content)
	return err
}
