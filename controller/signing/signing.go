// Package signing keeps AWS Lambda's code signing configurations.
package signing

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/rousehq/rouse"
)

const (
	setting = "code-signing-configs"
	most    = 100 // AWS's quota
)

// Settings is where the configurations outlive the process.
type Settings interface {
	Setting(ctx context.Context, key string) (string, error)
	PutSetting(ctx context.Context, key, value string) error
}

// Configs owns all configurations. Its methods may be called at once from many
// goroutines; what they return must not be changed.
type Configs struct {
	store Settings

	changing sync.Mutex // held over a change and its writing

	mu   sync.RWMutex
	list []rouse.SigningConfig // by ID; never changed in place
}

// Open reads the configurations that there are.
func Open(ctx context.Context, store Settings) (*Configs, error) {
	c := &Configs{store: store}
	text, err := store.Setting(ctx, setting)
	if err != nil && rouse.CodeOf(err) == rouse.NotFound {
		return c, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &c.list)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the code signing configurations: %w", err)
	}
	return c, nil
}

// SigningConfigs are all, by ID. It does not block.
func (c *Configs) SigningConfigs() []rouse.SigningConfig {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Clone(c.list)
}

// CreateSigningConfig blocks until a new one is on disk. An ID that is taken, or
// too many of them, is a Conflict.
func (c *Configs) CreateSigningConfig(ctx context.Context, made rouse.SigningConfig) error {
	return c.change(ctx, func(list []rouse.SigningConfig) ([]rouse.SigningConfig, error) {
		at, taken := find(list, made.ID)
		if taken {
			return nil, rouse.Errorf(rouse.Conflict, "code signing configuration %s exists already", made.ID)
		}
		if len(list) >= most {
			return nil, rouse.Errorf(rouse.Conflict, "there are %d code signing configurations, and no more can be made; delete some", most)
		}
		return slices.Insert(list, at, made), nil
	})
}

// ChangeSigningConfig has edit alter a copy and blocks until that is on disk. What
// edit returns is returned as it is; one that does not exist is NotFound.
func (c *Configs) ChangeSigningConfig(ctx context.Context, id string, edit func(*rouse.SigningConfig) error) (changed rouse.SigningConfig, err error) {
	err = c.change(ctx, func(list []rouse.SigningConfig) ([]rouse.SigningConfig, error) {
		at, ok := find(list, id)
		if !ok {
			return nil, missing(id)
		}
		changed = list[at]
		changed.Tags = maps.Clone(changed.Tags)
		if err := edit(&changed); err != nil {
			return nil, err
		}
		list[at] = changed
		return list, nil
	})
	return changed, err
}

// DeleteSigningConfig blocks until one is gone from the disk, or is NotFound.
func (c *Configs) DeleteSigningConfig(ctx context.Context, id string) error {
	return c.change(ctx, func(list []rouse.SigningConfig) ([]rouse.SigningConfig, error) {
		at, ok := find(list, id)
		if !ok {
			return nil, missing(id)
		}
		return slices.Delete(list, at, at+1), nil
	})
}

func missing(id string) error {
	return rouse.Errorf(rouse.NotFound, "code signing configuration %.80q: does not exist", id)
}

func find(list []rouse.SigningConfig, id string) (int, bool) {
	return slices.BinarySearchFunc(list, id, func(c rouse.SigningConfig, id string) int { return strings.Compare(c.ID, id) })
}

// change gives edit a copy, writes what it returns, and then goes by it.
func (c *Configs) change(ctx context.Context, edit func([]rouse.SigningConfig) ([]rouse.SigningConfig, error)) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	next, err := edit(slices.Clone(c.list)) // only changing writes them
	if err != nil {
		return err
	}
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := c.store.PutSetting(ctx, setting, string(text)); err != nil {
		return err
	}
	c.mu.Lock()
	c.list = next
	c.mu.Unlock()
	return nil
}
