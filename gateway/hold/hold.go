// Package hold is the station where a request waits for an instance: it takes
// a lease from the control plane, bounded by the function's hold setting, and
// sees to it that the lease is given back.
package hold

import (
	"context"
	"errors"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// Station acquires a lease for each call from leaser and puts it into the
// call. A wait that ends without one is a Timeout error at the hold deadline,
// and gateway.ErrClientGone when the client leaves first. The stations behind
// release the lease after the last byte; what they forget is released here,
// unless they took the lease out of the call because it outlives it.
func Station(leaser rouse.Leaser) gateway.Station {
	return func(next gateway.Handler) gateway.Handler {
		return func(c *gateway.Call) error {
			lease, err := acquire(leaser, c)
			if err != nil {
				return err
			}
			c.Lease = lease
			defer func() {
				if c.Lease != nil {
					c.Lease.Release(nil)
				}
			}()
			return next(c)
		}
	}
}

func acquire(leaser rouse.Leaser, c *gateway.Call) (*rouse.Lease, error) {
	ctx := &patience{Context: c.Request.Context(), hold: c.Function.Settings.Hold.D()}
	defer ctx.end()
	lease, err := leaser.Acquire(ctx, c.Revision.ID, rouse.Bytes(len(c.Body)))
	if err == nil {
		return lease, nil
	}
	var coded *rouse.Error
	switch {
	case c.Request.Context().Err() != nil:
		return nil, gateway.ErrClientGone
	case errors.As(err, &coded):
		return nil, err // the pool knows best what it was waiting for
	case errors.Is(err, context.DeadlineExceeded):
		return nil, rouse.Errorf(rouse.Timeout,
			"no instance of %s became free within its hold of %s", c.Ref, c.Function.Settings.Hold)
	}
	return nil, err
}
