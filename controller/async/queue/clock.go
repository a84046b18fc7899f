package queue

import (
	"sync/atomic"
	"time"
)

// Clock is the time that queues live by. It never goes back: it takes the wall
// clock's word once, when it is made, and counts from there.
type Clock struct {
	began time.Time // as the machine's monotonic clock has it
	rate  float64
	base  atomic.Int64 // ns; what Now was when it began
}

// NewClock makes a clock that shows now and runs rate times as fast as the
// machine's: 1, but for tests.
func NewClock(now time.Time, rate float64) *Clock {
	c := &Clock{began: time.Now(), rate: rate}
	c.base.Store(now.UnixNano())
	return c
}

// Now is the clock's time, in UTC.
func (c *Clock) Now() time.Time {
	return time.Unix(0, c.base.Load()+int64(float64(time.Since(c.began))*c.rate)).UTC()
}

// Timer fires when d has passed on this clock.
func (c *Clock) Timer(d time.Duration) *time.Timer {
	return time.NewTimer(time.Duration(float64(d) / c.rate))
}

// AfterFunc calls f on a goroutine of its own when d has passed on this clock.
func (c *Clock) AfterFunc(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(time.Duration(float64(d)/c.rate), f)
}

// advance sets the clock forward to t, if it is behind. It says by how much.
func (c *Clock) advance(t time.Time) time.Duration {
	behind := t.Sub(c.Now())
	if behind <= 0 {
		return 0
	}
	c.base.Add(int64(behind))
	return behind
}
