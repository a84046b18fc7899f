package process

import (
	"hash/fnv"
	"sync"
)

// firstUID spreads folders over a range that neither people nor their
// subordinate users have.
func firstUID(dir string) int {
	const (
		lowest  = 1_000_000
		folders = 100_000
		each    = 10_000 // more sandboxes than one host carries
	)
	h := fnv.New32a()
	h.Write([]byte(dir))
	return lowest + int(h.Sum32()%folders)*each
}

// uids hands out users, lowest first, so that no two sandboxes share one.
type uids struct {
	first int

	mu   sync.Mutex
	used map[int]bool
}

func newUIDs(first int) *uids { return &uids{first: first, used: make(map[int]bool)} }

func (u *uids) take() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	uid := u.first
	for u.used[uid] {
		uid++
	}
	u.used[uid] = true
	return uid
}

// claim marks a user that a sandbox of an earlier host process has.
func (u *uids) claim(uid int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.used[uid] = true
}

func (u *uids) give(uid int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.used, uid)
}
