package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a queue and a function.
type world struct {
	mu       sync.Mutex
	ready    []Message      // under mu
	received map[string]int // under mu; how often, by id
	deleted  []string       // under mu; receipts
	returned []string       // under mu; receipts
	batches  []int          // under mu; sizes
	running  int            // under mu
	most     int            // under mu; running at once
	arrived  chan struct{}  // closed when a message arrives; under mu
	away     error          // of the queue, when it has no message; under mu
	invoke   func(ctx context.Context, payload []byte) (answer []byte, ok bool, err error)
}

func newWorld(n int) *world {
	w := &world{received: map[string]int{}, arrived: make(chan struct{})}
	w.send(n)
	return w
}

func (w *world) send(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range n {
		id := fmt.Sprint(len(w.ready) + len(w.received) + 1)
		w.ready = append(w.ready, Message{ID: id, Receipt: id, Body: `{"id":` + id + `}`})
	}
	close(w.arrived)
	w.arrived = make(chan struct{})
}

func (w *world) Describe(context.Context) (Description, error) {
	return Description{ARN: "arn", Region: "r", Visibility: 30 * time.Second}, nil
}

func (w *world) Receive(ctx context.Context, most int, _, wait time.Duration) ([]Message, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		w.mu.Lock()
		n := min(most, len(w.ready))
		got := slices.Clone(w.ready[:n])
		w.ready = w.ready[n:]
		for _, m := range got {
			w.received[m.ID]++
		}
		arrived, away := w.arrived, w.away
		w.mu.Unlock()
		switch {
		case n > 0:
			return got, nil
		case away != nil:
			return nil, away
		}
		select {
		case <-arrived:
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (w *world) Delete(_ context.Context, receipts []string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deleted = append(w.deleted, receipts...)
	return nil
}

func (w *world) Return(_ context.Context, receipts []string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.returned = append(w.returned, receipts...)
	return nil
}

func (w *world) Invoke(ctx context.Context, _ rouse.Ref, payload []byte) ([]byte, bool, error) {
	w.mu.Lock()
	w.running++
	w.most = max(w.most, w.running)
	w.batches = append(w.batches, len(payload))
	w.mu.Unlock()
	defer func() { w.mu.Lock(); w.running--; w.mu.Unlock() }()
	return w.invoke(ctx, payload)
}

func (w *world) Capacity(rouse.FunctionName) (int, time.Duration) { return 1000, time.Second }

func (w *world) open(t *testing.T, m rouse.Mapping) *Mappings {
	t.Helper()
	ms, err := Open(t.Context(), Config{
		Space: storetest.NewSpace(), Source: func(string) (Source, error) { return w, nil }, Invoker: w,
		MaxEvent: 6 * rouse.MB, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Ref, m.Source, m.Enabled = rouse.Ref{Name: "f"}, "arn", true
	if m.BatchSize == 0 {
		m.BatchSize = 10
	}
	if _, err := ms.CreateMapping(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	return ms
}

func (w *world) calls() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.batches)
}

func (w *world) receipts() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.received)
}

func fine(context.Context, []byte) ([]byte, bool, error) { return nil, true, nil }

func TestMessagesThatWereHandledAreDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(25)
		w.invoke = fine
		ms := w.open(t, rouse.Mapping{})
		synctest.Wait()
		if len(w.deleted) != 25 || len(w.batches) != 3 {
			t.Errorf("deleted %d in %d calls", len(w.deleted), len(w.batches))
		}
		if got := ms.Mappings()[0]; got.State != rouse.MappingEnabled || got.Result != "OK" {
			t.Errorf("the mapping is %+v", got)
		}
		ms.Close(t.Context())
	})
}

func TestAWindowWaitsForAWholeBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.invoke = fine
		ms := w.open(t, rouse.Mapping{Window: rouse.Duration(10 * time.Second)})
		for range 3 {
			<-time.After(3 * time.Second)
			w.send(1)
		}
		synctest.Wait()
		if w.calls() != 0 {
			t.Errorf("called before the window was over")
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		if len(w.batches) != 1 || len(w.deleted) != 4 {
			t.Errorf("%d calls, %d deleted", len(w.batches), len(w.deleted))
		}
		ms.Close(t.Context())
	})
}

func TestAQueueThatFailsWithinAWindowGetsItsMessagesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(3)
		w.invoke = fine
		ms := w.open(t, rouse.Mapping{BatchSize: 10, Window: rouse.Duration(10 * time.Second)})
		synctest.Wait() // the first are here, and more is waited for
		w.mu.Lock()
		w.away = errors.New("the queue is away")
		w.mu.Unlock()
		w.send(0)
		synctest.Wait()
		w.mu.Lock()
		returned := len(w.returned)
		w.mu.Unlock()
		if returned != 3 {
			t.Errorf("%d messages were returned, want all 3", returned)
		}
		if err := ms.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAFunctionThatFailsLeavesItsMessagesToTheirLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(3)
		w.invoke = func(context.Context, []byte) ([]byte, bool, error) { return nil, false, nil }
		ms := w.open(t, rouse.Mapping{})
		synctest.Wait()
		if len(w.deleted)+len(w.returned) != 0 || ms.Mappings()[0].Result != "PROBLEM: Function call failed" {
			t.Errorf("deleted %v, returned %v, %+v", w.deleted, w.returned, ms.Mappings()[0])
		}
		ms.Close(t.Context())
	})
}

func TestAThrottledFunctionCostsItsMessagesNoReceipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		refusals := 3
		w.invoke = func(context.Context, []byte) ([]byte, bool, error) {
			if refusals--; refusals >= 0 {
				return nil, false, rouse.Errorf(rouse.Throttled, "busy")
			}
			return nil, true, nil
		}
		ms := w.open(t, rouse.Mapping{})
		<-time.After(10 * time.Second)
		synctest.Wait()
		if len(w.deleted) != 1 || w.received["1"] != 1 {
			t.Errorf("deleted %v, received %v", w.deleted, w.received)
		}
		ms.Close(t.Context())
	})
}

func TestNoMoreCallsRunAtOnceThanAreAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(40)
		w.invoke = func(ctx context.Context, _ []byte) ([]byte, bool, error) {
			<-time.After(time.Second)
			return nil, true, nil
		}
		ms := w.open(t, rouse.Mapping{BatchSize: 1, MaxConcurrency: 2})
		<-time.After(time.Minute)
		synctest.Wait()
		if w.most != 2 || len(w.deleted) != 40 {
			t.Errorf("%d at once, %d deleted", w.most, len(w.deleted))
		}
		ms.Close(t.Context())
	})
}

func TestClosingLetsACallEndAndReturnsWhatCannot(t *testing.T) {
	for _, c := range []struct {
		patience          time.Duration
		deleted, returned int
	}{{time.Minute, 1, 0}, {time.Second, 0, 1}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(1)
			w.invoke = func(ctx context.Context, _ []byte) ([]byte, bool, error) {
				select {
				case <-time.After(10 * time.Second):
					return nil, true, nil
				case <-ctx.Done():
					return nil, false, ctx.Err()
				}
			}
			ms := w.open(t, rouse.Mapping{})
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), c.patience)
			defer cancel()
			ms.Close(ctx)
			if len(w.deleted) != c.deleted || len(w.returned) != c.returned {
				t.Errorf("with %s: deleted %v, returned %v", c.patience, w.deleted, w.returned)
			}
		})
	}
}

func TestAMappingIsDisabledChangedAndDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(0)
		w.invoke = fine
		ms := w.open(t, rouse.Mapping{})
		synctest.Wait()
		id := ms.Mappings()[0].ID
		m, err := ms.ChangeMapping(t.Context(), id, func(m *rouse.Mapping) error { m.Enabled = false; return nil })
		if err != nil || m.State != rouse.MappingDisabling {
			t.Fatalf("%v, %v", m.State, err)
		}
		synctest.Wait()
		w.send(1)
		synctest.Wait()
		if state := ms.Mappings()[0].State; state != rouse.MappingDisabled || w.receipts() != 0 {
			t.Errorf("%s, received %d", state, w.receipts())
		}
		before := ms.Mappings()[0]
		tagged, err := ms.ChangeMapping(t.Context(), id, func(m *rouse.Mapping) error { m.Tags = map[string]string{"a": "b"}; return nil })
		if after := ms.Mappings()[0]; err != nil || tagged.State != rouse.MappingDisabled || after.Tags["a"] != "b" || after.Modified != before.Modified {
			t.Errorf("other tags made %+v of %+v: %v", after, before, err)
		}
		if _, err := ms.CreateMapping(t.Context(), rouse.Mapping{Ref: rouse.Ref{Name: "f"}, Source: "arn"}); rouse.CodeOf(err) != rouse.Conflict {
			t.Errorf("a second one: %v", err)
		}
		if m, err = ms.ChangeMapping(t.Context(), id, func(m *rouse.Mapping) error { m.Enabled = true; return nil }); m.State != rouse.MappingEnabling {
			t.Fatalf("%v, %v", m.State, err)
		}
		synctest.Wait()
		if len(w.deleted) != 1 {
			t.Errorf("deleted %v", w.deleted)
		}
		if m, err = ms.DeleteMapping(t.Context(), id); err != nil || m.State != rouse.MappingDeleting {
			t.Errorf("%v, %v", m.State, err)
		}
		synctest.Wait()
		if len(ms.Mappings()) != 0 {
			t.Errorf("still %v", ms.Mappings())
		}
		ms.Close(t.Context())
	})
}

func TestMappingsOutliveTheirProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(0)
		w.invoke = fine
		ms := w.open(t, rouse.Mapping{Filters: []string{`{"body":{"id":[1]}}`}})
		ms.Close(t.Context())
		again, err := Open(t.Context(), ms.cfg)
		if err != nil {
			t.Fatal(err)
		}
		w.send(2)
		synctest.Wait()
		slices.Sort(w.deleted)
		if len(w.batches) != 1 || !slices.Equal(w.deleted, []string{"1", "2"}) {
			t.Errorf("%d calls, deleted %v", len(w.batches), w.deleted)
		}
		again.Close(t.Context())
	})
}
