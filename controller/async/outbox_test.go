package async

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
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

func (o *told) Wants(j *Job) []string {
	if j.Request.Notify == nil {
		return nil
	}
	return []string{"her"}
}

func (o *told) Ended(_ context.Context, e End) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.jobs = append(o.jobs, e.Job.ID)
	if len(o.jobs) <= o.fails {
		return errors.New("nobody is there")
	}
	return nil
}

func TestWhoWantsToKnowIsToldUntilItIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &told{fails: 3}
		b := open(t, storetest.NewSpace(), newFunctions(), func(c *Config) { c.Ender = func(*Engine) Ender { return o } })
		j := b.submit("f", "x", func(r *Request) { r.Notify = []byte(`"https://example.com"`) })
		b.ended(j.ID, rouse.JobSucceeded, rouse.JobSuccess, 1)
		b.ended(b.submit("f", "nobody asks").ID, rouse.JobSucceeded, rouse.JobSuccess, 1)
		synctest.Wait()
		b.stop()
		b = open(t, b.space, b.f, func(c *Config) { c.Ender = func(*Engine) Ender { return o } })
		defer b.stop()
		<-time.After(time.Minute)
		if want := []string{j.ID, j.ID, j.ID, j.ID}; !slices.Equal(o.jobs, want) {
			t.Errorf("told of %d ends, want four times of the first one", len(o.jobs))
		}
	})
}

// post is an Ender by functions: each name is told in its own way.
type post map[string]func(context.Context, End) error

func (p post) Wants(*Job) (names []string) { return slices.Sorted(maps.Keys(p)) }

func (p post) Ended(ctx context.Context, e End) error { return p[e.Target](ctx, e) }

func TestThoseWhoAreToldDoNotDelayOneAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var good, bad, never atomic.Int32
		b := open(t, storetest.NewSpace(), newFunctions(), func(c *Config) {
			c.Ender = func(*Engine) Ender {
				return post{
					"good": func(_ context.Context, e End) error { good.Add(1); _, err := e.Answer(); return err },
					"bad":  func(context.Context, End) error { bad.Add(1); return errors.New("not now") },
					"never": func(context.Context, End) error {
						never.Add(1)
						return rouse.Errorf(rouse.Invalid, "that is no address")
					},
				}
			}
		})
		defer b.stop()
		j := b.submit("f", "x")
		b.ended(j.ID, rouse.JobSucceeded, rouse.JobSuccess, 1)
		<-time.After(10 * time.Second)
		if good.Load() != 1 || never.Load() != 1 || bad.Load() != 4 {
			t.Errorf("told good %d, never %d, bad %d times; want once, once, and after 0, 1, 3 and 7 seconds", good.Load(), never.Load(), bad.Load())
		}
		<-time.After(2 * tellFor)
		told := bad.Load()
		<-time.After(tellFor)
		if j, _ = b.Job(t.Context(), j.ID); bad.Load() != told || j.TellError != "bad: "+failureOf(errors.New("")).Message {
			t.Errorf("still told after %d times, error %q", told, j.TellError)
		}
	})
}

// A slow receiver of one function's ends delays neither another's nor a close.
func TestASlowReceiverDelaysOnlyItsOwnFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slow, quick atomic.Int32
		b := open(t, storetest.NewSpace(), newFunctions(), func(c *Config) {
			c.Ender = func(*Engine) Ender {
				return post{"him": func(ctx context.Context, e End) error {
					if e.Job.Request.Ref.Name == "quick" {
						quick.Add(1)
						return nil
					}
					slow.Add(1)
					<-ctx.Done()
					return ctx.Err()
				}}
			}
		})
		for range 3 * mostTold {
			b.submit("slow", "x")
		}
		<-time.After(time.Second)
		b.submit("quick", "x")
		<-time.After(time.Second)
		if slow.Load() != mostTold || quick.Load() != 1 {
			t.Errorf("%d of the slow one are being told, want %d; %d of the quick one, want 1", slow.Load(), mostTold, quick.Load())
		}
		b.stop()
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
