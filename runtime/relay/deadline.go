package relay

import (
	"sync"
	"time"
)

// deadline is a moment that may be moved while somebody waits for it.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	done  chan struct{} // closed when it has passed
}

// set moves the deadline; zero is never. Who waits with passed's earlier channel
// goes on waiting with that only if it has not passed.
func (d *deadline) set(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.done // it is just passing
	}
	d.timer = nil
	passed := false
	if d.done == nil {
		d.done = make(chan struct{})
	}
	select {
	case <-d.done:
		passed = true
	default:
	}
	if at.IsZero() {
		if passed {
			d.done = make(chan struct{})
		}
		return
	}
	wait := time.Until(at)
	if wait <= 0 {
		if !passed {
			close(d.done)
		}
		return
	}
	if passed {
		d.done = make(chan struct{})
	}
	done := d.done
	d.timer = time.AfterFunc(wait, func() { close(done) })
}

// passed is closed when the deadline has passed.
func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done == nil {
		d.done = make(chan struct{})
	}
	return d.done
}
