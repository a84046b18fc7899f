package docker

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"golang.org/x/sys/unix"

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
	stopSignal int // 0 where the image says nothing of it
	port       int // the one TCP port that the image exposes; 0 when it is none or several
}

// exposed is the one TCP port among what an image exposes ("8080/tcp"), or 0.
func exposed(ports []string) int {
	found := 0
	for _, p := range ports {
		number, protocol, _ := strings.Cut(p, "/")
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil || protocol != "" && protocol != "tcp" {
			continue
		}
		if found != 0 {
			return 0
		}
		found = int(n)
	}
	return found
}

// signalOf reads an image's stop signal as Docker does: SIGQUIT, QUIT, 3 or
// SIGRTMIN+3. What is none is 0.
func signalOf(s string) int {
	const last, realTime = 64, 34 // RTMIN of the C library, which engines count from
	if n, err := strconv.Atoi(s); err == nil {
		if n < 1 || n > last {
			return 0
		}
		return n
	}
	name := "SIG" + strings.TrimPrefix(strings.ToUpper(s), "SIG")
	if plus, ok := strings.CutPrefix(name, "SIGRTMIN"); ok {
		n, err := strconv.Atoi(strings.TrimPrefix(plus, "+"))
		if plus == "" {
			return realTime
		}
		if err != nil || n < 0 || realTime+n > last {
			return 0
		}
		return realTime + n
	}
	return int(unix.SignalNum(name))
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
			img.stopSignal = signalOf(c.StopSignal)
			var ports []string
			for port := range c.ExposedPorts {
				ports = append(ports, string(port))
			}
			img.port = exposed(ports)
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

// forgetImage has an image looked at again before it is used, and says whether it was
// remembered.
func (d *Driver) forgetImage(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, known := d.images[id]
	delete(d.images, id)
	return known
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
