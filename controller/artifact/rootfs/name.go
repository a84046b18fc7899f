package rootfs

import (
	"fmt"
	"path"
	"strings"

	"github.com/rousehq/rouse"
)

// The longest names that Linux takes.
const (
	maxPart = 255
	maxPath = 4095
)

// The words of layers for what they take away from those below.
const (
	whiteoutPrefix = ".wh."
	whiteoutMeta   = ".wh..wh."     // aufs' own bookkeeping, and
	whiteoutOpaque = ".wh..wh..opq" // nothing of this folder shows from below
)

// entryName accepts a layer's name for a path within the root and returns it
// cleaned and relative, "." for the root itself, or says what is wrong with it.
// Names need not be UTF-8, and a leading / means the root, as everywhere else.
func entryName(name string) (string, error) {
	refuse := func(why string) (string, error) {
		return "", rouse.Errorf(rouse.Invalid, "entry %s: %s", quote(name), why)
	}
	switch {
	case name == "":
		return refuse("it has no name")
	case strings.ContainsRune(name, 0):
		return refuse("its name has a NUL")
	case len(name) > maxPath:
		return refuse("its path is longer than 4095 bytes")
	}
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "..":
			return refuse("it leads out of the image")
		case len(part) > maxPart:
			return refuse("a part of its path is longer than 255 bytes")
		}
	}
	return path.Clean("./" + name), nil
}

// quote shows a hostile name in a message of bounded length.
func quote(name string) string { return fmt.Sprintf("%q", rouse.ClipTo(name, 120)) }
