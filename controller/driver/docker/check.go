package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/errdefs"
	imageapi "github.com/docker/docker/api/types/image"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

var _ driver.Refuser = (*Driver)(nil)

// Refuse says which limits are beyond this host.
func (d *Driver) Refuse(spec rouse.Spec) error {
	switch {
	case spec.Memory > d.host.memory:
		return rouse.Errorf(rouse.Invalid, "memory %s: this host has %dMB", spec.Memory, d.host.memory/rouse.MB)
	case spec.CPU > float64(d.host.cores):
		return rouse.Errorf(rouse.Invalid, "cpu %g: this host has %d", spec.CPU, d.host.cores)
	}
	return nil
}

// Check finds the image, fetching it when the engine does not have it, and says
// what about it or about the limits cannot run here. It completes the spec of
// an image with the image's id and size.
func (d *Driver) Check(ctx context.Context, spec rouse.Spec, report func(string)) (rouse.Spec, error) {
	if err := d.Refuse(spec); err != nil {
		return spec, err
	}
	ref, err := spec.Artifact.Image, error(nil)
	if ref == "" {
		if ref, err = d.Planner.Image(spec.Runtime); err != nil {
			return spec, err
		}
	}
	img, err := d.asked(ctx, spec.Artifact, ref, report)
	switch {
	case errdefs.IsInvalidArgument(err):
		return spec, &rouse.Error{Code: rouse.Invalid, Message: fmt.Sprintf("image %q: not an image's name", ref), Cause: err}
	case err != nil && spec.Artifact.Image == "":
		return spec, &rouse.Error{Code: rouse.CodeOf(err), Message: fmt.Sprintf("runtime %s: its base image cannot be had: %s", spec.Runtime, public(err)), Cause: err}
	case err != nil:
		return spec, err
	case img.os != "linux" || img.arch != d.host.arch:
		return spec, rouse.Errorf(rouse.Invalid, "image %s: it is for %s/%s, and this engine runs linux/%s", ref, img.os, img.arch, d.host.arch)
	}
	if spec.Artifact.Image == "" {
		d.unpack(ctx, img, report)
		return spec, nil
	}
	if len(spec.Command) == 0 && len(img.argv(spec)) == 0 {
		return spec, rouse.Errorf(rouse.Invalid, "image %s: it has no entry point; give a command", ref)
	}
	if spec.Artifact.ImageID == "" {
		spec.Artifact.Source = img.source
	}
	spec.Artifact.ImageID, spec.Artifact.Size = img.id, img.size
	d.unpack(ctx, img, report)
	return spec, nil
}

// ownImages begins the names of Rouse's base images. They are built on the host
// and never pulled: in a registry such a name may be anybody's.
const ownImages = "rouse/"

// asked is the image that an artifact means. What its name, ref, means now does
// not matter once its id is known.
func (d *Driver) asked(ctx context.Context, a rouse.Artifact, ref string, report func(string)) (image, error) {
	if a.ImageID != "" {
		img, err := d.find(ctx, a.ImageID)
		if !errdefs.IsNotFound(err) {
			return img, err
		}
		if a.Source == "" {
			return image{}, gone(ref, err)
		}
		return d.fetch(ctx, a.Source, report)
	}
	img, err := d.inspect(ctx, ref)
	switch {
	case !errdefs.IsNotFound(err):
		return img, err
	case a.Image == "" && strings.HasPrefix(ref, ownImages):
		return image{}, rouse.Errorf(rouse.StartFailed, "%s is not on this engine: images/build.sh makes it, or rouse serve --runtime-image names another", ref)
	case a.Image == "": // which every start asks the engine for, by name
		return d.pulled(ctx, ref, report, nil)
	}
	return d.fetch(ctx, ref, report)
}

func public(err error) string {
	var e *rouse.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return "the engine refused"
}

// pullAs blocks until the engine has pulled an image.
func (d *Driver) pullAs(ctx context.Context, ref string, o imageapi.PullOptions, report func(string)) error {
	progress, err := d.api.ImagePull(ctx, ref, o)
	if err != nil {
		return err
	}
	defer progress.Close()
	for decoder := json.NewDecoder(progress); ; {
		var line struct{ ID, Status, Error string }
		switch err := decoder.Decode(&line); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case line.Error != "":
			return errors.New(line.Error)
		}
		// Lines with an id count one layer's bytes, which nobody can read.
		if report != nil && line.ID == "" && line.Status != "" {
			report(line.Status)
		}
	}
}
