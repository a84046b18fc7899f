package drivertest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// FakeSandbox is a sandbox of Fake. Beside the contract it has what a test
// does to it.
type FakeSandbox struct {
	fake  *Fake
	id    rouse.SandboxID
	class driver.Class
	gone  chan struct{} // closed when the sandbox has ended

	api            *pipeListener // stays over restarts
	stdout, stderr *stream

	restarting sync.Mutex // held over a whole restart

	mu       sync.Mutex
	rev      rouse.Revision // zero until assigned
	kept     *rouse.Kept
	assigned bool
	ended    bool
	frozen   bool
	starts   int
	run      *fakeRun // the present one; nil until assigned
}

var (
	_ driver.Sandbox = (*FakeSandbox)(nil)
	_ driver.Adopter = (*FakeSandbox)(nil)
	_ rouse.Process  = (*fakeProcess)(nil)
)

func newSandbox(f *Fake, id rouse.SandboxID, c driver.Class) *FakeSandbox {
	return &FakeSandbox{
		fake: f, id: id, class: c,
		gone:   make(chan struct{}),
		api:    newPipeListener("runtime-api"),
		stdout: newStream(),
		stderr: newStream(),
	}
}

// ID names the sandbox: fake-1, fake-2, ….
func (s *FakeSandbox) ID() rouse.SandboxID { return s.id }

// Class is what the sandbox was made as.
func (s *FakeSandbox) Class() driver.Class { return s.class }

// Revision is what was assigned; zero before.
func (s *FakeSandbox) Revision() rouse.Revision {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rev
}

// Starts counts the runs of the process.
func (s *FakeSandbox) Starts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.starts
}

// Frozen says whether the process is stopped by Freeze.
func (s *FakeSandbox) Frozen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.frozen
}

// Gone says whether the sandbox has ended.
func (s *FakeSandbox) Gone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// Assign runs OnAssign, then starts the program.
func (s *FakeSandbox) Assign(ctx context.Context, rev rouse.Revision) (rouse.Endpoint, error) {
	if s.fake.OnAssign != nil {
		if err := s.fake.OnAssign(ctx, rev); err != nil {
			return rouse.Endpoint{}, err
		}
	}
	if err := ctx.Err(); err != nil {
		return rouse.Endpoint{}, err
	}
	if err := s.place(rev, nil); err != nil {
		return rouse.Endpoint{}, err
	}
	return s.endpoint(), nil
}

// Adopt returns the revision and the endpoint of a sandbox that Leave made.
func (s *FakeSandbox) Adopt(context.Context) (rouse.RevisionID, rouse.Endpoint, error) {
	s.mu.Lock()
	id, gone := s.rev.ID, s.ended
	s.mu.Unlock()
	if gone {
		return "", rouse.Endpoint{}, rouse.ErrGone
	}
	return id, s.endpoint(), nil
}

// Wait blocks until the sandbox is gone.
func (s *FakeSandbox) Wait(ctx context.Context) error {
	select {
	case <-s.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// grace is how long a program may take to end when Stop's ctx sets no deadline.
const grace = 10 * time.Second

// Stop runs OnStop, asks the program to end until ctx or grace ends, and removes
// the sandbox. An error of OnStop leaves the sandbox as it was.
func (s *FakeSandbox) Stop(ctx context.Context) error {
	if s.Gone() {
		return nil
	}
	if s.fake.OnStop != nil {
		if err := s.fake.OnStop(ctx, s.id); err != nil {
			return err
		}
	}
	s.mu.Lock()
	run := s.run
	s.mu.Unlock()
	if run != nil {
		run.term()
		select {
		case <-run.done:
		case <-ctx.Done():
		case <-time.After(grace):
		}
	}
	s.end(true)
	return nil
}

// End has the present run of the process end with e, as if by itself. It
// returns when the program has returned.
func (s *FakeSandbox) End(e rouse.Exit) {
	s.mu.Lock()
	run := s.run
	s.mu.Unlock()
	if run != nil {
		run.end(e, false)
	}
}

// Die ends the whole sandbox from outside, without a word about its process.
func (s *FakeSandbox) Die() { s.end(false) }

func (s *FakeSandbox) end(told bool) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return
	}
	s.ended = true
	run := s.run
	s.mu.Unlock()
	if run != nil {
		run.end(killed, !told)
	}
	s.api.Close()
	s.stdout.finish()
	s.stderr.finish()
	s.fake.ended()
	close(s.gone)
}

func (s *FakeSandbox) place(rev rouse.Revision, kept *rouse.Kept) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return rouse.ErrGone
	case s.assigned:
		return errors.New("the sandbox has been assigned before")
	}
	s.assigned, s.rev, s.kept = true, rev, kept
	s.startLocked()
	return nil
}

func (s *FakeSandbox) startLocked() {
	program := s.fake.Program
	if program == nil {
		program = Sleep
	}
	s.starts++
	s.frozen = false
	s.run = startRun(program, s)
}

func (s *FakeSandbox) endpoint() rouse.Endpoint {
	return rouse.Endpoint{
		Dial:       s.dial,
		RuntimeAPI: s.api,
		Stdout:     s.stdout,
		Stderr:     s.stderr,
		Process:    (*fakeProcess)(s),
		Kept:       s.kept,
	}
}
