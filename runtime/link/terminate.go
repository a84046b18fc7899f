package link

import (
	"cmp"
	"context"
	"syscall"
	"time"

	"github.com/rousehq/rouse/runtime/wire"
)

// settle is how long an agent may take to die after it was told to.
const settle = 5 * time.Second

// Terminate asks the function's process to end (SIGTERM, or what its launch said) and waits for it
// until ctx ends; then it has the agent kill what is left and exit. It blocks
// until the agent is gone, and returns ErrGone when there was none.
func (l *Link) Terminate(ctx context.Context) error {
	l.mu.Lock()
	conn, r, signal := l.conn, l.run, int(syscall.SIGTERM)
	if l.record.Launched != nil {
		signal = cmp.Or(l.record.Launched.Stop, signal)
	}
	l.mu.Unlock()
	if conn == nil {
		return l.errGone()
	}
	if r != nil {
		l.askToEnd(ctx, r, signal)
	}
	if err := l.tell(wire.Message{Kind: wire.KindStop}); err != nil {
		select {
		case <-l.lost: // gone is what was wanted
			return nil
		default:
			return err
		}
	}
	settled, cancel := context.WithTimeout(context.WithoutCancel(ctx), settle)
	defer cancel()
	select {
	case <-l.lost:
		return nil
	case <-settled.Done():
		return settled.Err()
	}
}

// askToEnd sends the signal for that, to a frozen process too, and waits for r's end.
func (l *Link) askToEnd(ctx context.Context, r *run, signal int) {
	if (process{l}).Thaw(ctx) != nil {
		return
	}
	if l.tell(wire.Message{Kind: wire.KindSignal, Signal: signal}) != nil {
		return
	}
	select {
	case <-r.done:
	case <-l.lost:
	case <-ctx.Done():
	}
}
