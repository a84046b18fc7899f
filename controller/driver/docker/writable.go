package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/docker/mount"
)

const (
	// noteWritable is how many bytes a function may write beside /tmp.
	noteWritable = "writable"
	// measureEvery is how often what it wrote is added up; adding up may take a
	// tenth of the time at most.
	measureEvery = time.Second
	// smallest is what a file counts at the least: names take space too.
	smallest = 4 * rouse.KB
)

// upperDir is where the files lie that a cell's function writes.
func (d *Driver) upperDir(id rouse.SandboxID) string {
	return filepath.Join(d.Data, "writable", string(id))
}

// makeUpper makes the folder of the files that the cell's function will write.
func (s *sandbox) makeUpper() (string, error) {
	dir := s.d.upperDir(s.id)
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	return dir, mount.MakeUpper(dir)
}

// removeUppers removes the folders of sandboxes that are not known any more.
func (d *Driver) removeUppers(known map[rouse.SandboxID]bool) error {
	entries, err := os.ReadDir(filepath.Dir(d.upperDir("x")))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		if !known[rouse.SandboxID(e.Name())] {
			errs = append(errs, removeTree(d.upperDir(rouse.SandboxID(e.Name()))))
		}
	}
	return errors.Join(errs...)
}

// noteDisk takes down how much a function of class c may write beside /tmp.
func (s *sandbox) noteDisk(c driver.Class) error {
	if !c.Writable {
		return nil
	}
	s.writable = c.Tmp
	if err := s.link.Note(noteWritable, strconv.FormatInt(int64(c.Tmp), 10)); err != nil {
		return fmt.Errorf("writing a sandbox's record: %w", err)
	}
	return nil
}

// recallDisk finds what an earlier host process took down.
func (s *sandbox) recallDisk() {
	limit, err := strconv.ParseInt(s.link.Notes()[noteWritable], 10, 64)
	if err == nil && limit > 0 {
		s.writable = rouse.Bytes(limit)
	}
}

// watchDisk ends the sandbox when its function has written too much. A file
// system gives folders no size, so that they are looked at.
func (s *sandbox) watchDisk(process rouse.Process) {
	if s.writable == 0 {
		return
	}
	dir := s.d.upperDir(s.id)
	if _, err := os.Stat(dir); err != nil {
		dir = s.layer
	}
	if dir == "" {
		s.d.Log.Warn("what a function writes beside /tmp cannot be measured with this engine's storage driver", "sandbox", s.id)
		return
	}
	s.d.beside.Go(func() {
		pause := measureEvery
		for {
			select {
			case <-time.After(pause):
			case <-s.gone:
				return
			case <-s.d.done:
				return
			}
			began := time.Now()
			if used := written(dir, s.writable); used > s.writable {
				s.overflow(process)
				return
			}
			pause = max(measureEvery, 10*time.Since(began))
		}
	})
}

// overflow ends the process, whose exit says why, and then the sandbox: another
// run would find the disk as full.
func (s *sandbox) overflow(process rouse.Process) {
	s.full.Store(true)
	s.d.Log.Warn("a function wrote more than it may beside /tmp; its sandbox is ended", "sandbox", s.id, "limit", s.writable)
	ctx, cancel := context.WithTimeout(s.d.life, grace)
	defer cancel()
	if err := process.Kill(ctx); err != nil && ctx.Err() == nil {
		s.d.Log.Debug("ending a process that wrote too much", "sandbox", s.id, "error", err)
	}
	s.end()
}

// inspect completes an exit with what the host knows of it.
func (s *sandbox) inspect(exit rouse.Exit) rouse.Exit {
	if s.gauge != nil {
		exit = s.gauge.Inspect(exit)
	}
	if s.full.Load() && exit.Signal != "" {
		exit.Error = fmt.Sprintf("signal: %s: more than %s written outside of /tmp", exit.Signal, s.writable)
	}
	return exit
}

// written adds up what the files below dir take, until that is more than enough.
// Files that vanish meanwhile count nothing; a tree that is too deep for its
// paths to be named is more than enough.
func written(dir string, enough rouse.Bytes) (sum rouse.Bytes) {
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, syscall.ENAMETOOLONG) {
			return err
		}
		if err != nil || entry == nil {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		size := smallest
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			size = max(size, rouse.Bytes(stat.Blocks)*512)
		}
		if sum += size; sum > enough {
			return fs.SkipAll
		}
		return nil
	})
	if err != nil {
		return enough + 1
	}
	return sum
}
