package artifact

import (
	"path"
	"strings"

	"github.com/rousehq/rouse"
)

// maxLinks is how many links one resolution follows, as in the kernel.
const maxLinks = 40

// resolves refuses a link unless it leads to something within the tree. It
// walks as the kernel would, but on the table of entries: ".." after a link
// means the parent of where the link led.
func (t *tree) resolves(name string) error {
	refuse := func(why string) error {
		return rouse.Errorf(rouse.Invalid, "entry %s: a link to %s, which %s", quote(name), quote(t.entries[name].target), why)
	}
	at, followed := ".", 0
	rest := strings.Split(name, "/")
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if at == "." {
				return refuse("leads out of the code's folder")
			}
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, part)
		e, ok := t.entries[next]
		switch {
		case !ok:
			return refuse("is not there")
		case e.kind == link && strings.HasPrefix(e.target, "/") && next == name:
			return refuse("leads out of the code's folder; make it relative")
		case e.kind == link && strings.HasPrefix(e.target, "/"):
			return refuse("leads by " + quote(next) + " to " + quote(e.target) + ", out of the code's folder")
		case e.kind == link:
			if followed++; followed > maxLinks {
				return refuse("never ends")
			}
			rest = append(strings.Split(e.target, "/"), rest...)
		case e.kind != folder && len(rest) > 0:
			return refuse("goes through a file")
		default:
			at = next
		}
	}
	return nil
}
