package sqsapi

import (
	"fmt"
	"testing"
	"time"
)

func TestAttemptsAreForgottenAfterTheirWindow(t *testing.T) {
	s := attempts{byID: map[attemptKey]attempt{}}
	now := time.Unix(0, 0)
	for i := range 1000 { // one a second
		at := now.Add(time.Duration(i) * time.Second)
		key := attemptKey{"q", fmt.Sprint(i)}
		s.put(key, attempt{at: at})
		if _, ok := s.get(key, at.Add(attemptWindow-1)); !ok {
			t.Fatalf("%d is forgotten too early", i)
		}
		if _, ok := s.get(key, at.Add(attemptWindow)); ok {
			t.Fatalf("%d counts too long", i)
		}
		if most := int(attemptWindow / time.Second); len(s.byID) > most || len(s.order) != len(s.byID) {
			t.Fatalf("after %d: %d are kept, in an order of %d", i, len(s.byID), len(s.order))
		}
	}
}

func TestAnAttemptThatIsMadeAgainCountsFromThen(t *testing.T) {
	s := attempts{byID: map[attemptKey]attempt{}}
	first, again, later := time.Unix(1, 0), time.Unix(200, 0), time.Unix(400, 0)
	key := attemptKey{"q", "a"}
	s.put(key, attempt{at: first})
	s.put(key, attempt{at: again})
	s.put(attemptKey{"q", "b"}, attempt{at: later})
	if _, ok := s.get(key, later); !ok || len(s.byID) != 2 || len(s.order) != 2 {
		t.Errorf("%v, %d, %d", ok, len(s.byID), len(s.order))
	}
}
