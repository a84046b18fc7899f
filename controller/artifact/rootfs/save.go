package rootfs

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rousehq/rouse"
)

// The bounds on the documents in an image's stream, which are held in memory.
const (
	maxDocument  = 4 << 20
	maxDocuments = 32 << 20
)

// Unpack has an image in the store and returns it. save is what an engine's
// "save" writes, in Docker's or OCI's form; what is in it is known by its
// content, not by its names. When the image is here already save is not read.
//
// It blocks until everything is on disk. Layers that it finished stay when it
// fails or ctx ends, and need not be unpacked again. report, which may be nil, is
// told of slow steps in words for people.
//
// Errors are Invalid or TooLarge for an image that cannot be unpacked,
// Unavailable for a full disk or a stream that ended early, and one for which
// errors.ErrUnsupported holds where the host lacks what it takes. Unpack does not
// close save.
func (s *Store) Unpack(ctx context.Context, imageID string, save io.Reader, report func(string)) (Root, error) {
	if root, ok := s.Root(imageID); ok {
		return root, nil
	}
	if report == nil {
		report = func(string) {}
	}
	root, err := s.unpack(ctx, imageID, save, report)
	return root, explain(err)
}

func (s *Store) unpack(ctx context.Context, imageID string, save io.Reader, report func(string)) (Root, error) {
	if _, ok := hexOf(imageID); !ok {
		return Root{}, rouse.Errorf(rouse.Invalid, "image id %s: must be sha256: and 64 hex digits", quote(imageID))
	}
	if err := s.Probe(); err != nil {
		return Root{}, err
	}
	known, err := s.lengths()
	if err != nil {
		return Root{}, err
	}
	in := &intake{
		store: s, report: report, known: known,
		left: int64(s.options.MaxBytes),
		seen: map[string]layerInfo{},
	}
	documents, err := in.read(ctx, save)
	if err != nil {
		return Root{}, err
	}
	config, err := configOf(documents, imageID)
	if err != nil {
		return Root{}, err
	}
	return in.join(imageID, "", config)
}

// read takes the layers of a stream in and returns its documents by digest.
func (in *intake) read(ctx context.Context, save io.Reader) (map[string][]byte, error) {
	documents, held := map[string][]byte{}, int64(0)
	archive := tar.NewReader(&source{ctx: ctx, r: save})
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // names mean nothing here
			return nil, notAnImage(ctx, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue // folders, and links between equal layers
		}
		entry := &source{ctx: ctx, r: archive}
		content := bufio.NewReaderSize(entry, 128<<10)
		head, _ := content.Peek(blockSize)
		switch {
		case isLayer(head):
			_, err = in.layer(ctx, content, h.Size)
		case isDocument(head) && h.Size <= maxDocument && held+h.Size <= maxDocuments:
			var b []byte
			b, err = io.ReadAll(content)
			held += int64(len(b))
			documents[digestOf(b)] = b
		}
		// Trouble with the stream looks like trouble with the layer in it.
		if entry.err != nil {
			return nil, notAnImage(ctx, entry.err)
		}
		if err != nil {
			return nil, err
		}
	}
}

func notAnImage(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, tar.ErrHeader) {
		return rouse.Errorf(rouse.Invalid, "what was sent is no image: %w", err)
	}
	return err
}

const blockSize = 512 // of a tar

// isLayer says whether a blob begins like a tar, packed or not.
func isLayer(head []byte) bool {
	return bytes.HasPrefix(head, gzipMagic) || bytes.HasPrefix(head, zstdMagic) || isTar(head)
}

// isTar says whether a blob begins with a tar's header, or with the end of an
// empty one.
func isTar(head []byte) bool {
	if len(head) < blockSize {
		return false
	}
	const from, to = 148, 156 // where the header has its own sum, counted as spaces
	sum, zero := int64(0), true
	for i, b := range head {
		zero = zero && b == 0
		if i >= from && i < to {
			b = ' '
		}
		sum += int64(b)
	}
	said, err := strconv.ParseInt(strings.Trim(string(head[from:to]), " \x00"), 8, 64)
	return zero || err == nil && said == sum
}

func isDocument(head []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(head), []byte("{")) }

// source ends with its context and remembers what else went wrong.
type source struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		s.err = err
		return 0, err
	}
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// join records an image of which every layer is here.
func (in *intake) join(imageID, source string, d document) (Root, error) {
	s := in.store
	root := Root{ImageID: imageID, Source: source, OS: d.OS, Arch: d.Arch, Config: d.imageConfig()}
	names, infos, err := in.order(d.RootFS.DiffIDs)
	if err != nil {
		return Root{}, err
	}
	for _, info := range infos {
		root.Size += info.Size
	}
	patch, err := s.patch(names, infos)
	if err != nil {
		return Root{}, err
	}
	if patch != "" {
		names = slices.Insert(names, 0, patch)
	}
	root.Layers = names
	draft, err := s.temp("root-")
	if err != nil {
		return Root{}, err
	}
	defer os.RemoveAll(draft) //nolint:errcheck // Open removes it at the next start
	file := filepath.Join(draft, "root.json")
	if err := writeJSON(file, record{Form: form, Root: root}); err != nil {
		return Root{}, err
	}
	if err := syncDisk(draft); err != nil {
		return Root{}, err
	}
	if err := s.publishRoot(file, names, imageID); err != nil {
		return Root{}, err
	}
	if err := syncDir(filepath.Join(s.dir, rootsDir)); err != nil {
		return Root{}, err
	}
	if root, ok := s.Root(imageID); ok {
		return root, nil
	}
	return Root{}, fmt.Errorf("the image %s is gone as soon as it is here", imageID)
}

// order lists the layers of an image, top first, as folders of the store. A layer
// that comes twice is joined once: overlayfs refuses more, and all that the lower
// one has is hidden by the same in the upper one.
func (in *intake) order(diffIDs []string) (names []string, infos []layerInfo, err error) {
	have := map[string]bool{}
	for i := len(diffIDs) - 1; i >= 0; i-- {
		id := diffIDs[i]
		info, ok := in.seen[id]
		if !ok {
			return nil, nil, rouse.Errorf(rouse.Invalid, "layer %d of %d: no layer that was sent has the digest %s", i+1, len(diffIDs), id)
		}
		if have[id] {
			continue
		}
		have[id] = true
		name, _ := hexOf(id)
		names, infos = append(names, filepath.Join(layersDir, name)), append(infos, info)
		if info.Opaque {
			break
		}
	}
	return names, infos, nil
}

// publishRoot gives an image its name, if all its layers are still here.
func (s *Store) publishRoot(file string, layers []string, imageID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, layer := range layers {
		if _, err := os.Lstat(filepath.Join(s.dir, layer)); err != nil {
			return &rouse.Error{Code: rouse.Unavailable, Message: "a layer was removed while its image was unpacked; try again", Cause: err}
		}
	}
	name, _ := hexOf(imageID)
	delete(s.roots, imageID) // which may say less
	return os.Rename(file, s.rootFile(name))
}

func writeJSON(file string, content any) error {
	b, err := json.Marshal(content)
	if err != nil {
		return err
	}
	return os.WriteFile(file, b, 0o600)
}
