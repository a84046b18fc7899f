package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"strings"

	"github.com/containerd/errdefs"
	imageapi "github.com/docker/docker/api/types/image"

	"github.com/rousehq/rouse/controller/driver/docker/mount"
)

// cellImage is a cell's image: folders to mount on, and nothing else. The
// number changes with its content.
const cellImage = "rouse/cell:1"

// ensureCellImage makes the cells' image unless the engine has it.
func (d *Driver) ensureCellImage(ctx context.Context) (image, error) {
	img, err := d.inspect(ctx, cellImage)
	if !errdefs.IsNotFound(err) {
		return img, err
	}
	files, err := emptyFolders("dev/", "etc/", "proc/", "sys/", strings.TrimPrefix(socketDir, "/")+"/", strings.TrimPrefix(mount.Staging, "/")+"/")
	if err != nil {
		return image{}, err
	}
	err = call(ctx, "importing the cells' image", func(ctx context.Context) error {
		progress, err := d.api.ImageImport(ctx, imageapi.ImportSource{Source: files, SourceName: "-"}, cellImage, imageapi.ImportOptions{})
		if err != nil {
			return err
		}
		defer progress.Close()
		_, err = io.Copy(io.Discard, progress)
		return err
	})
	if err != nil {
		return image{}, err
	}
	return d.inspect(ctx, cellImage)
}

func emptyFolders(names ...string) (io.Reader, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755}); err != nil {
			return nil, err
		}
	}
	return &b, w.Close()
}
