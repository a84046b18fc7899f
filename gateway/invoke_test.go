package gateway

import (
	"context"
	"errors"
	"testing"

	"github.com/rousehq/rouse"
)

// slowTarget answers before its process is ready for another event.
type slowTarget struct {
	rouse.EventTarget
	err     error
	settled func(error)
	ctxErr  error
}

func (s *slowTarget) Invoke(ctx context.Context, _ *rouse.Event) (*rouse.Result, error) {
	s.ctxErr = ctx.Err()
	return &rouse.Result{}, s.err
}

func (s *slowTarget) Settle(done func(error)) { s.settled = done }

func TestInvokeGivesTheLeaseBackWhenTheProcessIsReadyAgain(t *testing.T) {
	var released []error
	target := &slowTarget{}
	lease := rouse.NewLease(func(err error) { released = append(released, err) })
	lease.Target = target
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Invoke(ctx, lease, &rouse.Event{}); err != nil || target.ctxErr != nil {
		t.Fatal("a caller that left ended the event:", err, target.ctxErr)
	}
	if len(released) != 0 {
		t.Fatal("released with the answer")
	}
	target.settled(rouse.ErrBroken)
	if len(released) != 1 || !errors.Is(released[0], rouse.ErrBroken) {
		t.Fatal(released)
	}
}

func TestInvokeReleasesAtOnceWhenTheEventFailed(t *testing.T) {
	failure := rouse.Errorf(rouse.Timeout, "late")
	for name, target := range map[string]rouse.Target{"failed": &slowTarget{err: failure}, "no events": rouse.Target(nil)} {
		released := 0
		lease := rouse.NewLease(func(error) { released++ })
		lease.Target = target
		if _, err := Invoke(t.Context(), lease, &rouse.Event{}); err == nil || released != 1 {
			t.Errorf("%s: %v, %d releases", name, err, released)
		}
	}
}
