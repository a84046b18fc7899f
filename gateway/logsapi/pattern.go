package logsapi

import (
	"slices"
	"strings"
)

// pattern is a filter pattern of terms: what has to be there, what must not, and
// what one of has to be there when nothing else is asked for.
type pattern struct{ all, none, any []string }

// parsePattern reads terms, which spaces separate and quotes keep together. The
// languages for JSON, for columns and for expressions are not spoken.
func parsePattern(text string) (p pattern, err error) {
	rest := strings.TrimSpace(text)
	if rest != "" && strings.ContainsRune("{[%", rune(rest[0])) {
		return p, invalid("filterPattern is not available in Rouse for JSON, columns and regular expressions: give terms, such as ERROR -debug or \"two words\"")
	}
	for rest != "" {
		into := &p.all
		switch rest[0] {
		case '-':
			into, rest = &p.none, rest[1:]
		case '?':
			into, rest = &p.any, rest[1:]
		}
		var term string
		if strings.HasPrefix(rest, `"`) {
			var closed bool
			if term, rest, closed = strings.Cut(rest[1:], `"`); !closed {
				return p, invalid("Invalid filter pattern: a quote is not closed")
			}
		} else {
			term, rest, _ = strings.Cut(rest, " ")
		}
		*into = append(*into, term)
		rest = strings.TrimLeft(rest, " ")
	}
	return p, nil
}

func (p pattern) matches(text string) bool {
	in := func(term string) bool { return strings.Contains(text, term) }
	if slices.ContainsFunc(p.none, in) {
		return false
	}
	if len(p.all) == 0 && len(p.any) > 0 {
		return slices.ContainsFunc(p.any, in)
	}
	return !slices.ContainsFunc(p.all, func(term string) bool { return !in(term) })
}
