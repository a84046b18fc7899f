package scale

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPlacesHoldEveryWaiterAndNoneIsSpare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		waiters, each := rapid.IntRange(0, 10000).Draw(t, "waiters"), rapid.IntRange(1, 1000).Draw(t, "concurrency")
		n := Places(waiters, each)
		if n*each < waiters || (n-1)*each >= waiters && waiters > 0 {
			t.Fatalf("%d places of %d for %d", n, each, waiters)
		}
	})
}

func TestBackoffGrowsAndIsBounded(t *testing.T) {
	last := time.Duration(0)
	for failures := range 100 {
		d := Backoff(failures)
		if d < last || d > mostBackoff {
			t.Fatalf("after %d failures %s, before it %s", failures, d, last)
		}
		last = d
	}
	if last != mostBackoff || Backoff(1) != firstBackoff {
		t.Errorf("from %s to %s, want from %s to %s", Backoff(1), last, firstBackoff, mostBackoff)
	}
}

func TestKeepRanksWhatIsCheapToLoseFirst(t *testing.T) {
	base := Candidate{Idle: time.Minute, Reload: time.Second, Every: time.Minute, Size: 512 << 20}
	for _, c := range []struct {
		name   string
		change func(*Candidate)
	}{
		{"longer idle", func(c *Candidate) { c.Idle *= 2 }},
		{"quicker to start again", func(c *Candidate) { c.Reload /= 2 }},
		{"bigger", func(c *Candidate) { c.Size *= 2 }},
		{"called less often than its idle time allows", func(c *Candidate) { c.Every /= 2 }},
	} {
		other := base
		c.change(&other)
		if Keep(other) >= Keep(base) {
			t.Errorf("%s: ranks %g, want below %g", c.name, Keep(other), Keep(base))
		}
	}
}
