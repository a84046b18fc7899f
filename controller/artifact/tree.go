package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/rousehq/rouse"
)

// tree is one in the making: what was written so far, and its bounds.
type tree struct {
	dir     string
	root    *os.Root
	options Options
	entries map[string]entry // by cleaned path; "." is the tree's own folder
	size    int64
	files   int
	buffer  []byte
}

type kind byte

const (
	folder  kind = 'd'
	regular kind = 'f'
	program kind = 'x' // a regular file that may be executed
	link    kind = 'l'
)

// entry is what the digest says of one path.
type entry struct {
	kind   kind
	sum    [sha256.Size]byte // of a file's content
	size   int64
	target string // of a link
}

// newTree begins a tree under tmp. Whoever begins one calls drop.
func (s *Store) newTree() (*tree, error) {
	dir, err := os.MkdirTemp(filepath.Join(s.dir, staging), "tree-")
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &tree{
		dir: dir, root: root, options: s.options,
		entries: map[string]entry{".": {kind: folder}},
		buffer:  make([]byte, 128<<10),
	}, nil
}

// drop closes the tree and removes what was not published.
func (t *tree) drop() {
	t.root.Close()      //nolint:errcheck // a folder's descriptor
	os.RemoveAll(t.dir) //nolint:errcheck // Open removes it at the next start
}

// folder makes a folder and those above it. One that is there is no error:
// archives name folders as often as they like.
func (t *tree) folder(name string) error {
	if e, ok := t.entries[name]; ok {
		if e.kind != folder {
			return rouse.Errorf(rouse.Invalid, "entry %s: it is a folder and something else too", quote(name))
		}
		return nil
	}
	if err := t.folder(path.Dir(name)); err != nil {
		return err
	}
	if err := t.add(name, entry{kind: folder}); err != nil {
		return err
	}
	if err := t.root.Mkdir(name, 0o755); err != nil {
		return err
	}
	return t.root.Chmod(name, 0o755) // whatever the umask is
}

// file writes one file and stops as soon as the tree is over its bound,
// whatever size was promised.
func (t *tree) file(ctx context.Context, name string, executable bool, r io.Reader) error {
	if err := t.folder(path.Dir(name)); err != nil {
		return err
	}
	e, mode := entry{kind: regular}, fs.FileMode(0o644)
	if executable {
		e.kind, mode = program, 0o755
	}
	if err := t.add(name, e); err != nil {
		return err
	}
	t.files++
	f, err := t.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	sum := sha256.New()
	left := int64(t.options.MaxUnpacked) - t.size
	e.size, err = io.CopyBuffer(io.MultiWriter(f, sum), io.LimitReader(reader{ctx, r}, left+1), t.buffer)
	t.size += e.size
	if err == nil && e.size > left {
		err = t.tooLarge(name)
	}
	if err := errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return err
	}
	sum.Sum(e.sum[:0])
	t.entries[name] = e
	return nil
}

// link notes a symbolic link. It is made by finish, when all that it may
// lead to is known and nothing more is written.
func (t *tree) link(name, target string) error {
	if err := t.folder(path.Dir(name)); err != nil {
		return err
	}
	t.files++
	return t.add(name, entry{kind: link, target: target})
}

func (t *tree) add(name string, e entry) error {
	if _, ok := t.entries[name]; ok {
		return rouse.Errorf(rouse.Invalid, "entry %s: it is there twice", quote(name))
	}
	if len(t.entries) > t.options.MaxFiles {
		return rouse.Errorf(rouse.TooLarge, "entry %s: more than %d files and folders", quote(name), t.options.MaxFiles)
	}
	t.entries[name] = e
	return nil
}

func (t *tree) tooLarge(name string) error {
	return rouse.Errorf(rouse.TooLarge, "entry %s: the files have more than %s unpacked", quote(name), t.options.MaxUnpacked)
}

// finish makes the links and names the tree.
func (t *tree) finish() (Info, error) {
	paths := slices.Sorted(maps.Keys(t.entries))
	for _, name := range paths {
		if e := t.entries[name]; e.kind == link {
			if err := t.resolves(name); err != nil {
				return Info{}, err
			}
			if err := t.root.Symlink(e.target, name); err != nil {
				return Info{}, err
			}
		}
	}
	return Info{Digest: digest(paths, t.entries), Size: rouse.Bytes(t.size), Files: t.files}, t.root.Chmod(".", 0o755)
}

// digest is the sha256 of one line a path, in the order of paths: kind, size,
// content's sum, and path and target quoted so that no name can look like two.
func digest(paths []string, entries map[string]entry) string {
	h := sha256.New()
	io.WriteString(h, "rouse tree 1\n") //nolint:errcheck // a hash takes everything
	for _, name := range paths {
		e := entries[name]
		fmt.Fprintf(h, "%c %d %x %q %q\n", e.kind, e.size, e.sum, name, e.target) //nolint:errcheck // as above
	}
	return algorithm + ":" + hex.EncodeToString(h.Sum(nil))
}

// quote shows a hostile name in a message of bounded length.
func quote(name string) string { return fmt.Sprintf("%q", rouse.ClipTo(name, 120)) }

// reader lets a copy end with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
