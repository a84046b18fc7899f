package logs

import "bytes"

// splitter makes lines of a stream that comes in pieces. It holds at most one
// line's worth of memory, whatever is printed.
type splitter struct {
	half []byte // the line that has no end yet, at most maxLine
	cut  bool   // it was too long, and is dropped up to its end
}

// split returns the texts of the lines that end in b.
func (s *splitter) split(b []byte) (texts []string) {
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		part := b
		if end >= 0 {
			part, b = b[:end], b[end+1:]
		} else {
			b = nil
		}
		if room := maxLine - len(s.half); !s.cut && len(part) > room {
			s.half = append(s.half, part[:room]...)
			s.cut = true
		} else if !s.cut {
			s.half = append(s.half, part...)
		}
		if end >= 0 {
			texts = append(texts, s.take())
		}
	}
	return texts
}

// rest returns the last line of a stream that does not end in a newline.
func (s *splitter) rest() []string {
	if len(s.half) == 0 {
		return nil
	}
	return []string{s.take()}
}

func (s *splitter) take() string {
	text := string(bytes.TrimSuffix(s.half, []byte("\r")))
	if s.cut {
		text = string(s.half) + cutMark
	}
	if s.half = s.half[:0]; cap(s.half) > 4*chunk {
		s.half = nil // one long line must not cost an idle instance its memory
	}
	s.cut = false
	return text
}
