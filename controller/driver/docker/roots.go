package docker

import (
	"context"
	"fmt"
	"io"
	"path"
	"sync"
	"time"

	"github.com/containerd/errdefs"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/docker/mount"
)

// Roots keeps the files of images unpacked on this host.
type Roots interface {
	// Probe says why images cannot be unpacked here.
	Probe() error
	// Layers are the folders whose overlay is the image's root, the topmost
	// first. Every one of targets, which are folders where the value is true,
	// exists in it. It may write folders; it does not wait for anybody.
	Layers(imageID string, targets map[string]bool) ([]string, error)
	// Has says whether the image is unpacked. It does not block.
	Has(imageID string) bool
	// Unpack reads what the engine saved of an image until it is unpacked. It is
	// idempotent; report, which may be nil, is told of slow steps.
	Unpack(ctx context.Context, imageID string, saved io.Reader, report func(string)) error
	// Collect removes what no image needs for which inUse holds, and nothing mounts.
	Collect(ctx context.Context, inUse func(imageID string) bool) (removed []string, err error)
}

// unpackedAtOnce is how many images are unpacked at a time: the engine writes each
// out whole, and the disk is one.
const unpackedAtOnce = 2

// unpacking sees to it that each image is unpacked by one caller at a time.
type unpacking struct {
	mu  sync.Mutex
	now map[string]chan struct{} // by image id; closed at the end
}

// begin returns nil when the caller is to unpack, and else what to wait for.
func (u *unpacking) begin(id string) <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	if other, ok := u.now[id]; ok {
		return other
	}
	if u.now == nil {
		u.now = make(map[string]chan struct{})
	}
	u.now[id] = make(chan struct{})
	return nil
}

func (u *unpacking) end(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	close(u.now[id])
	delete(u.now, id)
}

// unpack has img's files on this host, so that cells can be given them. It
// blocks until they are, or cannot be, which only makes starts slower and so
// is told rather than returned.
func (d *Driver) unpack(ctx context.Context, img image, report func(string)) {
	if d.NoCells() != "" {
		return
	}
	for !d.Roots.Has(img.id) {
		if other := d.unpacking.begin(img.id); other != nil {
			select {
			case <-other:
				continue
			case <-ctx.Done():
				return
			}
		}
		err := d.unpackNow(ctx, img, report)
		d.unpacking.end(img.id)
		if err == nil || ctx.Err() != nil {
			return
		}
		d.Log.Warn("an image cannot be unpacked; its functions start the slower way", "image", img.id, "error", err)
		if report != nil {
			report("the image cannot be unpacked, so it starts the slower way, in a container of its own")
		}
		return
	}
}

func (d *Driver) unpackNow(ctx context.Context, img image, report func(string)) error {
	if err := token(ctx, d.saving, report); err != nil {
		return err
	}
	defer func() { <-d.saving }()
	if report != nil {
		report(fmt.Sprintf("unpacking the image (%dMB), once, so that starts take milliseconds", img.size>>20))
	}
	saved, err := d.api.ImageSave(ctx, []string{img.id})
	if err != nil {
		return err
	}
	defer saved.Close()
	if err := d.Roots.Unpack(ctx, img.id, saved, report); err != nil {
		return err
	}
	d.cells.mu.Lock()
	defer d.cells.mu.Unlock()
	delete(d.hard, img.id)
	return nil
}

// unpackLater is unpack, in the background.
func (d *Driver) unpackLater(img image) {
	if other := d.unpacking.begin(img.id); other != nil {
		return
	}
	d.beside.Go(func() {
		defer d.unpacking.end(img.id)
		if err := d.unpackNow(d.life, img, nil); err != nil && d.life.Err() == nil {
			d.Log.Warn("an image cannot be unpacked; its functions start the slower way", "image", img.id, "error", err)
			var until time.Time
			if passes(err) {
				until = time.Now().Add(calmDown)
			}
			d.tooHard(img.id, until)
		}
	})
}

// passes says whether an image that could not be unpacked may be later.
func passes(err error) bool {
	return rouse.CodeOf(err) == rouse.Unavailable || unanswered(err) || errdefs.IsNotFound(err)
}

var _ driver.Collector = (*Driver)(nil)

// Collect removes the unpacked images that none of specs runs. When the engine
// cannot say which image a runtime's base is, nothing is removed.
func (d *Driver) Collect(ctx context.Context, specs []rouse.Spec) (int, error) {
	if d.Roots == nil {
		return 0, nil
	}
	used := make(map[string]bool)
	for _, spec := range specs {
		ref, err := d.base(driver.Plain(rouse.Revision{Spec: spec}).Image)
		if err != nil {
			continue // a runtime that this Rouse does not know any more
		}
		img, err := d.inspect(ctx, ref)
		if errdefs.IsNotFound(err) {
			used[ref] = true // the engine may have lost it, and we not
			continue
		}
		if err != nil {
			return 0, err
		}
		used[img.id] = true
	}
	d.cells.mu.Lock()
	for _, known := range d.named {
		used[known.image.id] = true
	}
	d.cells.mu.Unlock()
	removed, err := d.Roots.Collect(ctx, func(id string) bool { return used[id] })
	return len(removed), err
}

// targets are the places of a cell's root that something is mounted on.
func targets(img image, c driver.Class) map[string]bool {
	all := mount.Kept()
	all[tmpDir] = true
	if c.Code != "" {
		all[taskDir] = true
	}
	if c.Layers != "" {
		all[optDir] = true
	}
	for _, volume := range img.volumes {
		all[volume] = true
	}
	if path.IsAbs(img.dir) { // the engine makes one that the image has not
		all[path.Clean(img.dir)] = true
	}
	return all
}
