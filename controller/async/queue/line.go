package queue

import (
	"container/list"
	"time"
)

// Waiter is somebody in a queue's line, who waits for messages.
type Waiter struct {
	q    *Queue
	turn chan struct{} // has a token once it is this one's turn
	at   *list.Element // guarded by Queue.mu; nil when it is not in the line any more
}

// line is who waits for a queue's messages, guarded by Queue.mu. As many are
// woken as there are messages, the longest waiting first; and while somebody
// waits, the alarm wakes one when the first message is due that now waits or is
// leased. So whoever is woken looks, and then waits anew or leaves.
type line struct {
	waiters list.List // of *Waiter
	alarm   *time.Timer
	rings   time.Time // when alarm does; zero when it does not
}

// Wait gets into the line. Who waits looks for messages after that, lest it
// misses what comes meanwhile. Leave must be called.
func (q *Queue) Wait() *Waiter {
	w := &Waiter{q: q, turn: make(chan struct{}, 1)}
	q.mu.Lock()
	defer q.mu.Unlock()
	w.at = q.line.waiters.PushBack(w)
	return w
}

// Turn has a value when it is time to look, once.
func (w *Waiter) Turn() <-chan struct{} { return w.turn }

// Again gets back to where it was in the line, after a turn or before the last
// look. Who leaves instead without looking makes the next one look, and so on.
func (w *Waiter) Again() {
	w.q.mu.Lock()
	defer w.q.mu.Unlock()
	if w.at != nil {
		return
	}
	select {
	case <-w.turn: // it looks now
	default:
	}
	w.at = w.q.line.waiters.PushFront(w)
}

// Until has somebody in the line look at a time at the latest: when the first
// message is due that was not when the waiter looked.
func (w *Waiter) Until(at time.Time) {
	w.q.mu.Lock()
	defer w.q.mu.Unlock()
	w.q.ringAt(at)
}

// Leave gets out of the line. A turn that was not taken is the next one's.
func (w *Waiter) Leave() {
	q := w.q
	q.mu.Lock()
	defer q.mu.Unlock()
	pass := q.line.rings.IsZero() // somebody has to look when the next one is due
	if w.at != nil {
		q.line.waiters.Remove(w.at)
		w.at = nil
	} else {
		select {
		case <-w.turn:
			pass = true
		default:
		}
	}
	if pass {
		q.wake(1)
	}
	if q.line.waiters.Len() == 0 && q.line.alarm != nil {
		q.line.alarm.Stop()
		q.line.rings = time.Time{}
	}
}

// wake tells the first n in the line. The caller holds mu.
func (q *Queue) wake(n int) {
	for ; n > 0 && q.line.waiters.Len() > 0; n-- {
		w := q.line.waiters.Remove(q.line.waiters.Front()).(*Waiter)
		w.at = nil
		w.turn <- struct{}{} // it has room, since each is told once
	}
}

// ringAt sets the alarm, unless it rings earlier or nobody waits. The caller
// holds mu.
func (q *Queue) ringAt(at time.Time) {
	l := &q.line
	if l.waiters.Len() == 0 || at.IsZero() || !l.rings.IsZero() && !at.Before(l.rings) {
		return
	}
	l.rings = at
	if l.alarm != nil {
		l.alarm.Stop()
	}
	l.alarm = q.clock.AfterFunc(at.Sub(q.clock.Now()), q.ring)
}

func (q *Queue) ring() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.line.rings = time.Time{}
	q.wake(1)
}
