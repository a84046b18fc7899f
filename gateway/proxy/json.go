package proxy

import "unicode/utf8"

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
