package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/rousehq/rouse/runtime/wire"
)

// answer is a reply with what came beside it.
type answer struct {
	message wire.Message
	beside  things
}

// refusal is what the agent could not do.
type refusal struct {
	kind   wire.Kind
	reason string
	errno  syscall.Errno // 0 when the system has no number for it
}

func (r *refusal) Error() string { return fmt.Sprintf("the agent could not %s: %s", r.kind, r.reason) }

func (r *refusal) Unwrap() error {
	if r.errno == 0 {
		return nil
	}
	return r.errno
}

// serve hears the agent until its connection ends.
func (l *Link) serve(conn channel) {
	for {
		m, beside, err := conn.Recv()
		if err != nil {
			l.log.Debug("the agent's connection ended", "reason", err)
			break
		}
		switch m.Kind {
		case wire.KindReply:
			l.answered(m, beside)
			continue
		case wire.KindExit:
			beside.discard()
			l.mu.Lock()
			l.exited(*m.Exit)
			l.mu.Unlock()
			continue
		}
		beside.discard()
		l.log.Warn("the agent broke the protocol", "kind", m.Kind)
		break
	}
	conn.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.abandonRuns()
	close(l.lost)
}

func (l *Link) answered(m wire.Message, beside things) {
	l.mu.Lock()
	waiter := l.asked[m.Seq]
	delete(l.asked, m.Seq)
	l.mu.Unlock()
	if waiter == nil {
		beside.discard() // nobody waits any more
		return
	}
	waiter <- answer{m, beside}
}

// tell says something that has no reply. It blocks while the agent does not read.
func (l *Link) tell(m wire.Message, files ...int) error {
	l.mu.Lock()
	conn := l.conn
	l.mu.Unlock()
	if conn == nil {
		return l.errGone()
	}
	select {
	case <-l.lost:
		return l.errGone()
	default:
	}
	err := conn.Send(m, files...)
	if errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return errors.Join(l.errGone(), err) // which lost is about to say
	}
	return err
}

// ask says something and blocks until the reply, which brings exactly want
// things, the caller's to close.
func (l *Link) ask(ctx context.Context, m wire.Message, want int, files ...int) (wire.Message, things, error) {
	waiter := make(chan answer, 1)
	l.mu.Lock()
	l.seq++
	m.Seq = l.seq
	l.asked[m.Seq] = waiter
	l.mu.Unlock()
	if err := l.tell(m, files...); err != nil {
		l.giveUp(m.Seq, waiter)
		return wire.Message{}, things{}, err
	}
	select {
	case a := <-waiter:
		return a.open(m.Kind, want)
	case <-l.lost:
		l.giveUp(m.Seq, waiter)
		return wire.Message{}, things{}, l.errGone()
	case <-ctx.Done():
		l.giveUp(m.Seq, waiter)
		return wire.Message{}, things{}, ctx.Err()
	}
}

// giveUp forgets a request, and the answer that may have raced in.
func (l *Link) giveUp(seq uint64, waiter chan answer) {
	l.mu.Lock()
	_, waits := l.asked[seq]
	delete(l.asked, seq)
	l.mu.Unlock()
	if !waits { // it was taken to be answered, and will be
		a := <-waiter
		a.beside.discard()
	}
}

// open is the answer if it is what was asked for.
func (a answer) open(kind wire.Kind, want int) (wire.Message, things, error) {
	m := a.message
	if m.Error != "" || m.Errno != 0 {
		a.beside.discard()
		return m, things{}, &refusal{kind, m.Error, syscall.Errno(m.Errno)}
	}
	if got := a.beside.count(); got != want {
		a.beside.discard()
		return m, things{}, fmt.Errorf("the agent answered %s with %d descriptors instead of %d", kind, got, want)
	}
	return m, a.beside, nil
}
