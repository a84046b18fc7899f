package link

import (
	"context"
	"errors"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/runtime/wire"
)

// Prepare has the agent start an interpreter that Launch can fork, and blocks
// until its modules are loaded. What the interpreter says against one of them is
// an Invalid error. It is called once, before Launch.
func (l *Link) Prepare(ctx context.Context, launch rouse.Launch) error {
	if err := l.Connected(ctx); err != nil {
		return err
	}
	_, _, err := l.ask(ctx, wire.Message{Kind: wire.KindZygote, Start: startOf(launch, 0)}, 0)
	if r, ok := errors.AsType[*refusal](err); ok && r.errno == 0 {
		return rouse.Errorf(rouse.Invalid, "zygote: %s", r.reason)
	}
	return err
}

// Clear ends what Prepare started. It is idempotent.
func (l *Link) Clear(ctx context.Context) error {
	_, _, err := l.ask(ctx, wire.Message{Kind: wire.KindKill}, 0)
	return err
}

// askToFork has the agent begin run 1 as a fork, and notes in ep whether it
// did. Where it could not, the process was started as any other.
func (l *Link) askToFork(ctx context.Context, m wire.Message, ep *rouse.Endpoint, files ...int) error {
	_, _, err := l.ask(ctx, m, 0, files...)
	if r, ok := errors.AsType[*refusal](err); ok {
		l.log.Warn("a zygote could not be used; the process was started without it", "reason", r.reason)
		return nil
	}
	ep.Forked = err == nil
	return err
}
