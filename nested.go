package rouse

import "context"

type callerKey struct{}

// CalledBy marks ctx as that of a call which an instance makes while it works
// on a request of its own, and so holds memory while it waits. Whoever knows
// where a request comes from marks it before Leaser.Acquire: such a call may use
// memory that is kept for it, and is refused at once where others would wait.
func CalledBy(ctx context.Context, caller InstanceID) context.Context {
	return context.WithValue(ctx, callerKey{}, caller)
}

// Caller is the instance that makes ctx's call; ok is false when none is known to.
func Caller(ctx context.Context) (caller InstanceID, ok bool) {
	caller, ok = ctx.Value(callerKey{}).(InstanceID)
	return caller, ok
}
