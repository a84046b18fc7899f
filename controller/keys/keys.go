// Package keys keeps the keys with which callers prove who they are. They lie
// in the store as they are: whoever verifies a signature needs the secret itself.
package keys

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rousehq/rouse"
)

const (
	setting  = "keys"
	most     = 1000
	longest  = 64 // characters of a name
	idPrefix = "ROUSE"
)

// Settings is where the keys outlive the process.
type Settings interface {
	Setting(ctx context.Context, key string) (string, error)
	PutSetting(ctx context.Context, key, value string) error
}

// Keys owns all keys. Its methods may be called at once from many goroutines.
type Keys struct {
	store Settings
	now   func() time.Time

	changing sync.Mutex // held over a change and its writing

	mu   sync.RWMutex
	keys []rouse.Key // by time of creation; never changed in place
}

// Open reads the keys that there are.
func Open(ctx context.Context, store Settings, now func() time.Time) (*Keys, error) {
	k := &Keys{store: store, now: now}
	text, err := store.Setting(ctx, setting)
	if err != nil && rouse.CodeOf(err) == rouse.NotFound {
		return k, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &k.keys)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the keys: %w", err)
	}
	return k, nil
}

// Secret finds a key's secret. It does not block.
func (k *Keys) Secret(id string) (secret string, ok bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	i := slices.IndexFunc(k.keys, func(key rouse.Key) bool { return key.ID == id })
	if i < 0 {
		return "", false
	}
	return k.keys[i].Secret, true
}

// All lists the keys without their secrets, the oldest first. It does not block.
func (k *Keys) All() []rouse.Key {
	k.mu.RLock()
	defer k.mu.RUnlock()
	list := append([]rouse.Key{}, k.keys...) // JSON wants a list, if an empty one
	for i := range list {
		list[i].Secret = ""
	}
	return list
}

// Create makes a key and blocks until it is on disk. It alone returns the secret.
// Errors are Invalid for a name that is too long or has no visible characters.
func (k *Keys) Create(ctx context.Context, name string) (rouse.Key, error) {
	if len(name) > longest || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return rouse.Key{}, rouse.Errorf(rouse.Invalid, "name: must be at most %d characters, in one line", longest)
	}
	key := rouse.Key{ID: idPrefix + rand.Text()[:15], Secret: rand.Text() + rand.Text()[:14], Name: name, Created: k.now().UTC().Truncate(time.Second)}
	err := k.change(ctx, func(keys []rouse.Key) ([]rouse.Key, error) {
		if len(keys) >= most {
			return nil, rouse.Errorf(rouse.Conflict, "there are %d keys, and no more can be made; remove some", most)
		}
		return append(keys, key), nil
	})
	return key, err
}

// Remove has a key believed no more, and blocks until that is on disk. A key
// that does not exist is NotFound.
func (k *Keys) Remove(ctx context.Context, id string) error {
	return k.change(ctx, func(keys []rouse.Key) ([]rouse.Key, error) {
		left := slices.DeleteFunc(keys, func(key rouse.Key) bool { return key.ID == id })
		if len(left) == len(keys) {
			return nil, rouse.Errorf(rouse.NotFound, "key %.80q: does not exist", id)
		}
		return left, nil
	})
}

// change gives edit a copy, writes what it returns, and then goes by it.
func (k *Keys) change(ctx context.Context, edit func([]rouse.Key) ([]rouse.Key, error)) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	next, err := edit(slices.Clone(k.keys)) // only changing writes them
	if err != nil {
		return err
	}
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := k.store.PutSetting(ctx, setting, string(text)); err != nil {
		return err
	}
	k.mu.Lock()
	k.keys = next
	k.mu.Unlock()
	return nil
}
