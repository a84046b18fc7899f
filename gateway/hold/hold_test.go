package hold_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
	"github.com/rousehq/rouse/gateway/hold"
)

// leaser answers Acquire with a function.
type leaser func(ctx context.Context, rev rouse.RevisionID, size rouse.Bytes) (*rouse.Lease, error)

func (l leaser) Acquire(ctx context.Context, rev rouse.RevisionID, size rouse.Bytes) (*rouse.Lease, error) {
	return l(ctx, rev, size)
}

// stuck never has an instance.
func stuck(ctx context.Context, _ rouse.RevisionID, _ rouse.Bytes) (*rouse.Lease, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func call(ctx context.Context) *gateway.Call {
	return &gateway.Call{
		Writer:   httptest.NewRecorder(),
		Request:  httptest.NewRequest("GET", "/", nil).WithContext(ctx),
		Ref:      rouse.Ref{Name: "hello"},
		Function: &rouse.Function{Name: "hello", Settings: rouse.Settings{Hold: rouse.Duration(time.Minute)}},
		Revision: &rouse.Revision{ID: "rev"},
		Body:     []byte("12345"),
	}
}

func never(*gateway.Call) error { panic("the call went on without a lease") }

func TestALeaseIsTakenForTheCallAndGivenBackOnce(t *testing.T) {
	var released []error
	lend := leaser(func(_ context.Context, rev rouse.RevisionID, size rouse.Bytes) (*rouse.Lease, error) {
		if rev != "rev" || size != 5 {
			t.Errorf("asked for %s with %d bytes", rev, size)
		}
		return rouse.NewLease(func(err error) { released = append(released, err) }), nil
	})
	forgetful := func(c *gateway.Call) error {
		if len(released) != 0 || c.Lease == nil {
			t.Error("the call went on without a lease")
		}
		return nil
	}
	if err := hold.Station(lend)(forgetful)(call(t.Context())); err != nil || len(released) != 1 {
		t.Errorf("err %v, released %v", err, released)
	}
	released = nil
	careful := func(c *gateway.Call) error { c.Lease.Release(rouse.ErrBroken); return rouse.ErrBroken }
	if err := hold.Station(lend)(careful)(call(t.Context())); !errors.Is(err, rouse.ErrBroken) || len(released) != 1 || released[0] != rouse.ErrBroken {
		t.Errorf("err %v, released %v", err, released)
	}
	released = nil
	takeover := func(c *gateway.Call) error { c.Lease = nil; return nil }
	if err := hold.Station(lend)(takeover)(call(t.Context())); err != nil || len(released) != 0 {
		t.Errorf("taken over: err %v, released %v", err, released)
	}
	func() {
		defer func() { recover() }()
		hold.Station(lend)(func(*gateway.Call) error { panic("a bug") })(call(t.Context()))
	}()
	if len(released) != 1 {
		t.Errorf("after a panic released %v", released)
	}
}

func TestTheWaitEndsAtTheHoldDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := hold.Station(leaser(stuck))(never)(call(t.Context()))
		if took := time.Since(began); took != time.Minute {
			t.Errorf("waited %s", took)
		}
		if rouse.CodeOf(err) != rouse.Timeout || !strings.Contains(err.Error(), "no instance of hello") || !strings.Contains(err.Error(), "1m") {
			t.Errorf("error is %v", err)
		}
	})
}

func TestALeftClientIsNoTimeout(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := hold.Station(leaser(stuck))(never)(call(ctx)); err != gateway.ErrClientGone {
		t.Errorf("error is %v", err)
	}
}

func TestThePoolsOwnWordsAreKept(t *testing.T) {
	for _, want := range []error{rouse.Errorf(rouse.Throttled, "queue is full"), errors.New("a bug")} {
		refuse := leaser(func(context.Context, rouse.RevisionID, rouse.Bytes) (*rouse.Lease, error) { return nil, want })
		if err := hold.Station(refuse)(never)(call(t.Context())); err != want {
			t.Errorf("error is %v, want %v", err, want)
		}
	}
}
