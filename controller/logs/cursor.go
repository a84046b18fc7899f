package logs

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
)

// errStopped says that whoever reads wants no more.
var errStopped = errors.New("stopped")

// cursor is a place in a function's files.
type cursor struct {
	dir    string
	number int // of the file; 0 before the first
	file   *os.File
	offset int64 // behind the last whole line that was read
}

// open moves to the begin of a file. One that was rotated away meanwhile is as
// good as empty.
func (c *cursor) open(number int) error {
	c.close()
	f, err := os.Open(fileName(c.dir, number))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c.number, c.offset = number, 0
	if err == nil {
		c.file = f
	}
	return nil
}

// lines passes on every whole line from here to the end of the file. A line
// whose end has not been written yet is left for the next time.
func (c *cursor) lines(emit func(raw []byte) error) error {
	if c.file == nil {
		return nil
	}
	if _, err := c.file.Seek(c.offset, io.SeekStart); err != nil {
		return err
	}
	r := bufio.NewReaderSize(c.file, 32<<10)
	for {
		raw, err := r.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		c.offset += int64(len(raw))
		if err := emit(raw); err != nil {
			return err
		}
	}
}

// next is the number of the file after this one, or 0.
func (c *cursor) next() (int, error) {
	numbers, err := list(c.dir)
	for _, n := range numbers {
		if n > c.number {
			return n, err
		}
	}
	return 0, err
}

func (c *cursor) close() {
	if c.file != nil {
		c.file.Close() //nolint:errcheck // read-only
		c.file = nil
	}
}
