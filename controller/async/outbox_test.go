package async

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
	"github.com/rousehq/rouse/controller/store/storetest"
)

// told is an Ender that fails a few times.
type told struct {
	mu    sync.Mutex
	fails int
	jobs  []string
}

func (o *told) Wants(j *Job) bool { return j.Request.Notify != nil }

func (o *told) Ended(_ context.Context, j *Job) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.jobs = append(o.jobs, j.ID)
	if len(o.jobs) <= o.fails {
		return errors.New("nobody is there")
	}
	return nil
}

func TestWhoWantsToKnowIsToldUntilItIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &told{fails: 3}
		b := open(t, storetest.NewSpace(), newFunctions(), func(c *Config) { c.Ender = o })
		j := b.submit("f", "x", func(r *Request) { r.Notify = []byte(`"https://example.com"`) })
		b.ended(j.ID, rouse.JobSucceeded, rouse.JobSuccess, 1)
		b.ended(b.submit("f", "nobody asks").ID, rouse.JobSucceeded, rouse.JobSuccess, 1)
		synctest.Wait()
		b.stop()
		b = open(t, b.space, b.f, func(c *Config) { c.Ender = o })
		defer b.stop()
		<-time.After(time.Minute)
		if want := []string{j.ID, j.ID, j.ID, j.ID}; !slices.Equal(o.jobs, want) {
			t.Errorf("told of %d ends, want four times of the first one", len(o.jobs))
		}
	})
}

// A store that fails for a while, as a full disk does, costs no result.
func TestAnEndIsRecordedWhenTheStoreWorksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		space := &flaky{Space: storetest.NewSpace()}
		b := open(t, space, newFunctions(), nil)
		defer b.stop()
		b.f.do["f"] = func(context.Context, Attempt) (Outcome, error) {
			space.fail(true)
			return Outcome{Payload: []byte("x")}, nil
		}
		j := b.submit("f", "x")
		<-time.After(10 * time.Second)
		if _, _, err := b.Submit(t.Context(), Request{Ref: rouse.Ref{Name: "f"}}); rouse.CodeOf(err) != rouse.Unavailable {
			t.Errorf("submitting meanwhile: %v", err)
		}
		space.fail(false)
		b.ended(j.ID, rouse.JobSucceeded, rouse.JobSuccess, 1)
	})
}

type flaky struct {
	store.Space
	mu  sync.Mutex
	bad bool
}

func (f *flaky) fail(bad bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bad = bad
}

func (f *flaky) Update(ctx context.Context, write func(store.Tx) error) error {
	f.mu.Lock()
	bad := f.bad
	f.mu.Unlock()
	if bad {
		return rouse.Errorf(rouse.Unavailable, "the disk of the data directory is full; nothing was changed")
	}
	return f.Space.Update(ctx, write)
}
