package logs

import (
	"context"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/rousehq/rouse"
)

const (
	maxLine   = 256 << 10 // of text; the rest of a longer line is dropped
	cutMark   = "… [cut at 256KB]"
	tailLines = 20
	tailText  = 1 << 10 // of each line in the tail
	chunk     = 8 << 10 // read at once
)

// Source is whose streams are collected.
type Source struct {
	Function rouse.FunctionName
	Revision rouse.RevisionID
	Instance rouse.InstanceID
	// Current returns the id of the request in flight, or "". It must not block.
	// What a handler prints just before it answers is often read just after, so
	// it should go on returning an id until the next request. Nil means never any.
	Current func() string
}

// Collector reads one instance's streams until they end.
type Collector struct {
	source  Source
	journal *journal
	done    chan struct{} // closed when both streams have ended and are written

	mu     sync.Mutex
	tail   []string      // the last whole lines of both streams
	halves [2]string     // the lines that have no end yet, by stream
	read   chan struct{} // closed at the next read; nil while nobody waits
}

// Collect reads both streams until they end or fail, from goroutines of its
// own, and then closes them. A nil stream is empty. After an Invalid error, of
// a bad name, the streams are still the caller's.
func (l *Logs) Collect(src Source, stdout, stderr io.ReadCloser) (*Collector, error) {
	dir, err := l.folder(src.Function)
	if err != nil {
		return nil, err
	}
	c := &Collector{source: src, done: make(chan struct{}), journal: l.use(src.Function, dir, true)}
	l.mu.Lock()
	l.collectors[c] = struct{}{}
	l.mu.Unlock()
	var streams sync.WaitGroup
	for i, r := range []io.ReadCloser{stdout, stderr} {
		if r != nil {
			streams.Go(func() { c.collect(i, r) })
		}
	}
	go func() {
		streams.Wait()
		l.leave(c.journal, true)
		l.mu.Lock()
		delete(l.collectors, c)
		l.mu.Unlock()
		close(c.done)
	}()
	return c, nil
}

// Wait blocks until both streams have ended and all lines are in the log.
func (c *Collector) Wait() { <-c.done }

// Settle blocks until nothing has been read for the time quiet, the streams
// have ended, or ctx ends. After a process died it gives what the process
// printed last the time to arrive.
func (c *Collector) Settle(ctx context.Context, quiet time.Duration) {
	timer := time.NewTimer(quiet)
	defer timer.Stop()
	for {
		select {
		case <-c.nextRead():
			timer.Reset(quiet)
		case <-timer.C:
			return
		case <-c.done:
			return
		case <-ctx.Done():
			return
		}
	}
}

// Tail returns the last lines that were read, at most 20 and the longest ones
// shortened, with those that have no end yet. It does not block.
func (c *Collector) Tail() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := append([]string{}, c.tail...)
	for _, half := range c.halves {
		if half != "" {
			lines = append(lines, half)
		}
	}
	return lines[max(0, len(lines)-tailLines):]
}

func (c *Collector) nextRead() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read == nil {
		c.read = make(chan struct{})
	}
	return c.read
}

// note keeps a chunk's whole lines and the half one after them in the tail.
func (c *Collector) note(stream int, lines []Line, half []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range lines[max(0, len(lines)-tailLines):] {
		c.tail = append(c.tail, clip(l.Text))
	}
	c.tail = append(c.tail[:0], c.tail[max(0, len(c.tail)-tailLines):]...)
	c.halves[stream] = clip(string(half[:min(len(half), tailText+1)]))
	if c.read != nil {
		close(c.read)
		c.read = nil
	}
}

func clip(text string) string {
	if len(text) > tailText {
		text = text[:tailText] + "…"
	}
	return strings.ToValidUTF8(text, "\ufffd")
}

// collect is the life of one stream.
func (c *Collector) collect(stream int, r io.ReadCloser) {
	defer r.Close() //nolint:errcheck // read-only
	var (
		names  = [2]string{Stdout, Stderr}
		s      splitter
		e      = newEncoder()
		buffer = make([]byte, chunk)
		lines  []Line
	)
	for {
		n, err := r.Read(buffer)
		texts := s.split(buffer[:n])
		if err != nil {
			texts = append(texts, s.rest()...)
		}
		lines = lines[:0]
		for _, text := range texts {
			lines = append(lines, Line{
				Time: time.Now().UTC(), Stream: names[stream],
				Instance: c.source.Instance, Revision: c.source.Revision, RequestID: c.current(), Text: text,
			})
		}
		if len(lines) > 0 {
			c.journal.write(e.encode(lines), len(lines))
		}
		c.note(stream, lines, s.half)
		if err != nil {
			return
		}
	}
}

func (c *Collector) current() string {
	if c.source.Current == nil {
		return ""
	}
	return c.source.Current()
}
