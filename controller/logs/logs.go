package logs

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/rousehq/rouse"
)

// Options bound what is kept. The zero value means the defaults.
type Options struct {
	MaxFile rouse.Bytes // when a new file is begun; 8MB
	Keep    int         // files a function; 4
	// Log is told when lines cannot be written, and when they can again.
	Log *slog.Logger
}

// Logs is the folder of all functions' logs. Its methods may be called at once
// from many goroutines, but only one Logs may be open on a folder.
type Logs struct {
	dir     string
	options Options
	dropped atomic.Uint64

	mu         sync.Mutex
	journals   map[rouse.FunctionName]*journal // those in use; guarded by mu, as are their counts
	collectors map[*Collector]struct{}         // those that have not ended; guarded by mu
}

// Open makes the folder if needed.
func Open(dir string, o Options) (*Logs, error) {
	if o.MaxFile == 0 {
		o.MaxFile = 8 * rouse.MB
	}
	if o.Keep == 0 {
		o.Keep = 4
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the logs' folder: %w", err)
	}
	return &Logs{
		dir: dir, options: o,
		journals:   map[rouse.FunctionName]*journal{},
		collectors: map[*Collector]struct{}{},
	}, nil
}

// Close waits until every Collector has ended, which their streams' ends make
// them do, or until ctx ends. Readers end with their own contexts.
func (l *Logs) Close(ctx context.Context) error {
	l.mu.Lock()
	var waiting []*Collector
	for c := range l.collectors {
		waiting = append(waiting, c)
	}
	l.mu.Unlock()
	for _, c := range waiting {
		select {
		case <-c.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Dropped is how many lines could not be written since Open.
func (l *Logs) Dropped() uint64 { return l.dropped.Load() }

// Remove deletes a function's log. Lines of its instances that still run are
// dropped from now on, and those who follow it come to its end. It is idempotent.
func (l *Logs) Remove(fn rouse.FunctionName) error {
	dir, err := l.folder(fn)
	if err != nil {
		return err
	}
	// The lock keeps a function of the same name from beginning its log in a
	// folder that is about to go.
	l.mu.Lock()
	defer l.mu.Unlock()
	if j, ok := l.journals[fn]; ok {
		delete(l.journals, fn)
		j.end()
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("removing the log of %s: %w", fn, err)
	}
	return nil
}

// folder is where fn's files are. A name is checked, for it becomes a path.
func (l *Logs) folder(fn rouse.FunctionName) (string, error) {
	if _, err := rouse.ParseFunctionName(string(fn)); err != nil {
		return "", err
	}
	return filepath.Join(l.dir, string(fn)), nil
}

// use finds or makes fn's journal and counts a user of it, who calls leave.
func (l *Logs) use(fn rouse.FunctionName, dir string, writes bool) *journal {
	l.mu.Lock()
	defer l.mu.Unlock()
	j, ok := l.journals[fn]
	if !ok {
		j = &journal{function: fn, dir: dir, options: l.options, dropped: &l.dropped}
		l.journals[fn] = j
	}
	j.users++
	if writes {
		j.writers++
	}
	return j
}

func (l *Logs) leave(j *journal, writes bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	j.users--
	if writes {
		if j.writers--; j.writers == 0 {
			j.rest()
		}
	}
	if j.users == 0 && l.journals[j.function] == j {
		delete(l.journals, j.function)
	}
}
