package sqsapi

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/rousehq/rouse"
)

// redriveText is RedrivePolicy as clients write it.
type redriveText struct {
	Target      string          `json:"deadLetterTargetArn"`
	MaxReceives json.RawMessage `json:"maxReceiveCount"` // a number, perhaps as a string
}

func (a *api) redrivePolicy(q rouse.Queue, _ extra) string {
	d := q.Definition
	if d.DeadLetters == "" {
		return ""
	}
	b, err := json.Marshal(redriveText{a.Place.QueueARN(d.DeadLetters), json.RawMessage(strconv.Itoa(d.MaxReceives))})
	if err != nil {
		panic("sqsapi: a policy that cannot be encoded: " + err.Error())
	}
	return string(b)
}

func (a *api) setRedrivePolicy(e *edit, value string) string {
	if value == "" {
		e.d.DeadLetters, e.d.MaxReceives = "", 0
		return ""
	}
	var in redriveText
	if err := json.Unmarshal([]byte(value), &in); err != nil {
		return "Redrive policy is not a valid JSON map."
	}
	if in.Target == "" || len(in.MaxReceives) == 0 {
		return "Redrive policy must contain the parameters deadLetterTargetArn and maxReceiveCount."
	}
	text := string(in.MaxReceives)
	if unquoted, err := strconv.Unquote(text); err == nil {
		text = unquoted
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1000 {
		return "Invalid value for maxReceiveCount: must be an integer from 1 to 1000."
	}
	dead, ok := a.queueOfARN(in.Target)
	switch {
	case !ok:
		return "Dead letter target does not exist."
	case dead.Definition.FIFO != e.d.FIFO:
		return "Dead-letter queue must be same type of queue as the source."
	case !a.allows(dead, e.name):
		return "Dead letter target's RedriveAllowPolicy does not permit this queue."
	}
	e.d.DeadLetters, e.d.MaxReceives = dead.Name, n
	return ""
}

// allowText is RedriveAllowPolicy as clients write it.
type allowText struct {
	Permission string   `json:"redrivePermission"`
	Sources    []string `json:"sourceQueueArns,omitempty"`
}

func setAllowPolicy(_ *api, e *edit, value string) string {
	if value == "" {
		e.x.Allow = ""
		return ""
	}
	var in allowText
	if err := json.Unmarshal([]byte(value), &in); err != nil {
		return "Redrive allow policy is not a valid JSON map."
	}
	if !slices.Contains([]string{"allowAll", "denyAll", "byQueue"}, in.Permission) {
		return "redrivePermission must be allowAll, denyAll or byQueue."
	}
	if byQueue := in.Permission == "byQueue"; byQueue != (len(in.Sources) > 0) || len(in.Sources) > 10 {
		return "sourceQueueArns must have 1 to 10 ARNs with byQueue, and none otherwise."
	}
	e.x.Allow = value
	return ""
}

// allows says whether a queue may use another one for its dead letters.
func (a *api) allows(dead rouse.Queue, source string) bool {
	text := extraOf(dead.Definition).Allow
	if text == "" {
		return true
	}
	var policy allowText
	if json.Unmarshal([]byte(text), &policy) != nil {
		return true
	}
	return policy.Permission == "allowAll" || policy.Permission == "byQueue" && slices.Contains(policy.Sources, a.Place.QueueARN(source))
}
