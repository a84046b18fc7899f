package destination

import (
	"bytes"
	"encoding/json"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async"
)

// record is what AWS Lambda sends to a destination ("Retaining records of
// asynchronous invocations").
type record struct {
	Version         string           `json:"version"`
	Timestamp       string           `json:"timestamp"`
	RequestContext  requestContext   `json:"requestContext"`
	RequestPayload  json.RawMessage  `json:"requestPayload"`
	ResponseContext *responseContext `json:"responseContext,omitempty"`
	ResponsePayload json.RawMessage  `json:"responsePayload,omitempty"`
}

type requestContext struct {
	RequestID string             `json:"requestId"`
	ARN       string             `json:"functionArn"`
	Condition rouse.JobCondition `json:"condition"`
	Count     int                `json:"approximateInvokeCount"`
}

type responseContext struct {
	Status  int             `json:"statusCode"`
	Version rouse.Qualifier `json:"executedVersion"`
	Error   string          `json:"functionError,omitempty"`
}

// record describes a job's end. The response is left out when there was none.
func (t *Teller) record(e async.End) ([]byte, error) {
	j := e.Job
	r := record{
		Version: "1.0", Timestamp: t.cfg.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		RequestContext: requestContext{j.ID, t.cfg.Place.ARN(j.Request.Ref.Name, qualifier(j)), j.Condition, j.Attempts},
		RequestPayload: embed(j.Request.Payload),
	}
	if j.Result != nil && j.Condition != rouse.JobZeroReservedConcurrency {
		answer, err := e.Answer()
		if err != nil {
			return nil, err
		}
		r.ResponseContext = &responseContext{Status: 200, Version: j.Result.Version}
		if j.State != rouse.JobSucceeded {
			r.ResponseContext.Error = "Unhandled"
		}
		r.ResponsePayload = embed(answer)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(r)
	return bytes.TrimSpace(b.Bytes()), err
}

// embed is JSON as it is, nothing as null, and anything else as a string.
func embed(b []byte) json.RawMessage {
	switch {
	case len(b) == 0:
		return json.RawMessage("null")
	case json.Valid(b):
		return b
	}
	text, err := json.Marshal(string(b))
	if err != nil {
		panic("destination: a string that cannot be encoded: " + err.Error())
	}
	return text
}
