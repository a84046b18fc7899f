package rouse

import (
	"encoding/json"
	"net/http"
	"time"
	"unicode/utf8"
)

// JobNotify is who is to be told of a job's end, as its caller wishes.
type JobNotify struct {
	Webhook string `json:"webhook,omitempty"`
	// Base is how the caller reaches this Rouse, for links.
	Base string `json:"base,omitempty"`
}

// JobView is a job as clients and webhooks see it.
type JobView struct {
	RequestID string       `json:"request_id"`
	Function  FunctionName `json:"function"`
	Qualifier Qualifier    `json:"qualifier"`
	Source    string       `json:"source,omitempty"` // who asked: http, api, lambda, ...
	Status    JobState     `json:"status"`
	Condition JobCondition `json:"condition,omitempty"` // why it ended
	Attempts  int          `json:"attempts"`

	Created   time.Time `json:"created"`
	Next      time.Time `json:"next_attempt,omitzero"`
	Started   time.Time `json:"started,omitzero"` // the newest attempt
	Ended     time.Time `json:"ended,omitzero"`
	Redriven  time.Time `json:"redriven,omitzero"`
	KeptUntil time.Time `json:"kept_until,omitzero"`

	// Result is the answer, JSON as it is and text as a string, unless it is
	// large; any other one is at ResultURL. Both are missing until there is one.
	Result    json.RawMessage `json:"result,omitempty"`
	ResultURL string          `json:"result_url,omitempty"`
	// Size, Code and Headers tell of the answer; the last two of an http function's.
	Size    int         `json:"result_size,omitempty"`
	Code    int         `json:"result_status,omitempty"`
	Headers http.Header `json:"result_headers,omitempty"`
	Omitted string      `json:"result_omitted,omitempty"` // why it was not kept

	Error *JobFailure `json:"error,omitempty"` // the newest
	// Untold is why somebody could not be told of the end so far.
	Untold string `json:"tell_error,omitempty"`
}

// JobAccepted is the answer to a job that is on disk.
type JobAccepted struct {
	RequestID string   `json:"request_id"`
	Status    JobState `json:"status"`
	PollURL   string   `json:"poll_url"`
	Existing  bool     `json:"existing,omitempty"` // the idempotency key was an earlier job's
}

// JobPage is a part of a listing. There is more while Next is not empty: give it
// as after.
type JobPage struct {
	Jobs []*JobView `json:"jobs"`
	Next string     `json:"next,omitempty"`
}

// maxInline is the largest answer that a view has in itself.
const maxInline = 64 << 10

// ViewJob shows a job. answer reads what the function answered, and is not
// called when that is large; base is how the reader reaches this Rouse, without
// a slash at the end.
func ViewJob(j *Job, base string, answer func() ([]byte, error)) (*JobView, error) {
	v := JobLine(j)
	if j.Result == nil {
		return v, nil
	}
	v.Size, v.Code, v.Headers, v.Omitted = j.Result.Size, j.Result.Status, j.Result.Header, j.Result.Omitted
	if v.Size == 0 || v.Omitted != "" {
		return v, nil
	}
	if v.Size <= maxInline {
		b, err := answer()
		if err != nil {
			return nil, err
		}
		switch {
		case json.Valid(b):
			v.Result = b
			return v, nil
		case utf8.Valid(b):
			v.Result, err = json.Marshal(string(b))
			return v, err
		}
	}
	v.ResultURL = base + "/jobs/" + j.ID + "/result"
	return v, nil
}

// JobLine shows a job without its answer, as listings do.
func JobLine(j *Job) *JobView {
	return &JobView{
		RequestID: j.ID, Function: j.Request.Ref.Name, Qualifier: j.Request.Ref.Qualifier, Source: j.Request.Source,
		Status: j.State, Condition: j.Condition, Attempts: j.Attempts,
		Created: j.Created, Next: j.Next, Started: j.Started, Ended: j.Ended, Redriven: j.Redriven, KeptUntil: j.KeptUntil,
		Error: j.Error, Untold: j.TellError,
	}
}
