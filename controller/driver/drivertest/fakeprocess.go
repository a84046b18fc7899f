package drivertest

import (
	"context"
	"io"
	"net"
	"sync"

	"github.com/rousehq/rouse"
)

// Program is what Fake runs as a function's process. It is called once for
// each run, in a goroutine of its own; its return is the end of the process.
// It must return when ctx ends, which is SIGKILL.
type Program func(ctx context.Context, p *Proc) rouse.Exit

// Proc is a fake process' view of its sandbox.
type Proc struct {
	Revision rouse.Revision
	// Listen opens the port that the host dials (http contract), which refuses
	// until then.
	Listen func() net.Listener
	// RuntimeAPI connects to the host (lambda contract).
	RuntimeAPI     func(ctx context.Context) (net.Conn, error)
	Stdout, Stderr io.Writer
	// Term is closed when the process is asked to end (SIGTERM).
	Term <-chan struct{}
}

// Sleep is the program that does nothing until it is told to end.
func Sleep(ctx context.Context, p *Proc) rouse.Exit {
	select {
	case <-p.Term:
	case <-ctx.Done():
	}
	return rouse.Exit{}
}

var killed = rouse.Exit{Code: -1, Signal: "killed"}

// fakeRun is a program from one start to its end.
type fakeRun struct {
	port   *pipeListener
	cancel context.CancelFunc
	term   func()
	done   chan struct{} // closed after exit and silent are set

	mu        sync.Mutex
	conns     []net.Conn // the process' ends, closed with it
	listening bool
	over      bool // it ended, or was told to
	exit      rouse.Exit
	silent    bool // nobody is told how it ended
}

func startRun(program Program, s *FakeSandbox) *fakeRun {
	ctx, cancel := context.WithCancel(context.Background())
	term := make(chan struct{})
	run := &fakeRun{
		port:   newPipeListener("port"),
		cancel: cancel,
		term:   sync.OnceFunc(func() { close(term) }),
		done:   make(chan struct{}),
	}
	proc := &Proc{
		Revision: s.rev, Listen: run.listen,
		RuntimeAPI: func(ctx context.Context) (net.Conn, error) { return run.track(s.api.dial(ctx)) },
		Stdout:     s.stdout.writer(ctx), Stderr: s.stderr.writer(ctx), Term: term,
	}
	go func() {
		exit := program(ctx, proc)
		run.decide(exit, false)
		cancel()
		run.port.Close()
		run.hangUp()
		close(run.done)
	}()
	return run
}

// end ends the run with e, unless it has ended, and returns when it has.
func (r *fakeRun) end(e rouse.Exit, silent bool) {
	r.decide(e, silent)
	r.cancel()
	<-r.done
}

// decide settles how the run ends; the first word counts.
func (r *fakeRun) decide(e rouse.Exit, silent bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.over, r.exit, r.silent = true, e, silent
	}
}

func (r *fakeRun) listen() net.Listener {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listening = true
	return runListener{r.port, r}
}

// track has the connection closed with the process, as a kernel would.
func (r *fakeRun) track(c net.Conn, err error) (net.Conn, error) {
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.conns = append(r.conns, c)
	}
	return c, err
}

func (r *fakeRun) hangUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		c.Close()
	}
}

// runListener is the port as the process sees it.
type runListener struct {
	*pipeListener
	run *fakeRun
}

func (l runListener) Accept() (net.Conn, error) { return l.run.track(l.pipeListener.Accept()) }

func (r *fakeRun) dial(ctx context.Context) (net.Conn, error) {
	r.mu.Lock()
	listening := r.listening
	r.mu.Unlock()
	if !listening {
		return nil, refused(r.port.Addr())
	}
	return r.port.dial(ctx)
}

// fakeProcess is a FakeSandbox as the Process of its Endpoint.
type fakeProcess FakeSandbox

func (p *fakeProcess) current() *fakeRun {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run
}

func (p *fakeProcess) Wait(ctx context.Context) (rouse.Exit, error) {
	run := p.current()
	select {
	case <-run.done:
	case <-ctx.Done():
		return rouse.Exit{}, ctx.Err()
	}
	if run.silent {
		return rouse.Exit{}, rouse.ErrGone
	}
	return run.exit, nil
}

func (p *fakeProcess) Kill(context.Context) error {
	p.current().end(killed, false)
	return nil
}

func (p *fakeProcess) Restart(ctx context.Context) error {
	s := (*FakeSandbox)(p)
	if s.fake.OnRestart != nil {
		if err := s.fake.OnRestart(ctx, s.id); err != nil {
			return err
		}
	}
	s.restarting.Lock()
	defer s.restarting.Unlock()
	p.current().end(killed, false)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return rouse.ErrGone
	}
	s.startLocked()
	return nil
}

func (p *fakeProcess) Freeze(ctx context.Context) error {
	return p.setFrozen(ctx, p.fake.OnFreeze, true)
}

func (p *fakeProcess) Thaw(ctx context.Context) error {
	return p.setFrozen(ctx, p.fake.OnThaw, false)
}

func (p *fakeProcess) setFrozen(ctx context.Context, hook func(context.Context, rouse.SandboxID) error, frozen bool) error {
	if hook != nil {
		if err := hook(ctx, p.id); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return rouse.ErrGone
	}
	p.frozen = frozen
	return nil
}

func (s *FakeSandbox) dial(ctx context.Context) (net.Conn, error) {
	s.mu.Lock()
	run, ended := s.run, s.ended
	s.mu.Unlock()
	if ended {
		return nil, rouse.ErrGone
	}
	return run.dial(ctx)
}
