// Package batch maps a function over the lines of a file: so many at once, each
// result beside its line's number, what failed set aside. The results are the
// checkpoint: a run that was interrupted goes on where they end.
package batch

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rousehq/rouse"
)

// Batch is what to do.
type Batch struct {
	Input io.Reader // an item in each line; blank lines are none
	// Done are the items that an earlier run has results of.
	Done Done
	// Results and Failures get whole lines, one Write each. Failures may be nil.
	Results, Failures io.Writer
	Concurrency       int
	// Ordered has results written in the order of the input.
	Ordered bool
	// Call runs one item. An error with the code Throttled or Unavailable is
	// tried again up to Retries times, later and later.
	Call    func(ctx context.Context, item []byte) ([]byte, error)
	Retries int
	// Progress is told after each item; never twice at once.
	Progress func(Counts)
}

// Counts are how far a batch has come.
type Counts struct {
	Read, Skipped, Succeeded, Failed int
}

// maxItem bounds a line.
const maxItem = 64 << 20

// item is a line of the input.
type item struct {
	line int // from 1
	turn int // among those that are run, from 0
	text []byte
}

// outcome is a line of the results, or of the failures.
type outcome struct {
	Line   int             `json:"line"`
	Item   string          `json:"item"` // a checksum of the line, so that another input is noticed
	Result json.RawMessage `json:"result,omitempty"`
	Text   *string         `json:"result_text,omitempty"` // of an answer that is no JSON
	Error  *Failure        `json:"error,omitempty"`
	Input  json.RawMessage `json:"input,omitempty"` // of an item that failed
}

// Failure is why an item has no result.
type Failure struct {
	Code    rouse.Code `json:"code"`
	Message string     `json:"message"`
	Type    string     `json:"type,omitempty"`
}

func checksum(text []byte) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE(text)) }

// Run maps the function over the input. It blocks until every item has its
// result or failure, or ctx ends; what was called is awaited then only as long
// as Call waits. Errors are ctx's, those of reading and writing, and Conflict
// when Done is of another input. Items that failed are no error.
func (b *Batch) Run(ctx context.Context) (Counts, error) {
	work, ctx := errgroup.WithContext(ctx)
	items := make(chan item)
	// The window bounds what waits for an earlier line's result.
	out := &sink{batch: b, window: make(chan struct{}, 8*b.Concurrency), waiting: map[int][]byte{}}
	work.Go(func() error {
		defer close(items)
		return b.read(ctx, items, out)
	})
	for range b.Concurrency {
		work.Go(func() error {
			for it := range items {
				o, err := b.run(ctx, it)
				if err != nil {
					return err
				}
				if err := out.take(it, o); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := work.Wait()
	return out.counts, err
}

// read hands out the items that have no result yet.
func (b *Batch) read(ctx context.Context, items chan<- item, out *sink) error {
	in := bufio.NewReaderSize(b.Input, 64<<10)
	turn := 0
	for line := 1; ; line++ {
		text, err := readLine(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("input, line %d: %w", line, err)
		}
		if item := (item{line, turn, bytes.TrimSpace(text)}); len(item.text) > 0 {
			sum, done := b.Done[line]
			switch {
			case done && sum != checksum(item.text):
				return rouse.Errorf(rouse.Conflict, "line %d is not the one that the output has a result of: it belongs to another input; remove it, or name another one", line)
			case done:
				out.skip()
			default:
				turn++
				out.began()
				if err := hand(ctx, items, item, out.window); err != nil {
					return err
				}
			}
		}
		if err != nil {
			return nil
		}
	}
}

func hand(ctx context.Context, items chan<- item, it item, window chan<- struct{}) error {
	select {
	case window <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case items <- it:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readLine reads a line without keeping more of it than is allowed.
func readLine(in *bufio.Reader) (line []byte, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if line = append(line, part...); len(line) > maxItem {
			return nil, rouse.Errorf(rouse.TooLarge, "an item is at most %s", rouse.Bytes(maxItem))
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// run is one item's way. Its error is ctx's.
func (b *Batch) run(ctx context.Context, it item) (outcome, error) {
	o := outcome{Line: it.line, Item: checksum(it.text)}
	if !json.Valid(it.text) {
		text, err := json.Marshal(string(it.text))
		o.Input, o.Error = text, &Failure{Code: rouse.Invalid, Message: "the line is not JSON"}
		return o, err
	}
	answer, err := b.call(ctx, it.text)
	switch {
	case ctx.Err() != nil:
		return o, ctx.Err()
	case err != nil:
		o.Input, o.Error = it.text, &Failure{Code: rouse.CodeOf(err), Message: err.Error()}
		var public *rouse.Error
		if errors.As(err, &public) {
			o.Error.Message, o.Error.Type = public.Message, public.Type
		}
	case json.Valid(answer):
		o.Result = answer
	default:
		text := string(answer)
		o.Text = &text
	}
	return o, nil
}

const (
	firstWait = 200 * time.Millisecond
	mostWait  = 30 * time.Second
)

// call runs an item, again when the platform had no room for it.
func (b *Batch) call(ctx context.Context, text []byte) ([]byte, error) {
	wait := firstWait
	for retry := 0; ; retry++ {
		answer, err := b.Call(ctx, text)
		code := rouse.CodeOf(err)
		if err == nil || retry == b.Retries || code != rouse.Throttled && code != rouse.Unavailable {
			return answer, err
		}
		var public *rouse.Error
		pause := wait/2 + rand.N(wait/2+1)
		if errors.As(err, &public) {
			pause = max(pause, min(public.RetryAfter, mostWait))
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
		wait = min(2*wait, mostWait)
	}
}
