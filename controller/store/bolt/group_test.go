package bolt

import (
	"testing"

	"go.etcd.io/bbolt"
)

// With more changes pending than one transaction takes, whoever has the turn may
// not find its own among them, and nobody else may be there to commit the rest.
func TestTheLastOfMoreChangesThanATransactionTakesIsCommittedToo(t *testing.T) {
	g := newGroup(func(write func(*bbolt.Tx) error) error { return write(nil) })
	committed := 0
	count := func(*bbolt.Tx) error { committed++; return nil }
	for range mostCalls {
		g.pending = append(g.pending, &call{change: count, done: make(chan struct{})})
	}
	if err := g.do(t.Context(), count); err != nil || committed != mostCalls+1 {
		t.Errorf("%d changes were committed (%v), want %d", committed, err, mostCalls+1)
	}
}
