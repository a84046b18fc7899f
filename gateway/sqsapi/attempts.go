package sqsapi

import (
	"context"
	"sync"
	"time"

	"github.com/rousehq/rouse"
)

// attemptWindow is how long a ReceiveRequestAttemptId counts, as on SQS.
const attemptWindow = 5 * time.Minute

// attempts remembers what was given out under a ReceiveRequestAttemptId, so that
// a client that did not get the answer can ask again. It is kept in memory: a
// client that asks a restarted Rouse waits for its leases to end.
type attempts struct {
	mu    sync.Mutex
	byID  map[attemptKey]attempt
	order []made // of all in byID, and of those that were made again; the oldest first
}

// made says when an attempt was.
type made struct {
	key attemptKey
	at  time.Time
}

type attemptKey struct{ queue, id string }

type attempt struct {
	receipts []string
	at       time.Time
}

func (s *attempts) put(key attemptKey, one attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.order) > 0 && one.at.Sub(s.order[0].at) >= attemptWindow {
		if oldest := s.order[0]; s.byID[oldest.key].at.Equal(oldest.at) { // it was not made again
			delete(s.byID, oldest.key)
		}
		s.order = s.order[1:]
	}
	s.order = append(s.order, made{key, one.at})
	s.byID[key] = one
}

func (s *attempts) get(key attemptKey, now time.Time) (attempt, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.byID[key]
	return one, ok && now.Sub(one.at) < attemptWindow
}

// again answers a receive that was answered before, when nothing has become of
// its messages since.
func (a *api) again(ctx context.Context, q rouse.Queue, id string, hidden time.Duration) (ms []*rouse.Message, ok bool, err error) {
	before, ok := a.attempts.get(attemptKey{q.Name, id}, a.Now())
	if !ok {
		return nil, false, nil
	}
	return a.Leases.Redeliver(ctx, q.Name, before.receipts, hidden)
}
