package bolt

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/rousehq/rouse"
)

// change is one caller's part of a transaction, and may be run more than once.
// When it returns a *rouse.Error it has written nothing, and the changes of
// others go on; after a *spoiled they are done again without it. Any other
// error speaks of the file and fails them all.
type change func(*bbolt.Tx) error

// spoiled is a change's failure after it has written.
type spoiled struct{ cause error }

func (s *spoiled) Error() string { return s.cause.Error() }
func (s *spoiled) Unwrap() error { return s.cause }

// group commits changes that arrive together in one transaction, so that many
// writers share one wait for the disk, and one writer waits for nobody.
type group struct {
	update func(func(*bbolt.Tx) error) error
	turn   chan struct{} // holds one token; whoever has it commits for all

	mu      sync.Mutex
	pending []*call // guarded by mu
}

type call struct {
	change  change
	err     error
	done    chan struct{} // closed when err is final
	ran     chan struct{} // has a token once the change succeeded; nil for who waits for the disk
	settled func(error)   // told of the end; nil for nobody
}

func (c *call) end(err error) {
	c.err = err
	if c.settled != nil {
		c.settled(err)
	}
	close(c.done)
}

func newGroup(update func(func(*bbolt.Tx) error) error) *group {
	g := &group{update: update, turn: make(chan struct{}, 1)}
	g.turn <- struct{}{}
	return g
}

// do blocks until the change is on disk or refused. When ctx ends before the
// change was taken up, it never happens.
func (g *group) do(ctx context.Context, ch change) error {
	return g.submit(ctx, &call{change: ch, done: make(chan struct{})})
}

// submit is do for a call that may be content before its change is on disk.
func (g *group) submit(ctx context.Context, c *call) error {
	if err := ctx.Err(); err != nil {
		c.end(err)
		return err
	}
	g.mu.Lock()
	g.pending = append(g.pending, c)
	g.mu.Unlock()
	for {
		select {
		case <-c.done: // by us, or by whoever had the turn
			return c.err
		case <-c.ran:
			return nil
		case <-ctx.Done():
			if g.withdraw(c) {
				c.end(ctx.Err())
			}
			<-c.done // committed, or being committed just now
			return c.err
		case <-g.turn:
			// Whoever runs already, and is about to come, comes along; otherwise half
			// of many writers would miss each commit. One writer waits for nobody.
			runtime.Gosched()
			g.commit() // if not ours, then as many before it as one transaction takes
			g.turn <- struct{}{}
		}
	}
}

func (g *group) withdraw(c *call) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.pending, c)
	if i < 0 {
		return false
	}
	g.pending = slices.Delete(g.pending, i, i+1)
	return true
}

// mostCalls bounds a transaction, and with it the memory that it takes.
const mostCalls = 1024

func (g *group) commit() {
	g.mu.Lock()
	calls := g.pending
	g.pending = nil
	if len(calls) > mostCalls {
		g.pending = slices.Clone(calls[mostCalls:])
		calls = calls[:mostCalls]
	}
	g.mu.Unlock()
	for len(calls) > 0 {
		culprit, err := g.attempt(calls)
		if culprit < 0 {
			for _, c := range calls {
				c.end(cmp.Or(err, c.err))
			}
			return
		}
		calls[culprit].end(calls[culprit].err)
		calls = slices.Delete(calls, culprit, culprit+1)
	}
}

// attempt makes one transaction of calls. culprit is the call that spoiled it,
// or -1 when its end is the end of all.
func (g *group) attempt(calls []*call) (culprit int, err error) {
	culprit = -1
	err = g.update(func(tx *bbolt.Tx) error {
		for i, c := range calls {
			c.err = c.change(tx)
			if c.err == nil {
				if c.ran != nil && len(c.ran) == 0 { // it may run a second time
					c.ran <- struct{}{}
				}
				continue
			}
			if _, wrote := c.err.(*spoiled); wrote {
				culprit = i
				return c.err
			}
			var refused *rouse.Error
			if !errors.As(c.err, &refused) {
				return c.err
			}
		}
		return nil
	})
	return culprit, err
}
