package lambdaapi

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// AWS reads events with Jackson, and its callers see that parser's words. They
// are told here as Jackson 2.17 has them, for a document that is not valid.

const (
	jsonSource = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: %d, column: %d]"
	jsonValues = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
	// maxNesting is how deep Jackson follows.
	maxNesting = 1000
	// maxToken is how much it tells of what it does not know.
	maxToken = 256
)

// scope is an object or an array that has been opened, or the document.
type scope struct {
	kind    string // Object, Array or root
	at      int    // its first byte
	entries int
}

// reader is how far an event has been read.
type reader struct {
	text   []byte
	next   int
	scopes []scope
	last   string // the token before, in Jackson's words
}

// jsonProblem says what is wrong with a payload that is not JSON.
func jsonProblem(payload []byte) string {
	r := &reader{text: payload, scopes: []scope{{kind: "root", at: -1}}, last: "null"}
	for {
		problem, at := r.token()
		if problem != "" {
			return problem + "\n at " + r.place(at)
		}
	}
}

// place is the position of the byte at, from 1 on.
func (r *reader) place(at int) string {
	at = min(at, len(r.text))
	row := bytes.LastIndexByte(r.text[:max(at, 0)], '\n') + 1
	return fmt.Sprintf(jsonSource, bytes.Count(r.text[:row], []byte{'\n'})+1, at-row+1)
}

// token reads one token, with what stands before it. A problem comes with the
// byte that it is reported at.
func (r *reader) token() (problem string, at int) {
	in := &r.scopes[len(r.scopes)-1]
	c, ok := r.skip()
	switch {
	case !ok && in.kind == "root" && in.entries == 0:
		return "No content to map due to end-of-input", r.next
	case !ok && in.kind == "root":
		return "Trailing token found after value: not allowed as per `DeserializationFeature.FAIL_ON_TRAILING_TOKENS`", r.next
	case !ok:
		return fmt.Sprintf("Unexpected end-of-input: expected close marker for %s (start marker at %s)", in.kind, r.place(in.at)), r.next
	case c == ']' || c == '}':
		return r.close(c, in)
	}
	if in.kind != "root" && in.entries > 0 {
		if c != ',' {
			return unexpected(c, "was expecting comma to separate "+in.kind+" entries"), r.next - 1
		}
		if c, ok = r.skip(); !ok {
			return "Unexpected end-of-input in " + r.last, r.next
		}
	}
	in.entries++
	if in.kind == "Object" {
		if c != '"' {
			return unexpected(c, "was expecting double-quote to start field name"), r.next - 1
		}
		if problem, at = r.str("name"); problem != "" {
			return problem, at
		}
		r.last = "FIELD_NAME"
		if c, ok = r.skip(); ok && c != ':' {
			return unexpected(c, "was expecting a colon to separate field name and value"), r.next - 1
		}
		if ok {
			c, ok = r.skip()
		}
		if !ok {
			return "Unexpected end-of-input within/between Object entries", r.next
		}
	}
	return r.value(c, in)
}

// skip passes over white space and takes the byte behind it.
func (r *reader) skip() (byte, bool) {
	for r.next < len(r.text) {
		c := r.text[r.next]
		r.next++
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c, true
		}
	}
	return 0, false
}

func (r *reader) close(c byte, in *scope) (string, int) {
	if kind := map[byte]string{']': "Array", '}': "Object"}[c]; kind == in.kind {
		r.scopes = r.scopes[:len(r.scopes)-1]
		r.last = "END_" + strings.ToUpper(kind)
		return "", 0
	}
	other := map[byte]byte{']': '}', '}': ']'}[c]
	return fmt.Sprintf("Unexpected close marker '%c': expected '%c' (for %s starting at %s)", c, other, in.kind, r.place(in.at)), r.next
}

// value reads a value that begins with c, or the beginning of one that holds others.
func (r *reader) value(c byte, in *scope) (string, int) {
	switch {
	case c == '{' || c == '[':
		kind := map[byte]string{'{': "Object", '[': "Array"}[c]
		if len(r.scopes) > maxNesting {
			return fmt.Sprintf("Document nesting depth (%d) exceeds the maximum allowed (%d, from `StreamReadConstraints.getMaxNestingDepth()`)", maxNesting+1, maxNesting), r.next
		}
		r.scopes = append(r.scopes, scope{kind: kind, at: r.next - 1})
		r.last = "START_" + strings.ToUpper(kind)
		return "", 0
	case c == '"':
		r.last = "VALUE_STRING"
		return r.str("string value")
	case c == '-' || '0' <= c && c <= '9':
		return r.number(c, in)
	case c == ',' || c == '}' || c == ']' && in.kind == "Array":
		return unexpected(c, "expected a value"), r.next - 1
	}
	for _, word := range []string{"true", "false", "null"} {
		if c == word[0] && bytes.HasPrefix(r.text[r.next-1:], []byte(word)) && !r.part(r.next-1+len(word)) {
			r.next += len(word) - 1
			r.last = "VALUE_" + strings.ToUpper(word)
			return "", 0
		}
	}
	for _, word := range []string{"NaN", "Infinity"} {
		if c == word[0] && bytes.HasPrefix(r.text[r.next-1:], []byte(word)) {
			r.next += len(word) - 1
			return "Non-standard token '" + word + "': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow", r.next
		}
	}
	if !starts(rune(c)) {
		return unexpected(c, "expected a valid value "+jsonValues), r.next - 1
	}
	return r.unknown(c)
}

// unknown reads a word that means nothing to its end, and the byte behind that.
func (r *reader) unknown(c byte) (string, int) {
	word := []rune{rune(c)}
	for r.next < len(r.text) {
		char, size := utf8.DecodeRune(r.text[r.next:])
		r.next += size
		if char == utf8.RuneError && size == 1 {
			return fmt.Sprintf("Invalid UTF-8 start byte 0x%x", r.text[r.next-1]), r.next
		}
		if !starts(char) && !unicode.IsDigit(char) {
			break
		}
		if word = append(word, char); len(word) == maxToken {
			word = append(word, '.', '.', '.')
			break
		}
	}
	return fmt.Sprintf("Unrecognized token '%s': was expecting %s", string(word), jsonValues), r.next
}

// part says whether the byte at could go on a word.
func (r *reader) part(at int) bool {
	return at < len(r.text) && (starts(rune(r.text[at])) || '0' <= r.text[at] && r.text[at] <= '9')
}

// starts says whether a word of Java's may begin with r.
func starts(r rune) bool {
	return unicode.IsLetter(r) || r == '_' || unicode.Is(unicode.Sc, r)
}

// number reads the rest of one that begins with c.
func (r *reader) number(c byte, in *scope) (string, int) {
	r.last = "VALUE_NUMBER_INT"
	digits := func(why string) (string, int) {
		if r.next == len(r.text) {
			return "Unexpected end-of-input in a Number value", r.next
		}
		if b := r.text[r.next]; b < '0' || b > '9' {
			return "Unexpected character (" + described(rune(b)) + ") in numeric value: " + why, r.next
		}
		for r.next < len(r.text) && '0' <= r.text[r.next] && r.text[r.next] <= '9' {
			r.next++
		}
		return "", 0
	}
	if c != '-' {
		r.next-- // it is a digit
	}
	begin := r.next
	if problem, at := digits("expected digit (0-9) to follow minus sign, for valid numeric value"); problem != "" {
		return problem, at
	}
	if r.text[begin] == '0' && r.next > begin+1 {
		return "Invalid numeric value: Leading zeroes not allowed", begin + 1
	}
	if r.next < len(r.text) && r.text[r.next] == '.' {
		r.next, r.last = r.next+1, "VALUE_NUMBER_FLOAT"
		if problem, at := digits("Decimal point not followed by a digit"); problem != "" {
			return problem, at
		}
	}
	if r.next < len(r.text) && r.text[r.next]|0x20 == 'e' {
		r.next, r.last = r.next+1, "VALUE_NUMBER_FLOAT"
		if r.next < len(r.text) && (r.text[r.next] == '+' || r.text[r.next] == '-') {
			r.next++
		}
		if problem, at := digits("Exponent indicator not followed by a digit"); problem != "" {
			return problem, at
		}
	}
	if in.kind == "root" && r.next < len(r.text) && !bytes.ContainsRune([]byte(" \t\r\n"), rune(r.text[r.next])) {
		return unexpected(r.text[r.next], "Expected space separating root-level values"), r.next
	}
	return "", 0
}

// str reads the rest of a string, which is what.
func (r *reader) str(what string) (string, int) {
	for r.next < len(r.text) {
		c := r.text[r.next]
		switch {
		case c == '"':
			r.next++
			return "", 0
		case c < ' ':
			return "Illegal unquoted character (" + described(rune(c)) + "): has to be escaped using backslash to be included in " + what, r.next
		case c == '\\':
			if problem, at := r.escape(); problem != "" {
				return problem, at
			}
			continue
		}
		char, size := utf8.DecodeRune(r.text[r.next:])
		r.next += size
		switch {
		case char != utf8.RuneError || size > 1:
		case c < 0xc2 || c > 0xf4 || r.next == len(r.text):
			return fmt.Sprintf("Invalid UTF-8 start byte 0x%x", c), r.next
		default:
			return fmt.Sprintf("Invalid UTF-8 middle byte 0x%x", r.text[r.next]), r.next + 1
		}
	}
	if what == "name" {
		return `Unexpected end-of-input: was expecting closing '"' for name`, r.next
	}
	return "Unexpected end-of-input in VALUE_STRING", r.next
}

// escape reads what a backslash begins.
func (r *reader) escape() (string, int) {
	const ended = "Unexpected end-of-input in character escape sequence"
	if r.next += 2; r.next > len(r.text) {
		return ended, len(r.text)
	}
	switch c := r.text[r.next-1]; c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return "", 0
	case 'u':
	default:
		return "Unrecognized character escape " + described(rune(c)), r.next - 1
	}
	for range 4 {
		if r.next == len(r.text) {
			return ended, r.next
		}
		c := r.text[r.next]
		if !bytes.ContainsRune([]byte("0123456789abcdefABCDEF"), rune(c)) {
			return unexpected(c, "expected a hex-digit for character escape sequence"), r.next
		}
		r.next++
	}
	return "", 0
}

func unexpected(c byte, why string) string {
	return "Unexpected character (" + described(rune(c)) + "): " + why
}

// described is a character as Jackson tells of it.
func described(r rune) string {
	if unicode.IsControl(r) {
		return fmt.Sprintf("(CTRL-CHAR, code %d)", r)
	}
	return fmt.Sprintf("'%c' (code %d)", r, r)
}
