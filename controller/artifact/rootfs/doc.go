// Package rootfs keeps the root filesystems of images, unpacked once at deploy
// and ready to be joined by overlayfs, so that a start needs no engine.
//
//	images/
//	├── layers/<hex>/         one layer, named by the digest of its tar (its diff id)
//	│   ├── fs/               its files, in overlayfs' form
//	│   └── layer.json        what a joined tree has to know of it
//	├── made/<hex>/fs/        small layers of our own (made.go), named by what is in them
//	├── roots/<hex>.json      one image: its layers and its configuration
//	├── part/<hex>            a layer as it is published, as far as it was downloaded
//	└── tmp/                  what is being made; emptied at Open
//
// A name is computed from the content that was read, never taken from whoever
// sent it: an image whose configuration names another digest finds no such
// layer. Every folder is made under tmp, brought to the disk and renamed, so a
// name always means the whole content, whenever the machine stops, and a layer
// that is finished is not unpacked again, whatever became of its image.
//
// A download that broke off, with its process perhaps, goes on where it ended.
// One that nobody went on with is removed.
//
// A layer is written through descriptors of its own folders (writer.go): no link
// in it is ever followed. Files keep owner, mode, time and user attributes; set-id
// bits are harmless, since nobody but root reaches the folder and it is mounted
// nosuid. Device nodes and all other extended attributes are left out, those of
// overlayfs above all. Whiteouts become what overlayfs takes for them.
package rootfs
