// Package artifact keeps code and models as unpacked trees of files, each
// named by the digest of its content, so that the same code is kept once.
//
//	artifacts/
//	├── sha256/<hex>/   one finished tree; never changes
//	├── merged/<hex>/   several trees over one another, of links to their files
//	├── packages/<hex>  an archive as it was uploaded, where somebody may ask for it again
//	└── tmp/            uploads and trees in the making; emptied at Open
//
// A tree is made under tmp, brought to the disk and renamed: a name below
// sha256 always means a complete tree, whenever the machine stops. What an
// archive says is not believed: names, links and sizes are checked (entry.go,
// links.go) and nothing is written through anything but an os.Root.
//
// Files are root's, 0755 or 0644 with nothing but the executable bit taken from
// the archive, and folders 0755, so that a function under any user can read its
// code and none can change it.
package artifact

import "github.com/rousehq/rouse"

// Info describes a stored tree.
type Info struct {
	Digest string // "sha256:" and 64 hex digits, of names, kinds and contents
	Size   rouse.Bytes
	Files  int // files and symbolic links
}
