package schedule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
)

// request is the job of one run.
func (s *Schedules) request(e *entry, due, now time.Time) (rouse.JobRequest, error) {
	_, rev, err := s.cfg.Functions.Resolve(e.Ref())
	if err != nil {
		return rouse.JobRequest{}, err
	}
	r := rouse.JobRequest{
		Ref: e.Ref(), Source: "schedule", MaxAttempts: e.MaxAttempts, MaxAge: e.MaxAge.D(),
		Delay: max(0, delay(e, due)-now.Sub(due)),
	}
	if r.Payload, err = s.payload(e, due); err != nil {
		return r, err
	}
	if rev.Spec.Contract == rouse.ContractHTTP {
		r.HTTP = &rouse.JobHTTP{
			Method: http.MethodPost, Path: "/", Host: string(e.Function) + ".localhost",
			Header: http.Header{"Content-Type": {"application/json"}, "X-Rouse-Schedule": {e.Name}},
		}
	}
	return r, nil
}

// payload is the schedule's, in which two words of EventBridge Scheduler are
// replaced; without one it is the event that EventBridge sends for a rule.
func (s *Schedules) payload(e *entry, due time.Time) ([]byte, error) {
	at := due.UTC().Format(time.RFC3339)
	arn := fmt.Sprintf("arn:aws:events:%s:%s:rule/%s", s.cfg.Place.Region, s.cfg.Place.Account, e.Name)
	if e.Payload != nil {
		// As JSON is kept, < and > may be escaped in it.
		return []byte(strings.NewReplacer(
			"<aws.scheduler.scheduled-time>", at, `\u003caws.scheduler.scheduled-time\u003e`, at,
			"<aws.scheduler.schedule-arn>", arn, `\u003caws.scheduler.schedule-arn\u003e`, arn,
		).Replace(string(e.Payload))), nil
	}
	return json.Marshal(map[string]any{
		"version": "0", "id": uuid.NewSHA1(uuid.NameSpaceURL, []byte(arn+at)).String(), "detail-type": "Scheduled Event",
		"source": "aws.events", "account": s.cfg.Place.Account, "time": at, "region": s.cfg.Place.Region,
		"resources": []string{arn}, "detail": map[string]any{},
	})
}
