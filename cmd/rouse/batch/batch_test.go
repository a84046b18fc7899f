package batch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// numbers are so many lines, {"n":1} and on.
func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"n\":%d}\n", i+1)
	}
	return b.String()
}

func echo(_ context.Context, item []byte) ([]byte, error) { return item, nil }

// lines are the numbers of the results' lines, which must be whole.
func lines(t *testing.T, results string) (list []int) {
	t.Helper()
	for text := range strings.Lines(results) {
		var o struct {
			Line   int
			Result struct{ N int }
		}
		if err := json.Unmarshal([]byte(text), &o); err != nil || o.Result.N != o.Line || text[len(text)-1] != '\n' {
			t.Fatalf("%q: %v", text, err)
		}
		list = append(list, o.Line)
	}
	return list
}

func TestEachItemHasItsResultAndNoMoreRunAtOnceThanAllowed(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var now, most atomic.Int64
			var results bytes.Buffer
			b := Batch{
				Input: strings.NewReader("\n{\"n\":0}\n \n" + numbers(500)), Results: &results,
				Concurrency: 7, Ordered: ordered,
				Call: func(_ context.Context, item []byte) ([]byte, error) {
					most.Store(max(most.Load(), now.Add(1)))
					timer := time.NewTimer(rand.N(time.Second))
					<-timer.C
					now.Add(-1)
					return item, nil
				},
			}
			counts, err := b.Run(t.Context())
			if err != nil || counts != (Counts{Read: 501, Succeeded: 501}) || most.Load() != 7 {
				t.Errorf("%+v, %v, %d at once", counts, err, most.Load())
			}
			var got []int
			for text := range strings.Lines(results.String()) {
				var o outcome
				if err := json.Unmarshal([]byte(text), &o); err != nil {
					t.Fatal(err)
				}
				got = append(got, o.Line)
			}
			if slices.IsSorted(got) != ordered {
				t.Errorf("ordered %t: %v", ordered, got[:20])
			}
			slices.Sort(got)
			if len(slices.Compact(got)) != 501 || got[0] != 2 {
				t.Errorf("%d lines from %d", len(got), got[0])
			}
		})
	}
}

func TestWhatFailsIsSetAsideWithItsReason(t *testing.T) {
	var results, failures bytes.Buffer
	b := Batch{
		Input: strings.NewReader("{\"n\":1}\nnot JSON\n{\"n\":3}\n{\"n\":4}"), Results: &results, Failures: &failures, Concurrency: 2, Ordered: true,
		Call: func(_ context.Context, item []byte) ([]byte, error) {
			if string(item) == `{"n":3}` {
				return nil, &rouse.Error{Code: rouse.FunctionError, Message: "three", Type: "ValueError"}
			}
			return item, nil
		},
	}
	counts, err := b.Run(t.Context())
	if err != nil || counts != (Counts{Read: 4, Succeeded: 2, Failed: 2}) || !slices.Equal(lines(t, results.String()), []int{1, 4}) {
		t.Errorf("%+v, %v, %s", counts, err, &results)
	}
	for _, want := range []string{
		`{"line":2,"item":"`, `"error":{"code":"invalid","message":"the line is not JSON"},"input":"not JSON"}`,
		`{"line":3,"item":"`, `"error":{"code":"function_error","message":"three","type":"ValueError"},"input":{"n":3}}`,
	} {
		if !strings.Contains(failures.String(), want) {
			t.Errorf("no %s in %s", want, &failures)
		}
	}
}

func TestWhatIsThrottledIsTriedAgainLaterAndNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls int
		b := Batch{
			Input: strings.NewReader(numbers(1)), Results: &bytes.Buffer{}, Concurrency: 1, Retries: 5,
			Call: func(context.Context, []byte) ([]byte, error) {
				calls++
				return nil, rouse.Errorf(rouse.Throttled, "no room")
			},
		}
		began := time.Now()
		if counts, err := b.Run(t.Context()); err != nil || counts.Failed != 1 || calls != 6 || time.Since(began) < 3*time.Second {
			t.Errorf("%+v, %v, %d calls in %s", counts, err, calls, time.Since(began))
		}
	})
}

// A run is cut off at any byte of its output. The next one makes the rest, and
// nothing twice.
func TestARunGoesOnWhereItsOutputEnds(t *testing.T) {
	input := numbers(40)
	var first bytes.Buffer
	if _, err := (&Batch{Input: strings.NewReader(input), Results: &first, Concurrency: 4, Call: echo}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for cut := range first.Len() {
		done, whole, err := Resume(bytes.NewReader(first.Bytes()[:cut]))
		if err != nil {
			t.Fatal(err)
		}
		results := bytes.NewBuffer(slices.Clone(first.Bytes()[:whole]))
		counts, err := (&Batch{Input: strings.NewReader(input), Results: results, Concurrency: 4, Done: done, Call: echo}).Run(t.Context())
		if err != nil || counts.Skipped != len(done) || counts.Skipped+counts.Succeeded != 40 {
			t.Fatalf("cut at %d: %+v, %v", cut, counts, err)
		}
		got := lines(t, results.String())
		slices.Sort(got)
		if len(got) != 40 || len(slices.Compact(got)) != 40 {
			t.Fatalf("cut at %d: %v", cut, got)
		}
	}
}

func TestTheOutputOfAnotherInputIsNoticed(t *testing.T) {
	var results bytes.Buffer
	b := Batch{Input: strings.NewReader(`{"n":2}`), Results: &results, Concurrency: 1, Done: Done{1: checksum([]byte(`{"n":1}`))}, Call: echo}
	if _, err := b.Run(t.Context()); rouse.CodeOf(err) != rouse.Conflict || !strings.Contains(err.Error(), "line 1") {
		t.Error(err)
	}
	if _, _, err := Resume(strings.NewReader("{\"some\":\"file\"}\n")); err == nil {
		t.Error("a file that is no output was taken for one")
	}
}

func TestARunEndsWithItsContextOrWhenItCannotWrite(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := Batch{
		Input: strings.NewReader(numbers(100)), Results: &bytes.Buffer{}, Concurrency: 3,
		Call: func(ctx context.Context, _ []byte) ([]byte, error) { cancel(); <-ctx.Done(); return nil, ctx.Err() },
	}
	if counts, err := b.Run(ctx); !errors.Is(err, context.Canceled) || counts.Succeeded+counts.Failed != 0 {
		t.Errorf("%+v, %v", counts, err)
	}
	b = Batch{Input: strings.NewReader(numbers(100)), Results: full{}, Concurrency: 3, Ordered: true, Call: echo}
	if _, err := b.Run(t.Context()); !errors.Is(err, errFull) {
		t.Error(err)
	}
}

var errFull = errors.New("no space left")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
