package pool

import (
	"sync"

	"github.com/rousehq/rouse"
)

// tokens are the requests that all of a function's revisions may have in flight
// together, beside those on provisioned instances that stand apart: of what is
// reserved for it, or else of what the account has for all.
type tokens struct {
	revisions []*revision // that share them; the pool's mutex guards it, and what is in it never changes
	account   *account    // nil when its requests do not count there

	mu       sync.Mutex
	reserved *int
	most     int // of its own; -1 takes them from the account
	used     int
	starved  bool // somebody was refused since the last time that others were told
}

// newTokens are those of a function of a contract. What the account bounds are
// events: a server's requests, and connections that stay open, are none.
func newTokens(a *account, contract rouse.Contract) *tokens {
	t := &tokens{most: -1}
	if contract == rouse.ContractLambda {
		t.account = a
	}
	return t
}

// set takes the function's settings; provisioned is what it has in all.
func (t *tokens) set(s rouse.Settings, provisioned int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	borrowed := t.most < 0
	t.reserved, t.most = s.Reserved, -1
	if s.Reserved != nil {
		t.most = *s.Reserved
		if s.Concurrency == 1 { // provisioned instances stand apart
			t.most = max(t.most-provisioned, 0)
		}
	}
	// What is in flight counts where it would be taken from now.
	switch {
	case t.account == nil:
	case borrowed && t.most >= 0:
		t.account.used.Add(-int64(t.used))
	case !borrowed && t.most < 0:
		t.account.used.Add(int64(t.used))
	}
}

func (t *tokens) take() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.most >= 0 && t.used >= t.most:
		t.starved = true
		return false
	case t.most < 0 && t.account != nil && !t.account.take():
		return false
	}
	t.used++
	return true
}

// freed says who may have waited for what was given back.
type freed int

const (
	freedNobody freed = iota
	freedFunction
	freedAll
)

func (t *tokens) give() freed {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.used--
	switch {
	case t.most >= 0 && t.starved:
		t.starved = false
		return freedFunction
	case t.most >= 0:
	case t.account != nil && t.account.give():
		return freedAll
	}
	return freedNobody
}

// quota names what take says no for.
func (t *tokens) quota() rouse.Quota {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reserved != nil {
		return rouse.QuotaReserved
	}
	return rouse.QuotaAccount
}

// none says that there is nothing beside what is provisioned.
func (t *tokens) none() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.most == 0
}

func (t *tokens) zero() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reserved != nil && *t.reserved == 0
}
