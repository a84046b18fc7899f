package pool

import "sync"

// tokens are a function's reserved concurrency: the requests that all of its
// revisions may have in flight together. Without a limit they only count.
type tokens struct {
	revisions int // that share them; the pool's mutex guards it

	mu   sync.Mutex
	most int // -1 for no limit
	used int
}

func newTokens(reserved *int) *tokens {
	t := &tokens{}
	t.set(reserved)
	return t
}

func (t *tokens) set(reserved *int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.most = -1
	if reserved != nil {
		t.most = *reserved
	}
}

func (t *tokens) take() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.most >= 0 && t.used >= t.most {
		return false
	}
	t.used++
	return true
}

// give returns a token and says whether somebody may have waited for it.
func (t *tokens) give() (limited bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.used--
	return t.most >= 0
}

func (t *tokens) limit() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.most
}

func (t *tokens) inUse() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.used
}

func (t *tokens) zero() bool { return t.limit() == 0 }
