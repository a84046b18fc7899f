package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/artifact/registry"
	"github.com/rousehq/rouse/controller/artifact/rootfs"
	"github.com/rousehq/rouse/controller/driver/docker"
)

// published is where the docker driver has images from that its engine lacks.
type published struct {
	client *registry.Client
	roots  *rootfs.Store // nil when no cells are wanted
}

var _ docker.Registry = published{}

func (p published) Login(ctx context.Context, ref string) (docker.Login, error) {
	login, err := p.client.Login(ctx, ref)
	return docker.Login(login), err
}

func (p published) Unpacked(imageID string) (docker.Unpacked, bool) {
	if p.roots == nil {
		return docker.Unpacked{}, false
	}
	root, ok := p.roots.Root(imageID)
	return unpacked(root), ok
}

// Fetch has the layers that are not here downloaded and unpacked. What is wrong
// with them may be to the engine's taste.
func (p published) Fetch(ctx context.Context, ref string, report func(string)) (docker.Unpacked, error) {
	defer p.client.CloseIdle() // the next image may be days away
	img, err := p.client.Resolve(ctx, ref)
	if err != nil {
		return docker.Unpacked{}, err
	}
	what := rootfs.Published{
		Name: ref, Source: img.Pinned, ImageID: img.ID, Config: img.Config,
		Open: func(ctx context.Context, b rootfs.Blob, from int64) (io.ReadCloser, int64, error) {
			return img.Open(ctx, registry.Layer(b), from)
		},
	}
	for _, l := range img.Layers {
		what.Layers = append(what.Layers, rootfs.Blob(l))
	}
	root, err := p.roots.Fetch(ctx, what, report)
	var known *rouse.Error
	if errors.As(err, &known) && known.Code != rouse.Unavailable {
		err = &rouse.Error{Code: rouse.StartFailed, Message: fmt.Sprintf("image %s: %s", ref, known.Message), Cause: err}
	}
	return unpacked(root), err
}

func unpacked(r rootfs.Root) docker.Unpacked {
	return docker.Unpacked{
		ID: r.ImageID, Source: r.Source, OS: r.OS, Arch: r.Arch, Size: r.Size,
		Env: r.Config.Env, Entrypoint: r.Config.Entrypoint, Cmd: r.Config.Cmd,
		Dir: r.Config.WorkingDir, User: r.Config.User, Volumes: r.Config.Volumes,
		StopSignal: r.Config.StopSignal, Ports: r.Config.ExposedPorts,
	}
}
