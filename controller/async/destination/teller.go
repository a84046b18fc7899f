package destination

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async"
)

// Wants names whom to tell of a job's end. It does not block.
func (t *Teller) Wants(j *async.Job) (targets []string) {
	if notify(j).Webhook != "" {
		targets = append(targets, targetWebhook)
	}
	fn, err := t.cfg.Functions.Function(j.Request.Ref.Name)
	if err != nil {
		return targets
	}
	if fn.Settings.Webhook != "" {
		targets = append(targets, targetFunction)
	}
	if j.State == rouse.JobCancelled || j.Request.HTTP != nil {
		return targets
	}
	if recordsTo(fn, j) != "" {
		targets = append(targets, targetDestination)
	}
	if j.State.Dead() && deadLetters(fn, j) != "" {
		targets = append(targets, targetDeadLetter)
	}
	return targets
}

func notify(j *async.Job) (n rouse.JobNotify) {
	if json.Unmarshal(j.Request.Notify, &n) != nil {
		return rouse.JobNotify{}
	}
	return n
}

// recordsTo is the destination of a job's record; "" is none.
func recordsTo(fn *rouse.Function, j *async.Job) string {
	if fn.Lambda == nil {
		return ""
	}
	in := fn.Lambda.Async[qualifier(j)]
	if j.State == rouse.JobSucceeded {
		return in.OnSuccess
	}
	return in.OnFailure
}

func qualifier(j *async.Job) rouse.Qualifier {
	if q := j.Request.Ref.Qualifier; q != "" {
		return q
	}
	return rouse.Latest
}

// deadLetters is the queue of the version that a job was for; "" is none.
func deadLetters(fn *rouse.Function, j *async.Job) string {
	number, ok := fn.Number(qualifier(j), 1)
	switch {
	case !ok || fn.Lambda == nil:
		return ""
	case number == 0:
		return fn.Lambda.Latest.DeadLetter
	}
	if v := fn.Version(number); v != nil && v.Lambda != nil {
		return v.Lambda.DeadLetter
	}
	return ""
}

// Ended tells one target. Settings that have changed since the job's end count
// as they are now; nobody is told when there is no such target any more.
func (t *Teller) Ended(ctx context.Context, e async.End) error {
	if e.Target == targetWebhook {
		return t.webhook(ctx, notify(e.Job).Webhook, e)
	}
	fn, err := t.cfg.Functions.Function(e.Job.Request.Ref.Name)
	if err != nil {
		return nil // it was deleted
	}
	switch e.Target {
	case targetFunction:
		return t.webhook(ctx, fn.Settings.Webhook, e)
	case targetDestination:
		return t.destination(ctx, recordsTo(fn, e.Job), e)
	case targetDeadLetter:
		return t.deadLetter(ctx, deadLetters(fn, e.Job), e)
	}
	return rouse.Errorf(rouse.Invalid, "nobody is told as %s any more", e.Target)
}

// Delivery is the body of a webhook.
type Delivery struct {
	Type      string         `json:"type"` // job.succeeded, job.failed, job.cancelled, job.expired
	Timestamp time.Time      `json:"timestamp"`
	Data      *rouse.JobView `json:"data"`
}

// messageID is the same for each attempt to tell a target of an end.
func messageID(e async.End) string {
	return "msg_" + e.Job.ID + "_" + strconv.FormatInt(e.Job.Ended.UnixMilli(), 36) + "_" + e.Target
}

func (t *Teller) webhook(ctx context.Context, url string, e async.End) error {
	if url == "" {
		return nil
	}
	view, err := rouse.ViewJob(e.Job, notify(e.Job).Base, e.Answer)
	if err != nil {
		return err
	}
	view.Untold = "" // it speaks of this delivery
	body, err := json.Marshal(Delivery{"job." + string(e.Job.State), e.Job.Ended.UTC(), view})
	if err != nil {
		return err
	}
	return t.cfg.Webhooks.Send(ctx, e.Job.Request.Ref.Name, messageID(e), url, body)
}

// mostHops is how often in a row a record may lead to a function whose own
// record leads on (AWS, "Use Lambda recursive loop detection": approximately 16).
const mostHops = 16

func (t *Teller) destination(ctx context.Context, text string, e async.End) error {
	if text == "" {
		return nil
	}
	to, err := t.cfg.Place.ParseDestination(text)
	if err != nil {
		return err
	}
	body, err := t.record(e)
	if err != nil {
		return err
	}
	switch {
	case to.Webhook != "":
		return t.cfg.Webhooks.Send(ctx, e.Job.Request.Ref.Name, messageID(e), to.Webhook, body)
	case to.Queue != "":
		return lasting(t.cfg.Queues.Send(ctx, to.Queue, body, nil))
	}
	return t.function(ctx, to.Function, body, e)
}

// function hands a record to a function. Its key has a function told only once,
// however often that is tried.
func (t *Teller) function(ctx context.Context, to rouse.Ref, body []byte, e async.End) error {
	fn, err := t.cfg.Functions.Function(to.Name)
	if err != nil {
		return err
	}
	hops := e.Job.Request.Hops + 1
	if hops > mostHops && (fn.Lambda == nil || !fn.Lambda.Recursive) {
		return rouse.Errorf(rouse.Invalid, "destinations lead in a circle: %s would be called by the %dth record in a row", to, hops)
	}
	arn := to.Qualifier
	if arn == rouse.Latest {
		arn = ""
	}
	_, _, err = t.cfg.Jobs.Submit(ctx, rouse.JobRequest{
		Ref: to, Payload: body, ARN: t.cfg.Place.ARN(to.Name, arn), TraceID: e.Job.Request.TraceID,
		Source: "destination", Key: messageID(e), Hops: hops,
	})
	if rouse.CodeOf(err) == rouse.Conflict {
		return nil // it has been told by a record of another time
	}
	return lasting(err)
}

// lasting makes an error Invalid when trying again does not help.
func lasting(err error) error {
	if err != nil && rouse.CodeOf(err) == rouse.TooLarge {
		return rouse.Errorf(rouse.Invalid, "%w", err)
	}
	return err
}

// maxMessage is how much of an error's message a dead letter carries, as on AWS.
const maxMessage = 1024

// deadLetter sends the event as it was, with why it was given up (AWS, "Adding a
// dead-letter queue").
func (t *Teller) deadLetter(ctx context.Context, arn string, e async.End) error {
	if arn == "" {
		return nil
	}
	to, err := t.cfg.Place.ParseDestination(arn)
	if err != nil {
		return err
	}
	status, message := "200", "the event ended as "+string(e.Job.Condition)
	if e.Job.Condition == rouse.JobZeroReservedConcurrency {
		status, message = "429", "Rate Exceeded."
	} else if text, err := errorMessage(e); err != nil {
		return err
	} else if text != "" {
		message = text
	}
	return lasting(t.cfg.Queues.Send(ctx, to.Queue, e.Job.Request.Payload, []Attribute{
		{"RequestID", "String", e.Job.ID}, {"ErrorCode", "Number", status}, {"ErrorMessage", "String", strings.ToValidUTF8(message[:min(len(message), maxMessage)], "")},
	}))
}

// errorMessage is what the function's answer says of its error, or else what the
// platform does.
func errorMessage(e async.End) (string, error) {
	answer, err := e.Answer()
	if err != nil {
		return "", err
	}
	var said struct {
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal(answer, &said) == nil && said.Message != "" {
		return said.Message, nil
	}
	if e.Job.Error != nil {
		return e.Job.Error.Message, nil
	}
	return "", nil
}
