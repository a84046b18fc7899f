package pack

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/rousehq/rouse"
)

// IgnoreFile lies in a project's folder and names, one pattern a line, what is
// no part of the code. It is read as a .gitignore is: "#" begins a comment, "!"
// takes back, a trailing "/" means folders only, a "/" elsewhere binds the
// pattern to the project's folder, "**" stands for any number of folders, and
// the last pattern that matches decides.
const IgnoreFile = ".rouseignore"

// usual comes before the project's own patterns, which can take it back. What
// interpreters write beside the code would make a new revision of unchanged code.
var usual = []string{IgnoreFile, ".git/", ".DS_Store", "__pycache__/", "*.pyc"}

// maxIgnore bounds what is read of an ignore file.
const maxIgnore = 1 << 20

type pattern struct {
	parts   []string // between slashes; unanchored ones begin with "**"
	folders bool     // matches folders only
	negated bool
}

type patterns []pattern

func readIgnore(root *os.Root) (patterns, error) {
	var all patterns
	for _, line := range usual {
		p, _, err := parsePattern(line)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	f, err := root.Open(IgnoreFile)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read-only
	lines := bufio.NewScanner(io.LimitReader(f, maxIgnore))
	for number := 1; lines.Scan(); number++ {
		p, ok, err := parsePattern(lines.Text())
		if err != nil {
			return nil, rouse.Errorf(rouse.Invalid, "%s, line %d: %q is no pattern", IgnoreFile, number, lines.Text())
		}
		if ok {
			all = append(all, p)
		}
	}
	return all, lines.Err()
}

// parsePattern reads one line; ok is false when it says nothing.
func parsePattern(line string) (p pattern, ok bool, err error) {
	line = strings.TrimRight(line, " \t\r")
	if line == "" || strings.HasPrefix(line, "#") {
		return pattern{}, false, nil
	}
	line, p.negated = strings.CutPrefix(line, "!")
	line = strings.TrimPrefix(line, `\`) // \# and \!
	line, p.folders = strings.CutSuffix(line, "/")
	anchored := strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	if line == "" {
		return pattern{}, false, nil
	}
	if !anchored {
		p.parts = []string{"**"}
	}
	p.parts = append(p.parts, strings.Split(line, "/")...)
	for _, part := range p.parts {
		if _, err := path.Match(part, ""); err != nil {
			return pattern{}, false, err
		}
	}
	return p, true, nil
}

// match says whether a path is ignored. Paths below an ignored folder are not
// asked about.
func (ps patterns) match(name string, folder bool) bool {
	ignored := false
	parts := strings.Split(name, "/")
	for _, p := range ps {
		if p.negated == ignored && (folder || !p.folders) && matchParts(p.parts, parts) {
			ignored = !p.negated
		}
	}
	return ignored
}

func matchParts(pattern, name []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			if len(pattern) == 1 {
				return len(name) > 0
			}
			for skip := range name {
				if matchParts(pattern[1:], name[skip:]) {
					return true
				}
			}
			return false
		}
		if len(name) == 0 {
			return false
		}
		if ok, err := path.Match(pattern[0], name[0]); err != nil || !ok {
			return false
		}
		pattern, name = pattern[1:], name[1:]
	}
	return len(name) == 0
}
