package jobs

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/rousehq/rouse"
)

// JobView is a job as clients see it.
type JobView struct {
	RequestID string             `json:"request_id"`
	Function  rouse.FunctionName `json:"function"`
	Qualifier rouse.Qualifier    `json:"qualifier"`
	Status    rouse.JobState     `json:"status"`
	Condition rouse.JobCondition `json:"condition,omitempty"` // why it ended
	Attempts  int                `json:"attempts"`

	Created   time.Time `json:"created"`
	Next      time.Time `json:"next_attempt,omitzero"`
	Started   time.Time `json:"started,omitzero"` // the newest attempt
	Ended     time.Time `json:"ended,omitzero"`
	KeptUntil time.Time `json:"kept_until,omitzero"`

	// Result is the answer: JSON as it is, text as a string, anything else as
	// Base64. It is missing until there is one.
	Result json.RawMessage `json:"result,omitempty"`
	Base64 []byte          `json:"result_base64,omitempty"`
	// Size, Code and Headers tell of the answer; the last two of an http function's.
	Size    int         `json:"result_size,omitempty"`
	Code    int         `json:"result_status,omitempty"`
	Headers http.Header `json:"result_headers,omitempty"`
	Omitted string      `json:"result_omitted,omitempty"` // why it was not kept

	Error *rouse.JobFailure `json:"error,omitempty"` // the newest
}

// View reads a job's answer and shows both.
func View(ctx context.Context, jobs Jobs, j *rouse.Job) (*JobView, error) {
	v := &JobView{
		RequestID: j.ID, Function: j.Request.Ref.Name, Qualifier: j.Request.Ref.Qualifier,
		Status: j.State, Condition: j.Condition, Attempts: j.Attempts,
		Created: j.Created, Next: j.Next, Started: j.Started, Ended: j.Ended, KeptUntil: j.KeptUntil, Error: j.Error,
	}
	if j.Result == nil {
		return v, nil
	}
	v.Size, v.Code, v.Headers, v.Omitted = j.Result.Size, j.Result.Status, j.Result.Header, j.Result.Omitted
	answer, err := jobs.Payload(ctx, j)
	if err != nil {
		return nil, err
	}
	switch {
	case len(answer) == 0:
	case json.Valid(answer):
		v.Result = answer
	case utf8.Valid(answer):
		if v.Result, err = json.Marshal(string(answer)); err != nil {
			return nil, err
		}
	default:
		v.Base64 = answer
	}
	return v, nil
}
