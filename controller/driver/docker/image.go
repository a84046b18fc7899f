package docker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/errdefs"

	"github.com/rousehq/rouse"
)

// runtimePrefix marks a class whose image is a runtime's base.
const runtimePrefix = "runtime:"

// image is what matters of an image's configuration.
type image struct {
	id         string
	source     string // what to pull to have the very same; "" when that is not known
	arch, os   string
	size       rouse.Bytes
	env        []string
	entrypoint []string
	cmd        []string
	dir        string
	user       string // as the image says: names, numbers or nothing
	volumes    []string
}

// argv is what the image runs for spec. A handler stands in for the arguments,
// as it does for AWS Lambda's own images.
func (i image) argv(spec rouse.Spec) []string {
	entrypoint, cmd := i.entrypoint, i.cmd
	if c := spec.Image; c != nil {
		if len(c.EntryPoint) > 0 {
			// As with Docker, the image's own arguments belong to its own entry point.
			entrypoint, cmd = c.EntryPoint, nil
		}
		if len(c.Command) > 0 {
			cmd = c.Command
		}
	}
	if spec.Handler != "" {
		cmd = []string{spec.Handler}
	}
	return slices.Concat(entrypoint, cmd)
}

// base is the image of a class, as the engine knows it.
func (d *Driver) base(class string) (ref string, err error) {
	if runtime, ok := strings.CutPrefix(class, runtimePrefix); ok {
		return d.Planner.Image(runtime)
	}
	return class, nil
}

// inspect asks the engine for an image. One that is not there is an error for
// which errdefs.IsNotFound holds.
func (d *Driver) inspect(ctx context.Context, ref string) (image, error) {
	d.mu.Lock()
	img, ok := d.images[ref]
	d.mu.Unlock()
	if ok {
		return img, nil
	}
	err := call(ctx, "inspecting image "+ref, func(ctx context.Context) error {
		r, err := d.api.ImageInspect(ctx, ref)
		if err != nil {
			return err
		}
		img = image{id: r.ID, arch: r.Architecture, os: r.Os, size: rouse.Bytes(r.Size)}
		if c := r.Config; c != nil {
			img.env, img.entrypoint, img.cmd = c.Env, c.Entrypoint, c.Cmd
			img.dir, img.user = c.WorkingDir, c.User
			for volume := range c.Volumes {
				img.volumes = append(img.volumes, volume)
			}
			slices.Sort(img.volumes)
		}
		return nil
	})
	if err != nil {
		return image{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	const most = 1024 // the cache only saves a millisecond
	if len(d.images) >= most {
		clear(d.images)
	}
	d.images[img.id] = img
	if ref != img.id {
		d.know(ref, img)
	}
	return img, nil
}

// missing says that an image has gone since its function was deployed.
func missing(class string, err error) error {
	if !errdefs.IsNotFound(err) {
		return err
	}
	return gone(class, err)
}

func gone(class string, cause error) error {
	return &rouse.Error{
		Code:    rouse.StartFailed,
		Message: fmt.Sprintf("image %s: not on this engine any more; deploy the function again", strings.TrimPrefix(class, runtimePrefix)),
		Cause:   cause,
	}
}
