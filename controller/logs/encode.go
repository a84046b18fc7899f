package logs

import (
	"bytes"
	"encoding/json"
	"time"
)

// encoder turns lines into the bytes of a file, as encoding/json does without
// escaping HTML. Each event has several lines, so plain text, which nearly all
// of them is, takes a shorter way.
type encoder struct {
	head []byte // of all lines of one call, up to the text
	b    []byte
}

// encode returns lines of texts that differ from l in nothing else; they are
// good until the next call.
func (e *encoder) encode(l Line, texts []string) []byte {
	h := append(e.head[:0], `{"time":"`...)
	h = l.Time.AppendFormat(h, time.RFC3339Nano)
	h = appendString(append(h, `","stream":`...), l.Stream)
	h = appendString(append(h, `,"instance":`...), string(l.Instance))
	h = appendString(append(h, `,"revision":`...), string(l.Revision))
	if l.RequestID != "" {
		h = appendString(append(h, `,"request_id":`...), l.RequestID)
	}
	e.head = append(h, `,"text":`...)
	if e.b = e.b[:0]; cap(e.b) > 8*chunk {
		e.b = nil // one long line must not cost an idle instance its memory
	}
	for _, text := range texts {
		e.b = append(appendString(append(e.b, e.head...), text), "}\n"...)
	}
	return e.b
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	from := len(b)
	b = append(b, '"')
	plain := 0 // s[plain:i] is to be copied as it is
	for i := range len(s) {
		ch := s[i]
		if ' ' <= ch && ch <= '~' && ch != '"' && ch != '\\' {
			continue
		}
		if ch != '\t' && ch != '"' && ch != '\\' {
			return appendAny(b[:from], s)
		}
		b = append(b, s[plain:i]...)
		if plain = i + 1; ch == '\t' {
			ch = 't'
		}
		b = append(b, '\\', ch)
	}
	return append(append(b, s[plain:]...), '"')
}

// appendAny is appendString for a text of any characters.
func appendAny(b []byte, s string) []byte {
	out := bytes.NewBuffer(b)
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic("logs: a string that cannot be encoded: " + err.Error())
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
