// Package scale holds the policies of how many instances to run and for how
// long: pure functions without I/O and without a clock. Package pool asks them
// and acts.
package scale

import (
	"math"
	"time"
)

// Places is how many instances it takes to have a place for every waiter.
func Places(waiters, concurrency int) int {
	return (waiters + concurrency - 1) / concurrency
}

// The back-off between failed starts of one revision.
const (
	firstBackoff = 250 * time.Millisecond
	mostBackoff  = 30 * time.Second
)

// Backoff is how long to leave a revision alone whose last starts all failed:
// 250 ms after the first failure, doubling up to 30 s.
func Backoff(failures int) time.Duration {
	if failures <= 0 {
		return 0
	}
	if failures > 16 {
		return mostBackoff
	}
	return min(firstBackoff<<(failures-1), mostBackoff)
}

// Candidate is an idle instance that could make room for another one.
type Candidate struct {
	Idle   time.Duration // since its last request
	Reload time.Duration // how long its revision takes to start
	Every  time.Duration // mean time between its requests so far; 0 when it had at most one
	Size   int64         // bytes that its end gives back
}

// Keep ranks candidates: the instance with the lowest value goes first. It is
// reload cost × probability of reuse ÷ size, after the greedy-dual rule of
// FaasCache (Fuerst and Sharma, ASPLOS 2021), with the probability that requests
// which arrive at random every Every have not simply stopped after Idle.
func Keep(c Candidate) float64 {
	every := c.Every
	if every <= 0 {
		every = time.Minute
	}
	reuse := math.Exp(-c.Idle.Seconds() / every.Seconds())
	reload := max(c.Reload, time.Millisecond)
	return reload.Seconds() * reuse / float64(max(c.Size, 1))
}
