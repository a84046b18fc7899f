package link

import (
	"context"
	"syscall"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/runtime/wire"
)

// run is one life of the function's process.
type run struct {
	number int
	ended  *wire.Exit    // the agent's word; guarded by the link's mu
	done   chan struct{} // closed when exit and err are set
	exit   rouse.Exit
	err    error
}

// newRun registers the run before the agent can speak of it. l.mu is held.
func (l *Link) newRun(number int) *run {
	r := &run{number: number, done: make(chan struct{})}
	l.runs[number] = r
	return r
}

// present makes number the run that Wait speaks of. l.mu is held.
func (l *Link) present(number int) {
	if l.runs[number] == nil {
		l.newRun(number)
	}
	l.run = l.runs[number]
	for n := range l.runs {
		if n < number {
			delete(l.runs, n)
		}
	}
}

// exited records the agent's first word about a run's end. l.mu is held.
func (l *Link) exited(e wire.Exit) {
	r := l.runs[e.Run]
	if r == nil || r.ended != nil {
		return
	}
	r.ended = &e
	if l.launched { // else Resume says later how to complete it
		l.complete(r)
	}
}

// complete has the host's own findings added to r's exit, and publishes it. l.mu is held.
func (l *Link) complete(r *run) {
	inspect := l.inspect
	l.tasks.Go(func() {
		r.exit = exitOf(*r.ended)
		if inspect != nil {
			r.exit = inspect(r.exit)
		}
		close(r.done)
	})
}

// abandonRuns ends the runs that the agent can no longer speak of. l.mu is held.
func (l *Link) abandonRuns() {
	for _, r := range l.runs {
		if r.ended == nil {
			r.ended = &wire.Exit{Run: r.number}
			r.err = l.errGone()
			close(r.done)
		}
	}
}

func exitOf(e wire.Exit) rouse.Exit {
	exit := rouse.Exit{Code: e.Code, Error: e.Error, Extension: e.Extension}
	if e.Signal != 0 {
		exit.Code, exit.Signal = -1, syscall.Signal(e.Signal).String()
	}
	return exit
}

// process is the Endpoint's Process: the agent is asked to do what is wanted.
type process struct{ link *Link }

var _ rouse.ExtendedProcess = process{}

// Wait implements rouse.Process.
func (p process) Wait(ctx context.Context) (rouse.Exit, error) {
	p.link.mu.Lock()
	r := p.link.run
	p.link.mu.Unlock()
	select {
	case <-r.done:
		return r.exit, r.err
	case <-ctx.Done():
		return rouse.Exit{}, ctx.Err()
	}
}

// Kill implements rouse.Process.
func (p process) Kill(ctx context.Context) error {
	return p.do(ctx, wire.Message{Kind: wire.KindKill})
}

// Restart implements rouse.Process. Restarts come one after the other. When ctx
// ends during one, the new run may begin later all the same, and Wait speaks of it.
func (p process) Restart(ctx context.Context) error {
	l := p.link
	select {
	case l.restart <- struct{}{}:
		defer func() { <-l.restart }()
	case <-l.lost:
		return l.errGone()
	case <-ctx.Done():
		return ctx.Err()
	}
	l.mu.Lock()
	next := l.newRun(l.run.number + 1)
	l.mu.Unlock()
	err := p.do(ctx, wire.Message{Kind: wire.KindRestart, Run: next.number})
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil || ctx.Err() != nil {
		l.present(next.number)
	} else {
		delete(l.runs, next.number)
	}
	return err
}

// Freeze implements rouse.Process.
func (p process) Freeze(ctx context.Context) error {
	return p.do(ctx, wire.Message{Kind: wire.KindFreeze})
}

// Thaw implements rouse.Process.
func (p process) Thaw(ctx context.Context) error {
	return p.do(ctx, wire.Message{Kind: wire.KindThaw})
}

// Proceed implements rouse.ExtendedProcess.
func (p process) Proceed(ctx context.Context) error {
	return p.do(ctx, wire.Message{Kind: wire.KindProceed})
}

// End implements rouse.ExtendedProcess.
func (p process) End(ctx context.Context, kill bool) error {
	signal := syscall.SIGTERM
	if kill {
		signal = syscall.SIGKILL
	}
	return p.do(ctx, wire.Message{Kind: wire.KindEnd, Signal: int(signal)})
}

// Alone implements rouse.ExtendedProcess.
func (p process) Alone(ctx context.Context) error {
	return p.do(ctx, wire.Message{Kind: wire.KindAwait})
}

func (p process) do(ctx context.Context, m wire.Message) error {
	_, _, err := p.link.ask(ctx, m, 0)
	return err
}
