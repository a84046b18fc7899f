package async

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async/queue"
	"github.com/rousehq/rouse/controller/store/storetest"
)

// Page by page a listing has every job once, in one order, whatever the pages'
// size, and a state selects what it says.
func TestPagesTogetherHaveEveryJobOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, storetest.NewSpace(), newFunctions(), nil)
		defer b.stop()
		b.f.do["bad"] = fails
		var want []string
		for i := range 7 {
			for _, fn := range []rouse.FunctionName{"bad", "good", "waits"} {
				want = append(want, b.submit(fn, fmt.Sprint(i), func(r *Request) {
					r.MaxAttempts = 1
					if fn == "waits" {
						r.Delay = time.Duration(i+1) * time.Hour
					}
				}).ID)
			}
		}
		b.submit("go", "of another name that begins alike")
		<-time.After(time.Second)
		slices.Sort(want)
		list := func(f Filter) (ids []string) {
			for n := 0; ; n++ {
				jobs, next, err := b.List(t.Context(), f)
				if err != nil || n > 100 || len(jobs) > f.Most {
					t.Fatalf("page %d has %d jobs, %v", n, len(jobs), err)
				}
				for _, j := range jobs {
					ids = append(ids, j.ID)
				}
				if f.After = next; next == "" {
					return ids
				}
			}
		}
		whole := list(Filter{Most: 1000})
		if len(whole) != len(want)+1 || !slices.IsSortedFunc(whole, func(a, b string) int { return strings.Compare(b, a) }) {
			t.Errorf("%d jobs, not the newest first: %v", len(whole), whole)
		}
		for _, most := range []int{1, 2, 3, 7, 22} {
			if got := list(Filter{Most: most}); !slices.Equal(got, whole) {
				t.Errorf("in pages of %d: %d jobs in another order or number than %d", most, len(got), len(whole))
			}
		}
		var sorted []string
		for _, fn := range []rouse.FunctionName{"bad", "good", "waits"} {
			sorted = append(sorted, list(Filter{Function: fn, Most: 2})...)
		}
		if slices.Sort(sorted); !slices.Equal(sorted, want) {
			t.Errorf("by function there are %d jobs, want %d", len(sorted), len(want))
		}
		for state, n := range map[State]int{rouse.JobFailed: 7, rouse.JobSucceeded: 8, rouse.JobPending: 7, rouse.JobRunning: 0, rouse.JobExpired: 0} {
			if got := list(Filter{State: state, Most: 3}); len(got) != n {
				t.Errorf("%d are %s, want %d", len(got), state, n)
			}
		}
		first, next, err := b.List(t.Context(), Filter{Most: 10})
		if err != nil || len(first) != 10 {
			t.Fatalf("%d jobs, %v", len(first), err)
		}
		b.submit("late", "comes between two pages")
		if rest := list(Filter{Most: 10, After: next}); !slices.Equal(rest, whole[10:]) {
			t.Errorf("after a page there are %v, want %v", rest, whole[10:])
		}
		if n, err := b.RedriveAll(t.Context(), "bad", 1000); n != 7 || err != nil {
			t.Errorf("redrove %d, %v", n, err)
		}
		for _, after := range []string{"x", "!", "Zm4vZg"} {
			if _, _, err := b.List(t.Context(), Filter{After: after}); rouse.CodeOf(err) != rouse.Invalid {
				t.Errorf("cursor %q: %v", after, err)
			}
		}
	})
}

// Jobs are found among many messages of other queues, which are looked past.
func TestJobsAreListedAmongOtherMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, storetest.NewSpace(), newFunctions(), nil)
		defer b.stop()
		other, err := b.Queues().Create(t.Context(), "other", queue.Definition{})
		if err != nil {
			t.Fatal(err)
		}
		old := b.submit("f", "old")
		const many = mostLooked + 10
		for range many / 10 {
			ms := make([]*queue.Message, 10)
			for i := range ms {
				ms[i] = &queue.Message{Body: []byte("x")}
			}
			if err := b.Queues().Send(t.Context(), other, 0, ms...); err != nil {
				t.Fatal(err)
			}
		}
		young := b.submit("f", "young")
		for _, f := range []Filter{{}, {Function: "f"}, {State: rouse.JobSucceeded}, {Function: "f", State: rouse.JobSucceeded}} {
			synctest.Wait()
			jobs, next, err := b.List(t.Context(), f)
			if err != nil || next != "" || len(jobs) != 2 || jobs[0].ID != young.ID || jobs[1].ID != old.ID {
				t.Errorf("%+v: %d jobs, next %q, %v", f, len(jobs), next, err)
			}
		}
	})
}
