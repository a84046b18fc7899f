package logs

import (
	"bytes"
	"os"
	"strings"
	"unicode/utf8"
)

// maxExcerpt is how much of an event's log AWS shows its caller.
const maxExcerpt = 4 << 10

// excerpt is the end of what was logged about one event.
type excerpt struct{ b []byte }

func (e *excerpt) add(text string) {
	e.b = append(append(e.b, strings.ToValidUTF8(text, "\ufffd")...), '\n')
	if len(e.b) > 4*maxExcerpt {
		e.b = append(e.b[:0], e.b[len(e.b)-maxExcerpt:]...)
	}
}

// end is what is told, in whole characters.
func (e *excerpt) end() []byte {
	b := e.b[max(0, len(e.b)-maxExcerpt):]
	for len(b) > 0 && !utf8.RuneStart(b[0]) {
		b = b[1:]
	}
	return bytes.Clone(b)
}

// Say adds lines of the platform's own behind what has been printed so far.
func (c *Collector) Say(texts ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drain()
	c.note(texts...)
}

// Drain takes in what has been printed so far, where a stream can be asked.
func (c *Collector) Drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drain()
}

// Follow has each line that is read from now on told to f, in place of whoever
// was told before.
func (c *Collector) Follow(f Follower) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.follow = f
}

// Begin adds the line that says so, unless it is empty: what is read from now on
// belongs to the event id, until there is another. With keep, End will tell what
// it was since the first Begin of that id.
func (c *Collector) Begin(id, text string, keep bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id != c.id {
		c.id, c.excerpt = id, nil
	}
	if keep && c.excerpt == nil {
		c.excerpt = new(excerpt)
	}
	if text != "" {
		c.note(text)
	}
}

// End adds an event's last lines behind all that was printed until now, which a
// line without an end is a part of. It returns the end of the event's log if it
// was to be kept.
func (c *Collector) End(texts ...string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drain()
	for i := range c.streams {
		if s := &c.streams[i]; s.raw != nil && s.name != Extension && len(s.lines.half) > 0 {
			c.take(s.name, s.lines.rest())
		}
	}
	c.note(texts...)
	if c.excerpt == nil {
		return nil
	}
	kept := c.excerpt.end()
	c.excerpt = nil
	return kept
}

// note puts lines of the platform's own into the log. The caller holds mu.
func (c *Collector) note(texts ...string) {
	lines := c.encode(Platform, texts)
	if !c.over {
		c.journal.later(lines, len(texts))
		return
	}
	if _, err := os.Stat(c.dir); err != nil {
		return // the function was removed
	}
	j := c.logs.use(c.source.Function, c.dir, true)
	j.write(lines, len(texts))
	c.logs.leave(j, true)
}
