package rouse

import "unicode/utf8"

// Clip keeps input that may be hostile from filling a message: what is longer than
// 80 bytes is cut off and marked, and no character is left in half.
func Clip(text string) string { return ClipTo(text, 80) }

// ClipTo is Clip for another length, in bytes.
func ClipTo(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
