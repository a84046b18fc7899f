package docker_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/artifact/registry"
	"github.com/rousehq/rouse/controller/artifact/rootfs"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/docker"
)

// images is the store of unpacked images as cmd/rouse joins it to the driver.
type images struct {
	*rootfs.Store
	client *registry.Client
	broken bool // layers are named that are not there
}

var (
	_ docker.Roots    = (*images)(nil)
	_ docker.Registry = (*images)(nil)
)

func newImages(t *testing.T) *images {
	t.Helper()
	store, err := rootfs.Open(t.TempDir(), rootfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	client := registry.New()
	t.Cleanup(client.CloseIdle)
	return &images{Store: store, client: client}
}

func (i *images) Has(id string) bool {
	_, ok := i.Root(id)
	return ok
}

func (i *images) Layers(id string, targets map[string]bool) ([]string, error) {
	root, ok := i.Root(id)
	if !ok {
		return nil, errors.New("not unpacked")
	}
	if i.broken {
		return []string{"/no/such/layer", "/nor/this"}, nil
	}
	var kinds [2][]string
	for _, target := range slices.Sorted(maps.Keys(targets)) {
		kind := 0
		if !targets[target] {
			kind = 1
		}
		kinds[kind] = append(kinds[kind], target)
	}
	skeleton, err := i.Skeleton(root, kinds[0], kinds[1])
	return append([]string{skeleton}, root.Layers...), err
}

func (i *images) Unpack(ctx context.Context, id string, saved io.Reader, report func(string)) error {
	_, err := i.Store.Unpack(ctx, id, saved, report)
	return err
}

func (i *images) Collect(ctx context.Context, inUse func(string) bool) ([]string, error) {
	return i.Store.Collect(ctx, inUse, rootfs.Mounted)
}

func (i *images) Fetch(ctx context.Context, ref string, report func(string)) (docker.Unpacked, error) {
	img, err := i.client.Resolve(ctx, ref)
	if err != nil {
		return docker.Unpacked{}, err
	}
	p := rootfs.Published{
		Name: ref, Source: img.Pinned, ImageID: img.ID, Config: img.Config,
		Open: func(ctx context.Context, b rootfs.Blob, from int64) (io.ReadCloser, int64, error) {
			return img.Open(ctx, registry.Layer(b), from)
		},
	}
	for _, l := range img.Layers {
		p.Layers = append(p.Layers, rootfs.Blob(l))
	}
	if _, err := i.Store.Fetch(ctx, p, report); err != nil {
		return docker.Unpacked{}, rouse.Errorf(rouse.StartFailed, "%w", err)
	}
	u, _ := i.Unpacked(img.ID)
	return u, nil
}

func (i *images) Unpacked(id string) (docker.Unpacked, bool) {
	r, ok := i.Root(id)
	return docker.Unpacked{
		ID: r.ImageID, Source: r.Source, OS: r.OS, Arch: r.Arch, Size: r.Size, Entrypoint: r.Config.Entrypoint,
		Env: r.Config.Env, Cmd: r.Config.Cmd, Dir: r.Config.WorkingDir, User: r.Config.User, Volumes: r.Config.Volumes,
		StopSignal: r.Config.StopSignal, Ports: r.Config.ExposedPorts,
	}, ok
}

func (i *images) Login(ctx context.Context, ref string) (docker.Login, error) {
	l, err := i.client.Login(ctx, ref)
	return docker.Login(l), err
}

// asCells is a driver whose every sandbox begins as a cell, and must end as one.
type asCells struct {
	*docker.Driver
	t *testing.T
}

func (d asCells) Make(ctx context.Context, c driver.Class) (driver.Sandbox, error) {
	class, ok := d.CellFor(ctx, c)
	if !ok {
		d.t.Errorf("no cell for %+v; cells are unused since %q", c, d.NoCells())
		return d.Driver.Make(ctx, c)
	}
	s, err := d.Driver.Make(ctx, class)
	if err != nil {
		return nil, err
	}
	return occupied{s, d.t}, nil
}

type occupied struct {
	driver.Sandbox
	t *testing.T
}

func (o occupied) Assign(ctx context.Context, rev rouse.Revision) (rouse.Endpoint, error) {
	endpoint, err := o.Sandbox.Assign(ctx, rev)
	if tier, _ := o.Sandbox.(driver.Placed).Placed(); err == nil && tier != rouse.TierCell {
		o.t.Error("a container had to stand in for a cell")
	}
	return endpoint, err
}
