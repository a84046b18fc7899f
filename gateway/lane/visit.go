package lane

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

// visit is a request's context. It ends when the request has been answered, and
// when its client leaves: that is looked for once somebody has asked for Done.
type visit struct {
	conn *conn

	mu      sync.Mutex
	ctx     context.Context // what Done is of; nil before the first
	cancel  context.CancelFunc
	read    bool          // the body is, so that what comes next is the client's end or its next request
	over    bool          // the request has been answered
	watched chan struct{} // closed when nobody looks any more; nil before somebody does
}

var _ context.Context = (*visit)(nil)

// Deadline is none.
func (v *visit) Deadline() (time.Time, bool) { return time.Time{}, false }

func (v *visit) Done() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ctx == nil {
		v.ctx, v.cancel = context.WithCancel(context.Background())
		if v.over {
			v.cancel()
		} else {
			v.watch()
		}
	}
	return v.ctx.Done()
}

func (v *visit) Err() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.ctx != nil:
		return v.ctx.Err()
	case v.over:
		return context.Canceled
	}
	return nil
}

// Value has none but the context package's own, by which contexts of this one's
// spare themselves a goroutine.
func (v *visit) Value(key any) any {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ctx == nil {
		return nil
	}
	return v.ctx.Value(key)
}

// bodyEnded is called when the last of the body has been read.
func (v *visit) bodyEnded() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.read = true
	if v.ctx != nil {
		v.watch()
	}
}

// watch begins to look for the client's end, unless the body is still to come
// or somebody looks already. The caller holds mu.
func (v *visit) watch() {
	if v.watched != nil || !v.read {
		return
	}
	v.watched = make(chan struct{})
	go func() {
		defer close(v.watched)
		// Bytes are the next request's, and the client is still there.
		if _, err := v.conn.in.Peek(1); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			v.cancel()
		}
	}()
}

// end ends the context, and blocks until nobody else reads from the connection.
func (v *visit) end() {
	v.mu.Lock()
	v.over = true
	watched, cancel := v.watched, v.cancel
	v.mu.Unlock()
	if watched != nil {
		v.conn.nc.SetReadDeadline(time.Unix(1, 0)) // whoever reads next sets another
		<-watched
	}
	if cancel != nil {
		cancel()
	}
}
