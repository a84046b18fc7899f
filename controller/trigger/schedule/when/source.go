package when

import (
	"strings"

	"github.com/rousehq/rouse"
)

// source is a part of an expression that knows where it stands: from its byte
// from to the end of text. Both are of the whole expression.
type source struct {
	text string
	from int
}

func (s source) rest() string { return s.text[s.from:] }

// errorf is an Invalid error about what stands at from.
func (s source) errorf(from int, format string, args ...any) error {
	e := rouse.Errorf(rouse.Invalid, format, args...)
	return rouse.Errorf(rouse.Invalid, "when: at character %d: %s", from+1, e.Message)
}

// call reads WORD(…). called is false for anything else.
func (s source) call() (word string, inside source, called bool) {
	word, rest, open := strings.Cut(s.rest(), "(")
	if !open || !strings.HasSuffix(rest, ")") {
		return "", source{}, false
	}
	return word, source{s.text[:len(s.text)-1], s.from + len(word) + 1}, true
}

// words are the parts between blanks.
func (s source) words() []source { return s.split(" \t") }

// split parts s at any of the bytes in cut, and leaves out what is empty.
func (s source) split(cut string) []source {
	var parts []source
	begin := s.from
	for i := s.from; i <= len(s.text); i++ {
		if i < len(s.text) && !strings.ContainsRune(cut, rune(s.text[i])) {
			continue
		}
		if i > begin {
			parts = append(parts, source{s.text[:i], begin})
		}
		begin = i + 1
	}
	return parts
}
