package artifact

import (
	"path"
	"strings"
	"unicode/utf8"

	"github.com/rousehq/rouse"
)

// The longest names. Linux takes 255 bytes a part and 4096 a path; the rest is
// for what the tree is mounted below. The bound on depth is ours: a path costs a
// system call a part.
const (
	maxPart  = 255
	maxPath  = 3584
	maxDepth = 128
)

// entryName accepts an archive's name for a path within the tree and returns
// it cleaned, or says what is wrong with it.
func entryName(name string) (string, error) {
	refuse := func(why string) (string, error) {
		return "", rouse.Errorf(rouse.Invalid, "entry %s: %s", quote(name), why)
	}
	// Python's zipapp and macOS write "./" in front; it is harmless.
	trimmed := strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/")
	switch {
	case name == "":
		return refuse("it has no name")
	case strings.ContainsRune(name, 0):
		return refuse("its name has a NUL")
	case !utf8.ValidString(name):
		return refuse("its name is not UTF-8")
	case strings.Contains(name, `\`):
		return refuse("its name has a backslash; use / between folders")
	case strings.HasPrefix(name, "/"):
		return refuse("an absolute path")
	case len(name) > maxPath:
		return refuse("its path is too long")
	case trimmed == "" || trimmed == ".":
		return ".", nil
	case strings.Count(trimmed, "/") >= maxDepth:
		return refuse("its path has more than 128 parts")
	}
	for part := range strings.SplitSeq(trimmed, "/") {
		switch {
		case part == "..":
			return refuse("it leads out of the code's folder")
		case part == "" || part == ".":
			return refuse("its path has an empty part")
		case len(part) > maxPart:
			return refuse("a part of its path is longer than 255 bytes")
		}
	}
	return path.Clean(trimmed), nil
}

// checkTarget refuses a link's target that no file system takes.
func checkTarget(name, target string) error {
	if target == "" || len(target) > maxPath || strings.ContainsRune(target, 0) {
		return rouse.Errorf(rouse.Invalid, "entry %s: a link with a bad target", quote(name))
	}
	return nil
}
