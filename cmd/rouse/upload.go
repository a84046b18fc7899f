package main

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/project"
	"github.com/rousehq/rouse/controller/artifact/pack"
	"github.com/rousehq/rouse/gateway/adminapi"
)

// modelName is where a model's runtime finds it among its code.
const modelName = "model.onnx"

// upload sends a function's code or model and returns how a spec names it.
func (d deployer) upload(ctx context.Context, dir string, fn project.Named, show *progress) (rouse.Artifact, error) {
	what := fn.Code
	if fn.Model != "" {
		what = fn.Model
	}
	path := project.Path(dir, what)
	show.say("%s: uploading %s", fn.Name, what)
	tick := func(sent int64) { show.tick("%s: uploading %s, %s", fn.Name, what, sizeText(sent)) }
	if fn.Model == "" {
		added, err := d.uploadTree(ctx, "code", what, path, tick)
		return rouse.Artifact{Code: added.Digest, Size: added.Size}, err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return rouse.Artifact{}, rouse.Errorf(rouse.Invalid, "model %s: no such file", what)
	case err != nil:
		return rouse.Artifact{}, rouse.Errorf(rouse.Invalid, "model: %v", err)
	case info.IsDir():
		return rouse.Artifact{}, rouse.Errorf(rouse.Invalid, "model %s: is a folder; name the ONNX file", what)
	}
	added, err := d.send(ctx, -1, func(w io.Writer) error { return packModel(w, path) }, tick)
	return rouse.Artifact{Code: added.Digest, Size: added.Size}, err
}

// uploadLayers sends a function's layers and returns how a spec names them.
func (d deployer) uploadLayers(ctx context.Context, dir string, fn project.Named, show *progress) (digests []string, err error) {
	for _, layer := range fn.Layers {
		show.say("%s: uploading %s", fn.Name, layer)
		added, err := d.uploadTree(ctx, "layer", layer, project.Path(dir, layer), func(sent int64) {
			show.tick("%s: uploading %s, %s", fn.Name, layer, sizeText(sent))
		})
		if err != nil {
			return nil, err
		}
		digests = append(digests, added.Digest)
	}
	return digests, nil
}

// uploadTree sends a folder or an archive, which the user called what.
func (d deployer) uploadTree(ctx context.Context, field, what, path string, sent func(int64)) (adminapi.Artifact, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return adminapi.Artifact{}, rouse.Errorf(rouse.Invalid, "%s %s: no such file or folder", field, what)
	case err != nil:
		return adminapi.Artifact{}, rouse.Errorf(rouse.Invalid, "%s: %v", field, err)
	case info.IsDir():
		return d.send(ctx, -1, func(w io.Writer) error {
			_, err := pack.Dir(ctx, w, path)
			return err
		}, sent)
	case filepath.Ext(path) != ".zip":
		return adminapi.Artifact{}, rouse.Errorf(rouse.Invalid, "%s %s: must be a folder or a .zip archive", field, what)
	}
	return d.send(ctx, info.Size(), func(w io.Writer) error { return copyFile(w, path) }, sent)
}

// send uploads what write writes while it is being written.
func (d deployer) send(ctx context.Context, size int64, write func(io.Writer) error, sent func(int64)) (adminapi.Artifact, error) {
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := write(&counter{w: w, sent: sent})
		w.CloseWithError(err)
		written <- err
	}()
	added, err := d.client.Upload(ctx, r, size)
	r.CloseWithError(io.ErrClosedPipe)
	if writeErr := <-written; writeErr != nil && writeErr != io.ErrClosedPipe {
		return added, writeErr // the reason why the upload broke off
	}
	return added, err
}

// counter tells how much has been written, a few times a second.
type counter struct {
	w    io.Writer
	n    int64
	told time.Time
	sent func(int64)
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	if now := time.Now(); now.Sub(c.told) > 100*time.Millisecond {
		c.told = now
		c.sent(c.n)
	}
	return n, err
}

// packModel makes an archive of one model file; equal models make equal bytes.
func packModel(w io.Writer, path string) error {
	archive := zip.NewWriter(w)
	entry, err := archive.CreateHeader(&zip.FileHeader{Name: modelName, Method: zip.Deflate})
	if err != nil {
		return err
	}
	if err := copyFile(entry, path); err != nil {
		return err
	}
	return archive.Close()
}

func copyFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return rouse.Errorf(rouse.Invalid, "%v", err)
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
