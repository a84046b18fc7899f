package main

import (
	"context"
	"io"
	"maps"
	"slices"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/artifact/rootfs"
	"github.com/rousehq/rouse/controller/driver/docker"
)

// roots is the store of unpacked images as the docker driver wants it.
type roots struct{ *rootfs.Store }

var _ docker.Roots = roots{}

func (r roots) Has(imageID string) bool {
	_, ok := r.Root(imageID)
	return ok
}

func (r roots) Layers(imageID string, targets map[string]bool) ([]string, error) {
	root, ok := r.Root(imageID)
	if !ok {
		return nil, rouse.Errorf(rouse.NotFound, "the image is not unpacked")
	}
	var folders, files []string
	for _, target := range slices.Sorted(maps.Keys(targets)) {
		if targets[target] {
			folders = append(folders, target)
		} else {
			files = append(files, target)
		}
	}
	skeleton, err := r.Skeleton(root, folders, files)
	if err != nil {
		return nil, err
	}
	return append([]string{skeleton}, root.Layers...), nil
}

func (r roots) Unpack(ctx context.Context, imageID string, saved io.Reader, report func(string)) error {
	_, err := r.Store.Unpack(ctx, imageID, saved, report)
	return err
}

func (r roots) Collect(ctx context.Context, inUse func(imageID string) bool) ([]string, error) {
	return r.Store.Collect(ctx, inUse, rootfs.Mounted)
}
