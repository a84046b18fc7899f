package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rousehq/rouse"
)

// journal writes one function's files, for all its instances.
type journal struct {
	function rouse.FunctionName
	dir      string
	options  Options
	dropped  *atomic.Uint64

	users, writers int // guarded by Logs.mu

	mu      sync.Mutex
	file    *os.File      // the newest; nil until there is something to write
	number  int           // of file
	size    int64         // of file, whole lines only
	pending []byte        // lines that may wait a moment for others
	held    int           // how many those are
	flushed *time.Timer   // writes them; nil before the first
	ended   bool          // the function was removed
	lost    int           // lines since writing began to fail
	changed chan struct{} // closed at the next change; nil while nobody watches
}

const (
	// linger is how long lines may wait that can: one write then takes many.
	linger = 20 * time.Millisecond
	// maxPending is how many bytes of them do.
	maxPending = 64 << 10
)

// write appends count encoded lines. It never fails: what cannot be written is
// counted, said once, and noted in the log when writing works again.
func (j *journal) write(lines []byte, count int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.held > 0 {
		lines, count = append(j.pending, lines...), j.held+count
		j.pending, j.held = j.pending[:0], 0
	}
	j.put(lines, count)
}

// later is write for lines of which many come at once, and soon.
func (j *journal) later(lines []byte, count int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.held == 0 {
		if j.flushed == nil {
			j.flushed = time.AfterFunc(linger, j.flush)
		} else {
			j.flushed.Reset(linger)
		}
	}
	j.pending, j.held = append(j.pending, lines...), j.held+count
	if len(j.pending) >= maxPending {
		j.flushLocked()
	}
}

// flush writes what waits.
func (j *journal) flush() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.flushLocked()
}

// flushLocked is flush for who holds mu.
func (j *journal) flushLocked() {
	if j.held > 0 {
		lines, count := j.pending, j.held
		j.pending, j.held = j.pending[:0], 0
		j.put(lines, count)
	}
}

// put is write for who holds mu.
func (j *journal) put(lines []byte, count int) {
	if j.ended {
		return
	}
	if j.lost > 0 {
		lines = append(j.remark(fmt.Sprintf("%d lines were lost because they could not be written", j.lost)), lines...)
	}
	if err := j.append(lines); err != nil {
		if j.lost == 0 {
			j.options.Log.Error("function log cannot be written; lines are dropped", "function", j.function, "err", err)
		}
		j.lost += count
		j.dropped.Add(uint64(count))
		return
	}
	if j.lost > 0 {
		j.options.Log.Info("function log can be written again", "function", j.function, "lost", j.lost)
		j.lost = 0
	}
	j.wake()
}

func (j *journal) append(lines []byte) error {
	if j.file == nil {
		if err := j.open(); err != nil {
			return err
		}
	}
	if j.size > 0 && j.size+int64(len(lines)) > int64(j.options.MaxFile) {
		if err := j.rotate(); err != nil {
			return err
		}
	}
	if _, err := j.file.Write(lines); err != nil {
		// Half a line must not be joined to the next one.
		return errors.Join(err, j.file.Truncate(j.size))
	}
	j.size += int64(len(lines))
	return nil
}

// open goes on with the newest file, or begins the first.
func (j *journal) open() error {
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return err
	}
	numbers, err := list(j.dir)
	if err != nil {
		return err
	}
	if len(numbers) == 0 {
		return j.create(1)
	}
	number := numbers[len(numbers)-1]
	f, err := os.OpenFile(fileName(j.dir, number), os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	size, err := wholeLines(f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	j.file, j.number, j.size = f, number, size
	return nil
}

// wholeLines cuts off the half line that a crash left at a file's end.
func wholeLines(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size()
	block := make([]byte, 64<<10)
	for size > 0 {
		from := max(0, size-int64(len(block)))
		n, err := f.ReadAt(block[:size-from], from)
		if err != nil {
			return 0, err
		}
		if end := bytes.LastIndexByte(block[:n], '\n'); end >= 0 {
			size = from + int64(end) + 1
			break
		}
		size = from
	}
	if size == info.Size() {
		return size, nil
	}
	return size, f.Truncate(size)
}

func (j *journal) create(number int) error {
	f, err := os.OpenFile(fileName(j.dir, number), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	j.file, j.number, j.size = f, number, 0
	return nil
}

// rotate makes room first, so that a full disk gets out of it.
func (j *journal) rotate() error {
	numbers, err := list(j.dir)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if n <= j.number+1-j.options.Keep {
			if err := os.Remove(fileName(j.dir, n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	full := j.file
	if err := j.create(j.number + 1); err != nil {
		return err
	}
	return full.Close()
}

// rest closes the file; the next write opens it again.
func (j *journal) rest() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.flushLocked()
	j.pending = nil
	j.closeFile()
}

// end makes everything written from now on disappear.
func (j *journal) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ended = true
	j.closeFile()
	j.wake()
}

func (j *journal) closeFile() {
	if j.file != nil {
		j.file.Close() //nolint:errcheck // every write has been checked
		j.file = nil
	}
}

func (j *journal) wake() {
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}

// watch returns what is closed at the next change, and whether the log has
// ended. Whoever watches first and reads then misses nothing.
func (j *journal) watch() (changed <-chan struct{}, ended bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.changed == nil {
		j.changed = make(chan struct{})
	}
	return j.changed, j.ended
}

func (j *journal) remark(text string) []byte {
	b, err := json.Marshal(Line{Time: time.Now().UTC(), Stream: Remarks, Text: text})
	if err != nil {
		panic("logs: a line that cannot be encoded: " + err.Error())
	}
	return append(b, '\n')
}

const suffix = ".log"

func fileName(dir string, number int) string {
	return filepath.Join(dir, fmt.Sprintf("%08d%s", number, suffix))
}

// list returns the numbers of the files in dir, the oldest first. A folder that
// is not there has none.
func list(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), suffix)
		if n, err := strconv.Atoi(digits); ok && err == nil && n > 0 {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}
