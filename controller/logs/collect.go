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
}

// Collector reads one instance's streams until they end.
type Collector struct {
	logs    *Logs
	source  Source
	dir     string
	journal *journal
	done    chan struct{} // closed when all streams have ended and are written

	mu      sync.Mutex // held while something is read and written, so that lines stay in order
	streams [3]stream
	encoder encoder
	buffer  []byte
	id      string        // of the event that what is read belongs to
	excerpt *excerpt      // of that event; nil while nobody wants it
	tail    []string      // the last whole lines of all streams
	read    chan struct{} // closed at the next read; nil while nobody waits
	follow  Follower      // told of each line that is printed; nil while nobody wants it
	over    bool          // the streams have ended, and the journal is not ours any more
}

// Follower is told of each line that a stream has, as it is read. It must not block.
type Follower = func(text string, extension bool)

// Collect reads the streams of a function, and of the extensions beside it,
// until they end or fail, from goroutines of its own, and then closes them. A
// nil stream is empty. After an Invalid error, of a bad name, the streams are
// still the caller's.
func (l *Logs) Collect(src Source, stdout, stderr, extensions io.ReadCloser) (*Collector, error) {
	dir, err := l.folder(src.Function)
	if err != nil {
		return nil, err
	}
	c := &Collector{
		logs: l, source: src, dir: dir, done: make(chan struct{}), journal: l.use(src.Function, dir, true),
		streams: [3]stream{newStream(Stdout, stdout), newStream(Stderr, stderr), newStream(Extension, extensions)},
		buffer:  make([]byte, chunk),
	}
	l.mu.Lock()
	l.collectors[c] = struct{}{}
	l.mu.Unlock()
	var streams sync.WaitGroup
	for i := range c.streams {
		if c.streams[i].r != nil {
			streams.Go(func() { c.collect(&c.streams[i]) })
		}
	}
	go func() {
		streams.Wait()
		c.mu.Lock()
		c.over = true
		c.mu.Unlock()
		l.leave(c.journal, true)
		l.mu.Lock()
		delete(l.collectors, c)
		l.mu.Unlock()
		close(c.done)
	}()
	return c, nil
}

// Wait blocks until all streams have ended and all lines are in the log.
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
	for i := range c.streams {
		if half := c.streams[i].lines.half; len(half) > 0 {
			lines = append(lines, clip(string(half[:min(len(half), tailText+1)])))
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

// take puts what the function printed into the log. The caller holds mu.
func (c *Collector) take(name string, texts []string) {
	if c.read != nil {
		defer close(c.read) // once the lines are in the log
		c.read = nil
	}
	if len(texts) == 0 {
		return
	}
	c.journal.write(c.encode(name, texts), len(texts))
	if c.follow != nil {
		for _, text := range texts {
			c.follow(text, name == Extension)
		}
	}
	for _, text := range texts[max(0, len(texts)-tailLines):] {
		c.tail = append(c.tail, clip(text))
	}
	c.tail = append(c.tail[:0], c.tail[max(0, len(c.tail)-tailLines):]...)
}

// encode makes lines of texts, good until the next call, and has the excerpt
// take note of them. The caller holds mu.
func (c *Collector) encode(name string, texts []string) []byte {
	if c.excerpt != nil {
		for _, text := range texts {
			c.excerpt.add(text)
		}
	}
	return c.encoder.encode(Line{
		Time: time.Now().UTC(), Stream: name, Instance: c.source.Instance, Revision: c.source.Revision, RequestID: c.id,
	}, texts)
}

func clip(text string) string {
	if len(text) > tailText {
		text = text[:tailText] + "…"
	}
	return strings.ToValidUTF8(text, "\ufffd")
}
