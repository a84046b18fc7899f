package rootfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/rousehq/rouse"
)

// Published is an image that can be had layer by layer.
type Published struct {
	Name    string // for people
	Source  string // what to ask for to have the very same, later
	ImageID string // the digest of Config
	Config  []byte
	Layers  []Blob // as the configuration has them, bottom first
	// Open asks for a layer's bytes from an offset on, and says at which they
	// really begin: there or at 0. Fetch closes what it returns. An Error is the
	// last word; after any other error, of reading too, Fetch asks again.
	Open func(ctx context.Context, b Blob, from int64) (body io.ReadCloser, at int64, err error)
}

// Blob is a layer as it is published, packed or not.
type Blob struct {
	Digest string
	Size   int64
}

// atOnce is how many layers are downloaded at the same time.
const atOnce = 3

// Fetch has an image in the store and returns it, as Unpack does, with the same
// errors. What is here already is not asked for: neither layers, whichever image
// and way they came by, nor the bytes of a download that broke off. Those of a
// failed Fetch stay for the next one, as long as Options.Grace.
//
// Every byte is checked twice: a blob against its digest before anything in it is
// read, and its tar against the digest in the configuration.
func (s *Store) Fetch(ctx context.Context, p Published, report func(string)) (Root, error) {
	if root, ok := s.Root(p.ImageID); ok && root.Source == p.Source {
		return root, nil
	}
	if report == nil {
		report = func(string) {}
	}
	root, err := s.fetch(ctx, p, report)
	return root, explain(err)
}

func (s *Store) fetch(ctx context.Context, p Published, report func(string)) (Root, error) {
	if err := s.Probe(); err != nil {
		return Root{}, err
	}
	if digestOf(p.Config) != p.ImageID {
		return Root{}, rouse.Errorf(rouse.Invalid, "image id %s: the configuration that was sent is another one's", quote(p.ImageID))
	}
	var config document
	if err := json.Unmarshal(p.Config, &config); err != nil {
		return Root{}, rouse.Errorf(rouse.Invalid, "%s: it describes no image: %w", quote(p.ImageID), err)
	}
	if err := config.check(); err != nil {
		return Root{}, err
	}
	in := &intake{
		store: s, report: func(string) {}, // the meter tells of all layers together
		left: int64(s.options.MaxBytes),
		seen: map[string]layerInfo{},
	}
	wanted, err := in.missing(config.RootFS.DiffIDs, p.Layers)
	if err != nil {
		return Root{}, err
	}
	if err := in.fetch(ctx, p, wanted, newMeter(p.Name, len(p.Layers), wanted, report)); err != nil {
		return Root{}, err
	}
	return in.join(p.ImageID, p.Source, config)
}

// wanted is a layer that is not here.
type wanted struct {
	Blob
	diffID string
}

// missing notes the layers that are here and lists the others, each once.
func (in *intake) missing(diffIDs []string, blobs []Blob) (list []wanted, err error) {
	if len(blobs) != len(diffIDs) {
		return nil, rouse.Errorf(rouse.Invalid, "the image lists %d layers and describes %d", len(blobs), len(diffIDs))
	}
	asked, total := map[string]bool{}, int64(0)
	for i, id := range diffIDs {
		name, _ := hexOf(id)
		if info, ok := in.store.layer(name); ok && in.store.renew(filepath.Join(layersDir, name)) {
			if _, err := in.note(name, info); err != nil {
				return nil, err
			}
			continue
		}
		if asked[id] {
			continue
		}
		asked[id] = true
		if _, ok := hexOf(blobs[i].Digest); !ok || blobs[i].Size <= 0 {
			return nil, rouse.Errorf(rouse.Invalid, "layer %d: %s of %d bytes is none", i+1, quote(blobs[i].Digest), blobs[i].Size)
		}
		if total += blobs[i].Size; total > int64(in.store.options.MaxBytes) || blobs[i].Size > int64(in.store.options.MaxBytes) {
			return nil, tooLarge(in.store.options.MaxBytes)
		}
		list = append(list, wanted{blobs[i], id})
	}
	return list, nil
}

// fetch downloads layers, some at once, and unpacks each as soon as it is whole.
func (in *intake) fetch(ctx context.Context, p Published, list []wanted, m *meter) error {
	g, ctx := errgroup.WithContext(ctx)
	whole := make(chan held)
	slots := make(chan struct{}, atOnce)
	g.Go(func() error {
		for range list {
			select {
			case h := <-whole:
				if err := in.take(ctx, h, m); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	g.Go(func() error {
		for _, w := range list {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			g.Go(func() error {
				defer func() { <-slots }()
				return in.store.obtain(ctx, p, w, m, whole)
			})
		}
		return nil
	})
	return g.Wait()
}

// held is a blob on disk that nobody else downloads until it is released.
type held struct {
	wanted
	file    string // "" when another brought the layer here meanwhile
	release func()
}

// obtain downloads a layer and hands it on.
func (s *Store) obtain(ctx context.Context, p Published, w wanted, m *meter, whole chan<- held) error {
	release, err := s.downloads.claim(ctx, w.Digest)
	if err != nil {
		return err
	}
	h := held{wanted: w, release: release}
	name, _ := hexOf(w.diffID)
	if _, here := s.layer(name); here {
		m.add(w.Size)
	} else if h.file, err = s.download(ctx, p, w.Blob, m); err != nil {
		release()
		return err
	}
	select {
	case whole <- h:
		return nil
	case <-ctx.Done():
		release()
		return ctx.Err()
	}
}

// take unpacks what was downloaded.
func (in *intake) take(ctx context.Context, h held, m *meter) error {
	defer h.release()
	name, _ := hexOf(h.diffID)
	if info, ok := in.store.layer(name); h.file == "" && ok && in.store.renew(filepath.Join(layersDir, name)) {
		_, err := in.note(name, info)
		m.unpacked()
		return err
	}
	f, err := os.Open(h.file)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read-only
	got, err := in.unpack(ctx, &source{ctx: ctx, r: f}, h.Size)
	if ctx.Err() == nil { // it is used, or of no use to anybody
		err = errors.Join(err, os.Remove(h.file))
	}
	if err != nil {
		return err
	}
	if got != h.diffID {
		return rouse.Errorf(rouse.Invalid, "layer %s: it unpacks to %s, and the image says %s", h.Digest, got, h.diffID)
	}
	m.unpacked()
	return nil
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}
