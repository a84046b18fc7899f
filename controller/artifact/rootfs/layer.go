package rootfs

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/rousehq/rouse"
)

// layerInfo is a layer's layer.json.
type layerInfo struct {
	// Sent is how many bytes the layer had when it was read, packed or not.
	Sent  int64       `json:"sent"`
	Size  rouse.Bytes `json:"size"` // of its files
	Files int         `json:"files"`
	// Implied are folders that the layer writes into without saying whose they
	// are and what mode they have: that is for the layers below to say.
	Implied []string `json:"implied,omitempty"`
	// Hiding are folders that have whiteouts in them.
	Hiding []string `json:"hiding,omitempty"`
	Opaque bool     `json:"opaque,omitempty"` // nothing shows from the layers below
}

const infoFile = "layer.json"

// intake is one image being unpacked.
type intake struct {
	store  *Store
	report func(string)
	left   int64 // bytes that the image may still have
	seen   map[string]layerInfo
	known  map[int64]bool // lengths of the layers that are here
}

// layer reads one layer of length sent, packed or not, to its end, and has it
// in the store under its diff id, which it returns.
func (in *intake) layer(ctx context.Context, r io.Reader, sent int64) (diffID string, err error) {
	if in.known[sent] {
		return in.likely(ctx, r, sent)
	}
	return in.unpack(ctx, r, sent)
}

// likely reads a layer that is probably here, since one of the very same length
// is: reading it twice from a file costs less than unpacking what is there.
func (in *intake) likely(ctx context.Context, r io.Reader, sent int64) (diffID string, err error) {
	f, err := os.CreateTemp(filepath.Join(in.store.dir, staging), "likely-")
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // nothing of it is kept
	if err := os.Remove(f.Name()); err != nil {
		return "", err
	}
	digest := sha256.New()
	if err := unpacked(io.TeeReader(r, f), in.store.options.MaxBytes, digest, nil); err != nil {
		return "", err
	}
	name := hex.EncodeToString(digest.Sum(nil))
	if info, ok := in.store.layer(name); ok && in.store.renew(filepath.Join(layersDir, name)) {
		in.report(fmt.Sprintf("layer %s is here already", name[:12]))
		return in.note(name, info)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	return in.unpack(ctx, f, sent)
}

// unpack reads a layer into a folder of its own and publishes that.
func (in *intake) unpack(ctx context.Context, r io.Reader, sent int64) (diffID string, err error) {
	dir, err := in.store.temp("layer-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Mkdir(filepath.Join(dir, files), 0o755); err != nil {
		return "", err
	}
	w, err := newWriter(filepath.Join(dir, files), in.store.options, in.left)
	if err != nil {
		return "", err
	}
	defer w.close()
	digest := sha256.New()
	r = &progress{r: r, of: sent, report: in.report}
	err = unpacked(r, in.store.options.MaxBytes, digest, func(tar io.Reader) error { return w.unpack(ctx, tar) })
	if err != nil {
		return "", err
	}
	info := layerInfo{
		Sent: sent, Size: rouse.Bytes(w.bytes), Files: w.files,
		Implied: slices.Sorted(maps.Keys(w.implied)), Hiding: slices.Sorted(maps.Keys(w.hiding)),
		Opaque: w.opaque,
	}
	if err := writeJSON(filepath.Join(dir, infoFile), info); err != nil {
		return "", err
	}
	name := hex.EncodeToString(digest.Sum(nil))
	if err := in.store.publish(dir, filepath.Join(layersDir, name)); err != nil {
		return "", err
	}
	in.report(fmt.Sprintf("unpacked layer %s: %d files, %s", name[:12], info.Files, rounded(info.Size)))
	return in.note(name, info)
}

func (in *intake) note(name string, info layerInfo) (diffID string, err error) {
	diffID = "sha256:" + name
	if _, twice := in.seen[diffID]; !twice {
		if in.left -= int64(info.Size); in.left < 0 {
			return "", tooLarge(in.store.options.MaxBytes)
		}
	}
	in.seen[diffID] = info
	return diffID, nil
}

// layer is what is known of a layer that is here.
func (s *Store) layer(name string) (layerInfo, bool) {
	var info layerInfo
	content, err := os.ReadFile(filepath.Join(s.dir, layersDir, name, infoFile))
	return info, err == nil && json.Unmarshal(content, &info) == nil
}

// lengths are those that the layers which are here had when they were read.
func (s *Store) lengths() (map[int64]bool, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, layersDir))
	if err != nil {
		return nil, err
	}
	known := map[int64]bool{}
	for _, e := range entries {
		if info, ok := s.layer(e.Name()); ok {
			known[info.Sent] = true
		}
	}
	return known, nil
}

// unpacked hands the tar in r to use, which may be nil, and feeds all of it to
// digest, the padding after its end too. It reads r until the tar's compression ends.
func unpacked(r io.Reader, most rouse.Bytes, digest hash.Hash, use func(io.Reader) error) error {
	in := bufio.NewReaderSize(r, 128<<10)
	plain, err := decompressed(in)
	if err != nil {
		return broken(err)
	}
	defer plain.Close() //nolint:errcheck // of a decompressor
	// Headers and padding are not files: the bound on files is the writer's.
	tar := io.TeeReader(&bounded{r: plain, left: 2*int64(most) + 1<<20, most: most}, digest)
	if use != nil {
		if err := use(tar); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, tar); err != nil {
		return broken(err)
	}
	return nil
}

// decompressed is the tar in a layer that is plain or packed with gzip or zstd.
func decompressed(in *bufio.Reader) (io.ReadCloser, error) {
	head, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		return gzip.NewReader(in)
	case bytes.HasPrefix(head, zstdMagic):
		d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return io.NopCloser(in), nil
}

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// bounded fails where a reader promised to be shorter.
type bounded struct {
	r    io.Reader
	left int64
	most rouse.Bytes // to be told of
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, tooLarge(b.most)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// progress reports how far a large layer has been read.
type progress struct {
	r            io.Reader
	read, of, at int64
	report       func(string)
}

func (p *progress) Read(b []byte) (int, error) {
	const step = int64(256 * rouse.MB)
	n, err := p.r.Read(b)
	if p.read += int64(n); p.read-p.at >= step {
		p.at = p.read
		p.report(fmt.Sprintf("unpacking a layer: %s of %s", rounded(rouse.Bytes(p.read)), rounded(rouse.Bytes(p.of))))
	}
	return n, err
}

// rounded is a size for people.
func rounded(b rouse.Bytes) rouse.Bytes {
	if b < rouse.MB {
		return b / rouse.KB * rouse.KB
	}
	return b / rouse.MB * rouse.MB
}
