package rootfs

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

// Skeleton makes the layer to put on top of an image's own, so that there is
// something to mount on: the folders and files, absolute paths, that the image
// lacks. Where the image has a link there, what it leads to is made. Images that
// lack the same share it. What is there already is left alone, and the layer is
// never "", so that overlayfs always has two to join.
//
// It blocks on the disk at an image's first start and is quick afterwards. The
// error is Invalid when the image has a file where a folder has to be, or a
// folder where a file has to be.
func (s *Store) Skeleton(root Root, folders, emptyFiles []string) (layer string, err error) {
	key := strings.Join(slices.Concat([]string{root.ImageID, ""}, folders, []string{""}, emptyFiles), "\x00")
	s.mu.Lock()
	layer, ok := s.made[key]
	if ok {
		s.used[filepath.Base(filepath.Dir(layer))] = time.Now()
	}
	s.mu.Unlock()
	if ok {
		return layer, nil
	}
	p, err := skeleton(root.Layers, folders, emptyFiles)
	if err != nil {
		return "", err
	}
	name, err := s.make("skeleton", p)
	if err != nil {
		return "", explain(err)
	}
	layer = filepath.Join(s.dir, name, files)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made[key] = layer
	return layer, nil
}

func skeleton(v view, folders, emptyFiles []string) (plan, error) {
	p := plan{}
	top, err := v.like(0, ".")
	if err != nil {
		return nil, err
	}
	p["."] = top
	for _, name := range folders {
		if err := p.want(v, name, entry{mode: 0o755}); err != nil {
			return nil, err
		}
	}
	for _, name := range emptyFiles {
		if err := p.want(v, name, entry{file: true, mode: 0o644}); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// want plans a mount point, unless the image has it.
func (p plan) want(v view, name string, e entry) error {
	way, err := v.walk(name)
	if err != nil {
		return err
	}
	last := way[len(way)-1]
	if planned, ok := p[last.path]; ok && !last.exists() {
		last = node{path: last.path, in: []int{0}}
		if last.stat.Mode = unix.S_IFDIR; planned.file {
			last.stat.Mode = unix.S_IFREG
		}
	}
	switch {
	case last.exists() && e.file && last.isDir():
		return rouse.Errorf(rouse.Invalid, "%s: this image has a folder there, where a file is needed", name)
	case last.exists() && !e.file && !last.isDir():
		return rouse.Errorf(rouse.Invalid, "%s: this image has a file there, where a folder is needed", name)
	case last.exists():
		return nil
	}
	for _, n := range way[:len(way)-1] {
		planned, ok := p[n.path]
		switch {
		case ok && planned.file:
			return rouse.Errorf(rouse.Invalid, "%s: a file is wanted at /%s too", name, n.path)
		case ok:
		case n.exists():
			if p[n.path], err = v.like(n.in[0], n.path); err != nil {
				return err
			}
		default:
			p[n.path] = entry{mode: 0o755}
		}
	}
	p[last.path] = e
	return nil
}
