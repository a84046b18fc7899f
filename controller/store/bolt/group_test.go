package bolt

import (
	"errors"
	"testing"
	"testing/synctest"

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

func TestWhoIsEarlyDoesNotWaitForTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := make(chan error)
		g := newGroup(func(write func(*bbolt.Tx) error) error { return errors.Join(write(nil), <-disk) })
		<-g.turn // so that none of the callers commits
		nothing := func(*bbolt.Tx) error { return nil }
		early, late, settled := make(chan error, 1), make(chan error, 1), make(chan error, 1)
		go func() { late <- g.do(t.Context(), nothing) }()
		go func() {
			early <- g.submit(t.Context(), &call{
				change: nothing, done: make(chan struct{}), ran: make(chan struct{}, 1), settled: func(err error) { settled <- err },
			})
		}()
		synctest.Wait()
		go g.commit()
		synctest.Wait()
		if len(early) != 1 || <-early != nil || len(late) != 0 || len(settled) != 0 {
			t.Errorf("before the disk is done: %d early, %d late, %d settled", len(early), len(late), len(settled))
		}
		full := errors.New("full")
		disk <- full
		if err := <-settled; !errors.Is(err, full) {
			t.Errorf("settled with %v", err)
		}
		if err := <-late; !errors.Is(err, full) {
			t.Errorf("who waited was told %v", err)
		}
	})
}
