package gateway

import (
	"context"

	"github.com/rousehq/rouse"
)

// settler is an event target whose process needs a moment between its answer
// and the next event.
type settler interface {
	// Settle calls done, once, when the process can take another event: with an
	// error that wraps rouse.ErrBroken when it has ended instead. It does not block.
	Settle(done func(error))
}

// Invoke runs ev under lease, which it takes over: the lease is given back when
// the process is ready for another event, and that may be after the answer has
// been returned, so nobody else may release it. A caller that leaves does not
// end the event, as on AWS. Errors are those of rouse.EventTarget, and Invalid
// when the instance takes no events.
func Invoke(ctx context.Context, lease *rouse.Lease, ev *rouse.Event) (*rouse.Result, error) {
	return InvokeUntil(context.WithoutCancel(ctx), lease, ev)
}

// InvokeUntil is Invoke for a caller who can stop the event: the end of ctx ends
// the function's process.
func InvokeUntil(ctx context.Context, lease *rouse.Lease, ev *rouse.Event) (*rouse.Result, error) {
	returned := false
	defer func() {
		if !returned { // a panic
			lease.Release(rouse.ErrBroken)
		}
	}()
	target, ok := lease.Target.(rouse.EventTarget)
	if !ok {
		returned = true
		lease.Release(nil)
		return nil, rouse.Errorf(rouse.Invalid, "the function speaks HTTP and takes no events; send it a request")
	}
	result, err := target.Invoke(ctx, ev)
	returned = true
	if s, ok := target.(settler); ok && err == nil {
		if lease.Settling != nil {
			lease.Settling()
		}
		s.Settle(lease.Release)
	} else {
		lease.Release(err)
	}
	return result, err
}
