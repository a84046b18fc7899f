package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
	imageapi "github.com/docker/docker/api/types/image"
	registryapi "github.com/docker/docker/api/types/registry"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// Registry has images that the engine has not.
type Registry interface {
	// Fetch has what ref means now unpacked among the Roots, straight from its
	// registry. It blocks as long as that takes; report may be nil. An Invalid
	// error is the image's own; after others the engine may fare better.
	Fetch(ctx context.Context, ref string, report func(string)) (Unpacked, error)
	// Unpacked finds an image that was fetched or saved. It does not block.
	Unpacked(imageID string) (Unpacked, bool)
	// Login finds who is to read ref; the zero Login when nobody in particular is.
	Login(ctx context.Context, ref string) (Login, error)
}

// Unpacked is an image among the Roots.
type Unpacked struct {
	ID         string
	Source     string // what to pull to have the very same; "" when that is not known
	OS, Arch   string
	Size       rouse.Bytes
	Env        []string
	Entrypoint []string
	Cmd        []string
	Dir, User  string
	Volumes    []string
	StopSignal string
	Ports      []string // exposed ones: "8080/tcp"
}

// Login proves to a registry who asks.
type Login struct {
	Username, Password           string
	IdentityToken, RegistryToken string
}

func (u Unpacked) image() image {
	return image{
		id: u.ID, source: u.Source, os: u.OS, arch: u.Arch, size: u.Size, env: u.Env, entrypoint: u.Entrypoint, cmd: u.Cmd,
		dir: u.Dir, user: u.User, volumes: u.Volumes,
		stopSignal: signalOf(u.StopSignal), port: exposed(u.Ports),
	}
}

// find is inspect, also for an image that only the Roots have.
func (d *Driver) find(ctx context.Context, ref string) (image, error) {
	img, err := d.inspect(ctx, ref)
	if errdefs.IsNotFound(err) && d.Registry != nil {
		if u, ok := d.Registry.Unpacked(ref); ok {
			return u.image(), nil
		}
	}
	return img, err
}

// bring has the engine pull the image of a class that it does not have, for a
// container of its own, and returns it as the engine knows it.
func (d *Driver) bring(ctx context.Context, c driver.Class) (image, error) {
	source := c.Source
	if source == "" && d.Registry != nil {
		u, _ := d.Registry.Unpacked(c.Image)
		source = u.Source
	}
	if source == "" {
		return image{}, gone(c.Image, nil)
	}
	img, err := d.inspect(ctx, source)
	if !errdefs.IsNotFound(err) {
		return img, err
	}
	d.Log.Info("a container needs an image that the engine does not have; it is pulled", "image", source)
	if err := d.pull(ctx, source, nil); err != nil {
		if ctx.Err() != nil {
			return image{}, ctx.Err()
		}
		return image{}, &rouse.Error{
			Code:    rouse.StartFailed,
			Message: fmt.Sprintf("image %s: no cell can be used for it, and the engine cannot pull it", source),
			Cause:   err,
		}
	}
	return d.inspect(ctx, source)
}

// fetch has an image that the engine does not have: unpacked, straight from its
// registry, and where that does not work pulled by the engine. It blocks as long
// as that takes, and while enough others are on their way.
func (d *Driver) fetch(ctx context.Context, ref string, report func(string)) (image, error) {
	end, err := d.downloads.begin(ctx, ref, report)
	if err != nil {
		return image{}, err
	}
	defer end()
	if d.Registry == nil || d.NoCells() != "" {
		return d.pulled(ctx, ref, report, nil)
	}
	u, err := d.Registry.Fetch(ctx, ref, report)
	if err == nil {
		return u.image(), nil
	}
	if ctx.Err() != nil || isOwn(err) {
		return image{}, err
	}
	d.Log.Warn("an image cannot be fetched; the engine is asked to pull it", "image", ref, "error", err)
	return d.pulled(ctx, ref, report, err)
}

// pulled is an image that the engine pulls. direct is why it had to, or nil; it
// says more than an engine does.
func (d *Driver) pulled(ctx context.Context, ref string, report func(string), direct error) (image, error) {
	if report != nil {
		report("pulling image " + ref)
	}
	err := d.pull(ctx, ref, report)
	if err == nil {
		return d.inspect(ctx, ref)
	}
	if errdefs.IsInvalidArgument(err) || ctx.Err() != nil {
		return image{}, err
	}
	why := err.Error()
	if known := (*rouse.Error)(nil); errors.As(direct, &known) {
		why = strings.TrimPrefix(known.Message, "image "+ref+": ")
	}
	return image{}, &rouse.Error{
		Code:    rouse.StartFailed,
		Message: fmt.Sprintf("image %s: not on this engine and cannot be pulled: %s", ref, why),
		Cause:   errors.Join(direct, err, answered(err)),
	}
}

// answered is what an engine's error says that the registry's answer was; nil
// when it does not. Engines put both into one status.
func answered(err error) error {
	switch {
	case errdefs.IsUnauthorized(err), errdefs.IsPermissionDenied(err), strings.Contains(err.Error(), "denied"):
		return rouse.ErrImageDenied
	case errdefs.IsNotFound(err), strings.Contains(err.Error(), "manifest unknown"):
		return rouse.ErrNoImage
	}
	return nil
}

// isOwn says whether an error is an image's own, which no other way mends.
func isOwn(err error) bool {
	var e *rouse.Error
	return errors.As(err, &e) && e.Code == rouse.Invalid
}

// pull has the engine pull an image as whoever may read it.
func (d *Driver) pull(ctx context.Context, ref string, report func(string)) error {
	var options imageapi.PullOptions
	if d.Registry != nil {
		login, err := d.Registry.Login(ctx, ref)
		if err != nil {
			return err
		}
		if login != (Login{}) {
			options.RegistryAuth, err = registryapi.EncodeAuthConfig(registryapi.AuthConfig{
				Username: login.Username, Password: login.Password,
				IdentityToken: login.IdentityToken, RegistryToken: login.RegistryToken,
			})
			if err != nil {
				return err
			}
		}
	}
	return d.pullAs(ctx, ref, options, report)
}
