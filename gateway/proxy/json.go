package proxy

import (
	"unicode/utf8"
)

// appendJSON appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendJSON[T string | []byte](b []byte, s T) []byte { return appendEscaped(b, s, false) }

// appendLower is appendJSON with ASCII letters in lower case.
func appendLower(b []byte, s string) []byte { return appendEscaped(b, s, true) }

func appendEscaped[T string | []byte](b []byte, s T, lower bool) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	begin := 0
	for i := 0; i < len(s); {
		ch := s[i]
		switch {
		case ch >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r == utf8.RuneError && size == 1 {
				b = append(b, s[begin:i]...)
				b = append(b, "\ufffd"...)
				begin = i + 1
			}
			i += size
			continue
		case ch == '"' || ch == '\\':
			b = append(b, s[begin:i]...)
			b = append(b, '\\', ch)
			begin = i + 1
		case ch == '\n':
			b = append(b, s[begin:i]...)
			b = append(b, '\\', 'n')
			begin = i + 1
		case ch < ' ':
			b = append(b, s[begin:i]...)
			b = append(b, '\\', 'u', '0', '0', hex[ch>>4], hex[ch&0xf])
			begin = i + 1
		case lower && 'A' <= ch && ch <= 'Z':
			b = append(b, s[begin:i]...)
			b = append(b, ch+'a'-'A')
			begin = i + 1
		}
		i++
	}
	b = append(b, s[begin:]...)
	return append(b, '"')
}

// members calls visit with each member of the object b, which is valid JSON,
// until visit returns an error. Keys come as they are written, without quotes.
func members(b []byte, visit func(key string, value []byte) error) error {
	i := skipSpace(b, 0) + 1 // behind '{'
	for {
		i = skipSpace(b, i)
		if b[i] == '}' {
			return nil
		}
		end := endOfValue(b, i)
		key := string(b[i+1 : end-1])
		i = skipSpace(b, skipSpace(b, end)+1) // behind ':'
		end = endOfValue(b, i)
		if err := visit(key, b[i:end]); err != nil {
			return err
		}
		if i = skipSpace(b, end); b[i] == ',' {
			i++
		}
	}
}

// endOfValue is where the value that begins at i of valid JSON ends.
func endOfValue(b []byte, i int) int {
	depth := 0
	for ; ; i++ {
		switch b[i] {
		case '"':
			end, _ := skipString(b, i)
			if depth == 0 {
				return end
			}
			i = end - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		default:
			if depth == 0 { // a number or a literal: up to what cannot be a part of it
				for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && b[i] > ' ' {
					i++
				}
				return i
			}
		}
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}
