package pool

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
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

func TestWhatStartsAfterAFailureIsIdleNoLongerThanOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, func(_ *Config, s *rouse.Settings) { s.Idle = rouse.Duration(time.Second) })
		b.fake.OnMake = func(context.Context, driver.Class) error { return errors.New("no") }
		if _, err := b.Acquire(t.Context(), b.rev.ID, 0); err == nil {
			t.Fatal("it started")
		}
		<-time.After(2 * time.Second)
		b.fake.OnMake = nil
		b.acquire(t).Release(nil)
		<-time.After(2 * time.Second)
		synctest.Wait()
		if n := b.fake.Live(); n != 0 {
			t.Errorf("%d are there after their idle time", n)
		}
	})
}
