package async

import (
	"net/http"
	"time"

	"github.com/rousehq/rouse"
)

// The words that this package shares with those who submit jobs.
type (
	Job       = rouse.Job
	Request   = rouse.JobRequest
	Status    = rouse.JobStatus
	State     = rouse.JobState
	Condition = rouse.JobCondition
	Failure   = rouse.JobFailure
	Result    = rouse.JobResult
	Filter    = rouse.JobFilter
)

// since is when a job's age begins.
func since(j *Job) time.Time {
	if j.Redriven.IsZero() {
		return j.Created
	}
	return j.Redriven
}

// end is the status of a job that has ended.
func end(s Status, now time.Time, state State, c Condition) Status {
	s.State, s.Condition, s.Ended, s.Next = state, c, now, time.Time{}
	return s
}

// Attempt is one run of a job.
type Attempt struct {
	ID      string // the job's, which is the event's
	Number  int    // from 1
	Request *Request
}

// Outcome is how an attempt ended in which the function had its say.
type Outcome struct {
	Payload []byte
	Version rouse.Qualifier // that ran: $LATEST or a number
	Status  int             // http contract
	Header  http.Header
	// Failure is set when the function failed; Payload may then describe how.
	Failure *Failure
}
