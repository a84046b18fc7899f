package hold

import (
	"context"
	"sync"
	"time"
)

// patience is a context that ends after a time, at the latest. Its timer is
// made when somebody waits for it, which a call of a warm function never does.
type patience struct {
	context.Context
	hold time.Duration

	once   sync.Once
	timed  context.Context
	cancel context.CancelFunc
}

var _ context.Context = (*patience)(nil)

func (p *patience) wait() context.Context {
	p.once.Do(func() { p.timed, p.cancel = context.WithTimeout(p.Context, p.hold) })
	return p.timed
}

func (p *patience) Deadline() (time.Time, bool) { return p.wait().Deadline() }
func (p *patience) Done() <-chan struct{}       { return p.wait().Done() }
func (p *patience) Err() error                  { return p.wait().Err() }

// end frees what waiting took. Whoever waits must have stopped.
func (p *patience) end() {
	if p.cancel != nil {
		p.cancel()
	}
}
