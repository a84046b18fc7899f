package bolt

import (
	"context"
	"errors"
	"slices"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/rousehq/rouse"
)

// change is one caller's part of a transaction. It decides first and writes
// last: when it returns a *rouse.Error it has written nothing, and the changes
// of others go on. Any other error speaks of the file and fails them all.
type change func(*bbolt.Tx) error

// group commits changes that arrive together in one transaction, so that many
// writers share one wait for the disk, and one writer waits for nobody.
type group struct {
	update func(func(*bbolt.Tx) error) error
	turn   chan struct{} // holds one token; whoever has it commits for all

	mu      sync.Mutex
	pending []*call // guarded by mu
}

type call struct {
	change change
	err    error
	done   chan struct{} // closed when err is final
}

func newGroup(update func(func(*bbolt.Tx) error) error) *group {
	g := &group{update: update, turn: make(chan struct{}, 1)}
	g.turn <- struct{}{}
	return g
}

// do blocks until the change is on disk or refused. When ctx ends before the
// change was taken up, it never happens.
func (g *group) do(ctx context.Context, ch change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &call{change: ch, done: make(chan struct{})}
	g.mu.Lock()
	g.pending = append(g.pending, c)
	g.mu.Unlock()
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		if g.withdraw(c) {
			return ctx.Err()
		}
		<-c.done // being committed just now
		return c.err
	case <-g.turn:
	}
	g.commit()
	g.turn <- struct{}{}
	<-c.done // by us, or by whoever had the turn before us
	return c.err
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

func (g *group) commit() {
	g.mu.Lock()
	calls := g.pending
	g.pending = nil
	g.mu.Unlock()
	if len(calls) == 0 {
		return
	}
	err := g.update(func(tx *bbolt.Tx) error {
		for _, c := range calls {
			c.err = c.change(tx)
			var refused *rouse.Error
			if c.err != nil && !errors.As(c.err, &refused) {
				return c.err
			}
		}
		return nil
	})
	for _, c := range calls {
		if err != nil {
			c.err = err
		}
		close(c.done)
	}
}
