package rouse

import (
	"context"
	"sync/atomic"
)

// Target is the host's side of one instance's contract. What more it can do
// depends on the contract, and whoever uses it asks: a lambda target invokes
// events, an http target makes round trips.
type Target interface {
	// Ready blocks until the code can take its first request since it was last
	// started. An init that failed is a StartFailed error with the reason.
	Ready(ctx context.Context) error
	// Reset forgets the process that was, before another one is started.
	Reset()
	// Close gives up every connection. It does not end the process.
	Close() error
}

// Lease is permission to send one request to one instance.
type Lease struct {
	Instance InstanceID
	Revision RevisionID
	Target   Target
	// Cold is true when the request waited for a start.
	Cold bool
	// Tier is what the request's wait began with: TierWarm or TierFrozen when it was not Cold.
	Tier Tier
	// Timings are what the request waited for; for a cold one they end with the
	// phases of the start that served it.
	Timings []Timing
	// Settling, when set, tells the lender that the answer is out and that the
	// slot comes back in a moment, so that nothing is started for who comes next.
	// It is called at most once, before Release.
	Settling func()

	release  func(error)
	released atomic.Bool
}

// NewLease makes a lease whose first Release calls release.
func NewLease(release func(error)) *Lease { return &Lease{release: release} }

// Release gives the slot back, after the last byte. Only the first call has an
// effect. An error that wraps ErrBroken has the instance's process restarted.
func (l *Lease) Release(err error) {
	if l.released.CompareAndSwap(false, true) {
		l.release(err)
	}
}

// Leaser lends capacity.
type Leaser interface {
	// Acquire blocks until an instance of rev has room, ctx ends, or the queue
	// refuses. size is how many bytes the waiting request holds in memory.
	Acquire(ctx context.Context, rev RevisionID, size Bytes) (*Lease, error)
}
