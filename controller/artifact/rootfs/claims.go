package rootfs

import (
	"context"
	"sync"
)

// claims sees to it that a blob is downloaded by one caller at a time.
type claims struct {
	mu  sync.Mutex
	now map[string]chan struct{} // closed when the claim ends
}

// claim blocks until nobody else has the blob. The caller releases it, once.
func (c *claims) claim(ctx context.Context, digest string) (release func(), err error) {
	for {
		c.mu.Lock()
		other, taken := c.now[digest]
		if !taken {
			if c.now == nil {
				c.now = map[string]chan struct{}{}
			}
			c.now[digest] = make(chan struct{})
		}
		c.mu.Unlock()
		if !taken {
			return func() { c.release(digest) }, nil
		}
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *claims) release(digest string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.now[digest])
	delete(c.now, digest)
}

func (c *claims) held(digest string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.now[digest]
	return ok
}
