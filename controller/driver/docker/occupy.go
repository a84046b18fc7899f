package docker

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/docker/mount"
	"github.com/rousehq/rouse/controller/driver/internal/cgroup"
)

// hold takes hold of a cell's first process, so that it can be mounted into.
func (s *sandbox) hold() (err error) {
	if s.pid == 0 {
		return errors.New("its control group cannot be seen from here")
	}
	s.init, err = mount.Find(s.pid, func(pid int) error {
		_, err := cgroup.Of(pid, s.container)
		return err
	})
	return err
}

// alive says whether a cell still runs.
func (s *sandbox) alive() bool {
	select {
	case <-s.gone:
		return false
	default:
		return s.init.Alive() == nil
	}
}

// occupy gives a cell its revision, and says how long the mounts took. An error
// for which isUnfit holds is the cell's and not the revision's.
func (s *sandbox) occupy(ctx context.Context, rev rouse.Revision) (_ rouse.Endpoint, took time.Duration, err error) {
	if err := s.assignOnce(); err != nil {
		return rouse.Endpoint{}, 0, err
	}
	class := driver.Plain(rev)
	if !s.zygote { // which has its image
		img, err := s.d.meant(ctx, class.Image)
		if err != nil {
			return rouse.Endpoint{}, 0, &unfit{err}
		}
		s.image, s.runtime = img, strings.HasPrefix(class.Image, runtimePrefix)
	}
	root, err := s.d.rootOf(s.image, class)
	if err != nil {
		return rouse.Endpoint{}, 0, err
	}
	launch, err := s.plan(ctx, rev, func(_ context.Context, path string) (string, error) {
		content, err := mount.Read(root.Layers, path)
		if err != nil {
			return "", &unfit{err}
		}
		return content, nil
	})
	if err != nil {
		return rouse.Endpoint{}, 0, err
	}
	if rev.Spec.Artifact.Image != "" && rev.Spec.Contract == rouse.ContractLambda {
		launch.Extensions = imageExtensions(root.Layers)
	}
	if class.Writable {
		if root.Upper, err = s.makeUpper(); err != nil {
			return rouse.Endpoint{}, 0, fmt.Errorf("making a folder for what is written: %w", err)
		}
	}
	if err := s.link.Note(noteGiven, string(rev.ID)); err != nil {
		return rouse.Endpoint{}, 0, fmt.Errorf("writing a cell's record: %w", err)
	}
	began := time.Now()
	lay := s.init.Mount
	if s.zygote {
		lay = s.init.Add
	}
	if err := lay(root); err != nil {
		return rouse.Endpoint{}, 0, &unfit{fmt.Errorf("mounting into a cell: %w", err)}
	}
	took = time.Since(began)
	if launch.Fork, err = s.limitTo(ctx, class); err != nil {
		return rouse.Endpoint{}, took, &unfit{fmt.Errorf("limiting a cell: %w", err)}
	}
	launch.Enter = true
	endpoint, err := s.run(ctx, class, launch)
	return endpoint, took, err
}

// imageExtensions are the external extensions that an image brings.
func imageExtensions(layers []string) []string {
	opts := make([]string, len(layers))
	for i, layer := range layers {
		opts[i] = filepath.Join(layer, optDir)
	}
	return driver.Extensions(optDir, opts...)
}

// rootOf is what a cell's root has to be for a class.
func (d *Driver) rootOf(img image, c driver.Class) (mount.Root, error) {
	layers, err := d.Roots.Layers(img.id, targets(img, c))
	if err != nil {
		return mount.Root{}, &unfit{err}
	}
	root := mount.Root{Layers: layers, Scratch: []mount.Scratch{{Target: tmpDir, Size: int64(c.Tmp)}}}
	for _, volume := range img.volumes {
		if volume != tmpDir {
			root.Scratch = append(root.Scratch, mount.Scratch{Target: volume, Size: int64(c.Tmp)})
		}
	}
	if c.Code != "" {
		code, ok := d.Artifacts.Path(c.Code)
		if !ok {
			return mount.Root{}, errNoCode()
		}
		root.Binds = []mount.Bind{{Source: code, Target: taskDir}}
	}
	opt, err := c.Opt(d.Artifacts)
	if err != nil {
		return mount.Root{}, err
	}
	if opt != "" {
		root.Binds = append(root.Binds, mount.Bind{Source: opt, Target: optDir})
	}
	return root, nil
}
