package async

import (
	"errors"
	"time"

	"github.com/rousehq/rouse"
)

// Policy is how a function's jobs are retried.
type Policy struct {
	Retries     int           // after the function failed
	RetryFirst  time.Duration // before the first of them, doubling
	RefuseFirst time.Duration // after the platform refused, doubling
	RefuseMost  time.Duration
	MaxAge      time.Duration // no attempt begins later
}

// DefaultPolicy is AWS Lambda's: two retries after one and two minutes;
// throttles and platform errors after a second, doubling to five minutes; six
// hours in all ("Error handling for asynchronous invocation").
func DefaultPolicy() Policy {
	return Policy{Retries: 2, RetryFirst: time.Minute, RefuseFirst: time.Second, RefuseMost: 5 * time.Minute, MaxAge: 6 * time.Hour}
}

// of applies what a request asks for itself.
func (p Policy) of(r *Request) Policy {
	if r.MaxAge > 0 {
		p.MaxAge = r.MaxAge
	}
	if r.MaxAttempts > 0 {
		p.Retries = r.MaxAttempts - 1
	}
	return p
}

// maxCuts is how often Rouse may end during an attempt before the job is
// suspected to be the reason.
const maxCuts = 10

// after decides what becomes of a job after an attempt: its new status, which
// is an end or has the time of the next attempt. created is when it was
// accepted, or redriven.
func (p Policy) after(now, created time.Time, s Status, out *Outcome, err error) Status {
	s.Error = nil
	switch {
	case err == nil && out.Failure == nil:
		return end(s, now, rouse.JobSucceeded, rouse.JobSuccess)
	case err == nil:
		s.Error = out.Failure
		s.Failures++
		if s.Failures > p.Retries {
			return end(s, now, rouse.JobFailed, rouse.JobRetriesExhausted)
		}
		return p.later(now, created, s, double(p.RetryFirst, s.Failures-1, 0))
	}
	s.Error = failureOf(err)
	s.Attempts-- // the function was never begun
	switch s.Error.Code {
	case rouse.NotFound, rouse.Invalid, rouse.TooLarge:
		return end(s, now, rouse.JobFailed, rouse.JobRejected)
	}
	s.Refusals++
	delay := double(p.RefuseFirst, s.Refusals-1, p.RefuseMost)
	var coded *rouse.Error
	if errors.As(err, &coded) && coded.RetryAfter > delay {
		delay = min(coded.RetryAfter, p.RefuseMost)
	}
	return p.later(now, created, s, delay)
}

// later has a job wait for its next attempt, unless it will be too old by then.
func (p Policy) later(now, created time.Time, s Status, delay time.Duration) Status {
	next := now.Add(delay)
	if p.MaxAge > 0 && !next.Before(created.Add(p.MaxAge)) {
		return end(s, now, rouse.JobExpired, rouse.JobEventAgeExceeded)
	}
	s.State, s.Next = rouse.JobPending, next
	return s
}

// double is first, doubled n times, and at most most unless that is 0.
func double(first time.Duration, n int, most time.Duration) time.Duration {
	d := first
	for range n {
		if d *= 2; d < 0 || most > 0 && d >= most {
			return most
		}
	}
	return d
}

// failureOf is what callers may know of an error.
func failureOf(err error) *Failure {
	var e *rouse.Error
	if !errors.As(err, &e) || e.Code == rouse.Internal {
		return &Failure{Code: rouse.Internal, Message: "internal error; the server's log has the details under this job's id"}
	}
	return &Failure{Code: e.Code, Message: e.Message, Type: e.Type, Trace: e.Trace}
}
