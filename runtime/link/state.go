package link

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

const (
	stateName = "state"
	stateSize = 4096
)

// state is a word in a file that is mapped: the slot that waits for an event
// plus one, or 0 while the process is at work. What is stored there is in the
// file even if this process is killed right after.
type state struct {
	mu  sync.Mutex // keeps the mapping while it is used
	mem []byte     // nil when closed
}

// createState makes the file with all its bytes, so that no store can fail for
// want of disk space later.
func createState(root string) (*state, error) {
	path := filepath.Join(root, stateName)
	if err := os.WriteFile(path, make([]byte, stateSize), 0o600); err != nil {
		return nil, err
	}
	return openState(root)
}

func openState(root string) (*state, error) {
	f, err := os.OpenFile(filepath.Join(root, stateName), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() != stateSize { // touching what is not there would be fatal
		return nil, fmt.Errorf("%s: %d bytes instead of %d", stateName, info.Size(), stateSize)
	}
	mem, err := syscall.Mmap(int(f.Fd()), 0, stateSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return &state{mem: mem}, nil
}

func (s *state) word() *atomic.Uint32 { return (*atomic.Uint32)(unsafe.Pointer(&s.mem[0])) }

func (s *state) store(v uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mem != nil {
		s.word().Store(v)
	}
}

// waiting is the slot that waited when the word was last stored, or -1.
func (s *state) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mem == nil {
		return -1
	}
	return int(int32(s.word().Load())) - 1
}

func (s *state) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mem != nil {
		_ = syscall.Munmap(s.mem)
		s.mem = nil
	}
}
