package logs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/rousehq/rouse"
)

// Query says which lines to read.
type Query struct {
	Tail      int       // begin with this many of the last matching lines; 0 all that are kept, -1 none
	Since     time.Time // only lines read at this time or later
	RequestID string    // only lines of this request
	Follow    bool      // go on with what is printed from now on
}

func (q *Query) matches(l *Line) bool {
	return (q.RequestID == "" || l.RequestID == q.RequestID) && (q.Since.IsZero() || !l.Time.Before(q.Since))
}

// Read yields the lines of a function that q wants, in the order of arrival. It
// blocks on the disk, and with Follow until there is more; a followed log ends
// without an error when ctx ends or the function is removed. A function without
// a log has no lines. An error is yielded once, last.
func (l *Logs) Read(ctx context.Context, fn rouse.FunctionName, q Query) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		dir, err := l.folder(fn)
		if err != nil {
			yield(Line{}, err)
			return
		}
		j := l.use(fn, dir, false)
		defer l.leave(j, false)
		j.flush()
		r := reading{ctx: ctx, query: q, yield: yield}
		c := &cursor{dir: dir}
		defer c.close()
		err = r.begin(c)
		for err == nil {
			changed, ended := j.watch()
			if err = r.forward(c); err != nil || ended || !q.Follow {
				break
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
		if err != nil && err != errStopped && (ctx.Err() == nil || !q.Follow) {
			yield(Line{}, fmt.Errorf("reading the log of %s: %w", fn, err))
		}
	}
}

// reading is one call of Read.
type reading struct {
	ctx   context.Context
	query Query
	yield func(Line, error) bool
}

// begin yields the tail and leaves the cursor after it.
func (r *reading) begin(c *cursor) error {
	if r.query.Tail == 0 {
		return nil
	}
	numbers, err := list(c.dir)
	if err != nil || len(numbers) == 0 {
		return err
	}
	want := max(0, r.query.Tail)
	newest := numbers[len(numbers)-1]
	if err := c.open(newest); err != nil {
		return err
	}
	var tail []Line
	for i := len(numbers) - 1; i >= 0; i-- {
		older := c
		if numbers[i] != newest {
			if len(tail) >= want {
				break
			}
			older = &cursor{dir: c.dir}
			if err := older.open(numbers[i]); err != nil {
				return err
			}
		}
		found, err := r.last(older, want-len(tail))
		if older != c {
			older.close()
		}
		if err != nil {
			return err
		}
		tail = append(found, tail...)
	}
	for _, line := range tail {
		if !r.yield(line, nil) {
			return errStopped
		}
	}
	return nil
}

// last reads one file to its end and returns its last matching lines.
func (r *reading) last(c *cursor, want int) ([]Line, error) {
	var found []Line
	err := c.lines(func(raw []byte) error {
		if want == 0 {
			return r.ctx.Err()
		}
		line, ok := r.decode(raw)
		if !ok {
			return r.ctx.Err()
		}
		// Dropping half at a time keeps this linear and the memory bounded.
		if found = append(found, line); len(found)/2 > want {
			found = append(found[:0], found[len(found)-want:]...)
		}
		return r.ctx.Err()
	})
	return found[max(0, len(found)-want):], err
}

// forward yields all that has been written after the cursor.
func (r *reading) forward(c *cursor) error {
	emit := func(raw []byte) error {
		if line, ok := r.decode(raw); ok && !r.yield(line, nil) {
			return errStopped
		}
		return r.ctx.Err()
	}
	for {
		if err := c.lines(emit); err != nil {
			return err
		}
		next, err := c.next()
		if err != nil || next == 0 {
			return err
		}
		// It may have grown until the next one was begun, but not after.
		if err := c.lines(emit); err != nil {
			return err
		}
		if err := c.open(next); err != nil {
			return err
		}
	}
}

func (r *reading) decode(raw []byte) (line Line, ok bool) {
	if r.query.RequestID != "" && !bytes.Contains(raw, []byte(r.query.RequestID)) {
		return line, false
	}
	if err := json.Unmarshal(raw, &line); err != nil {
		return line, false // overwritten by somebody else; the rest is worth reading
	}
	return line, r.query.matches(&line)
}
