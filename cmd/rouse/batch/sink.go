package batch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// sink writes what became of items.
type sink struct {
	batch  *Batch
	window chan struct{} // has a token for each item that was handed out and is not written

	mu      sync.Mutex
	counts  Counts         // guarded by mu
	next    int            // guarded by mu; the turn that is to be written
	waiting map[int][]byte // guarded by mu; results of later turns; nil is a failure
}

func (s *sink) skip() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Read++
	s.counts.Skipped++
}

func (s *sink) began() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Read++
}

// take writes an outcome, or keeps it until its turn has come.
func (s *sink) take(it item, o outcome) error {
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(o); err != nil {
		return fmt.Errorf("line %d: %w", it.line, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if o.Error != nil {
		s.counts.Failed++
		if s.batch.Failures != nil {
			_, err = s.batch.Failures.Write(line.Bytes())
		}
		s.waiting[it.turn] = nil
	} else {
		s.counts.Succeeded++
		s.waiting[it.turn] = line.Bytes()
	}
	if err == nil {
		err = s.write(it.turn)
	}
	if err == nil && s.batch.Progress != nil {
		s.batch.Progress(s.counts)
	}
	return err
}

// write writes a turn, or all turns that have come.
func (s *sink) write(turn int) error {
	if s.batch.Ordered {
		turn = s.next
	}
	for {
		line, here := s.waiting[turn]
		if !here {
			return nil
		}
		delete(s.waiting, turn)
		<-s.window
		if line != nil {
			if _, err := s.batch.Results.Write(line); err != nil {
				return fmt.Errorf("writing a result: %w", err)
			}
		}
		if !s.batch.Ordered {
			return nil
		}
		s.next++
		turn = s.next
	}
}

// Done has a checksum of every item, by its line, that has a result.
type Done map[int]string

// Resume reads the results of an earlier run. whole is how many bytes of them
// are whole lines: one that was torn by a crash comes after, and is to be cut off.
func Resume(results io.Reader) (done Done, whole int64, err error) {
	done = Done{}
	b, err := io.ReadAll(results)
	if err != nil {
		return nil, 0, err
	}
	for n := 1; ; n++ {
		end := bytes.IndexByte(b[whole:], '\n')
		if end < 0 {
			return done, whole, nil
		}
		var o struct {
			Line int
			Item string
		}
		line := b[whole : whole+int64(end)]
		if json.Unmarshal(line, &o) != nil || o.Line < 1 || o.Item == "" {
			return nil, 0, fmt.Errorf("line %d is no result of a batch", n)
		}
		done[o.Line] = o.Item
		whole += int64(end) + 1
	}
}
