package pool

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestFunctionsAreAtWorkSinceTheirLastRequest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, nil)
		if err := b.Warm(t.Context(), b.rev, b.byRev[b.rev.ID]); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if b.AtWork(time.Time{}) {
			t.Error("a start is taken for a request")
		}
		l := b.acquire(t)
		<-time.After(time.Minute)
		if !b.AtWork(time.Now()) {
			t.Error("a request that is under way is not seen")
		}
		l.Release(nil)
		ended := time.Now()
		<-time.After(time.Minute)
		if !b.AtWork(ended.Add(-time.Second)) || b.AtWork(ended.Add(time.Second)) {
			t.Error("it is not known when the last request ended")
		}
	})
}
