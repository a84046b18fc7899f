package cells

import (
	"time"

	"github.com/rousehq/rouse"
)

// rivalry is how long somebody who wanted a spare is taken to want another one.
const rivalry = time.Minute

// mostRivals bounds what is remembered of them. Who is forgotten wanted none lately.
const mostRivals = 1024

// share divides the spares of one kind among revisions. While more than one
// wants some, none gets more than half of them: a spare that was taken counts
// as its taker's until another one has been made in its place. A revision that
// nobody competes with may have all, since one kept for nobody helps nobody.
type share struct {
	taken  []taking // not replaced yet, the oldest first
	wanted map[rouse.RevisionID]time.Time
}

type taking struct {
	holder rouse.RevisionID
	at     time.Time
}

// take says whether holder may have one of the spares that are ready, and books it.
func (s *share) take(holder rouse.RevisionID, ready int, now time.Time) bool {
	s.want(holder, now)
	if ready == 0 {
		return false
	}
	// What was not replaced in all that time is not going to be.
	for len(s.taken) > 0 && now.Sub(s.taken[0].at) > rivalry {
		s.taken = s.taken[1:]
	}
	held := 0
	for _, t := range s.taken {
		if t.holder == holder {
			held++
		}
	}
	if half := max((ready+len(s.taken))/2, 1); held >= half && s.contested(holder, now) {
		return false
	}
	s.taken = append(s.taken, taking{holder, now})
	return true
}

// replaced notes that a spare has been made: the oldest debt is paid.
func (s *share) replaced() {
	if len(s.taken) > 0 {
		s.taken = s.taken[1:]
	}
}

func (s *share) want(holder rouse.RevisionID, now time.Time) {
	if s.wanted == nil {
		s.wanted = make(map[rouse.RevisionID]time.Time)
	}
	if _, known := s.wanted[holder]; !known && len(s.wanted) >= mostRivals {
		for h, at := range s.wanted {
			if now.Sub(at) > rivalry {
				delete(s.wanted, h)
			}
		}
		if len(s.wanted) >= mostRivals {
			return // there are rivals enough to know that there are some
		}
	}
	s.wanted[holder] = now
}

// contested says that somebody else wanted a spare lately.
func (s *share) contested(holder rouse.RevisionID, now time.Time) bool {
	for h, at := range s.wanted {
		if h != holder && now.Sub(at) <= rivalry {
			return true
		}
	}
	return false
}
