package sqsapi

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/rousehq/rouse"
)

const (
	// mostLeased is how many messages of a queue may be out at once.
	mostLeased     = 120_000
	mostLeasedFIFO = 20_000
)

type receiveMessageInput struct {
	QueueURL                    string `json:"QueueUrl"`
	AttributeNames              []string
	MessageSystemAttributeNames []string
	MessageAttributeNames       []string
	MaxNumberOfMessages         *int
	VisibilityTimeout           *int
	WaitTimeSeconds             *int
	ReceiveRequestAttemptID     *string `json:"ReceiveRequestAttemptId"`
}

type receivedMessage struct {
	MessageID              string `json:"MessageId"`
	ReceiptHandle          string
	MD5OfBody              string
	Body                   string
	Attributes             map[string]string `json:",omitempty"`
	MD5OfMessageAttributes string            `json:",omitempty"`
	MessageAttributes      map[string]value  `json:",omitempty"`
}

type receiveMessageOutput struct {
	Messages []receivedMessage `json:",omitempty"`
}

func (a *api) receiveMessage(r *request, in *receiveMessageInput) (any, error) {
	q, err := a.queue(in.QueueURL)
	if err != nil {
		return nil, err
	}
	x := extraOf(q.Definition)
	most, err := within("MaxNumberOfMessages", in.MaxNumberOfMessages, 1, 1, maxBatch)
	if err != nil {
		return nil, err
	}
	wait, err := within("WaitTimeSeconds", in.WaitTimeSeconds, x.Wait, 0, maxWait)
	if err != nil {
		return nil, err
	}
	hidden, err := within("VisibilityTimeout", in.VisibilityTimeout, int(q.Definition.Visibility.D()/time.Second), 0, maxHidden)
	if err != nil {
		return nil, err
	}
	wanted, err := in.wanted()
	if err != nil {
		return nil, err
	}
	if err := a.room(q); err != nil {
		return nil, err
	}
	ms, err := a.receive(r, q, in.ReceiveRequestAttemptID, most, seconds(hidden), seconds(wait))
	if err != nil {
		return nil, err
	}
	out := receiveMessageOutput{}
	for _, m := range ms {
		out.Messages = append(out.Messages, a.received(m, wanted, in.MessageAttributeNames))
	}
	return out, nil
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// within is a parameter's value, or otherwise when it was not given.
func within(name string, given *int, otherwise, least, most int) (int, error) {
	if given == nil {
		return otherwise, nil
	}
	if *given < least || *given > most {
		return 0, invalid("Value %d for parameter %s is invalid. Reason: Must be between %d and %d, if provided.", *given, name, least, most)
	}
	return *given, nil
}

func (a *api) room(q rouse.Queue) error {
	limit := mostLeased
	if q.Definition.FIFO {
		limit = mostLeasedFIFO
	}
	if q.Counts.Leased >= limit {
		return fail("OverLimit", "Too many messages in flight: at most %d of %s can be received and not yet deleted.", limit, q.Name)
	}
	return nil
}

// receive waits until there is a message, the time is over, the client has gone
// or Rouse stops.
func (a *api) receive(r *request, q rouse.Queue, attemptID *string, most int, hidden, wait time.Duration) ([]*rouse.Message, error) {
	if attemptID != nil {
		if !q.Definition.FIFO {
			return nil, invalid("Value %s for parameter ReceiveRequestAttemptId is invalid. Reason: The request include parameter that is not valid for this queue type.", clip(*attemptID))
		}
		if !token.MatchString(*attemptID) {
			return nil, invalid("Value %s for parameter ReceiveRequestAttemptId is invalid. Reason: ReceiveRequestAttemptId %s", clip(*attemptID), tokenWords)
		}
		if ms, ok, err := a.again(r.ctx, q, *attemptID, hidden); ok || err != nil {
			return ms, err
		}
	}
	ms, err := a.Messages.Receive(r.ctx, q.Name, most, hidden, 0)
	if err == nil && len(ms) == 0 && wait > 0 {
		ctx, cancel := context.WithCancel(r.ctx)
		defer cancel()
		defer context.AfterFunc(a.Stopping, cancel)()
		ms, err = a.Messages.Receive(ctx, q.Name, most, hidden, wait)
	}
	switch {
	case errors.Is(err, context.Canceled) && r.ctx.Err() == nil:
		return nil, nil // Rouse stops
	case err != nil:
		return nil, err
	case len(ms) > 0 && r.ctx.Err() != nil:
		// Nobody is left to have them.
		return nil, errors.Join(r.ctx.Err(), a.Leases.Return(context.WithoutCancel(r.ctx), q.Name, receiptsOf(ms)))
	}
	if attemptID != nil && len(ms) > 0 {
		a.attempts.put(attemptKey{q.Name, *attemptID}, attempt{receiptsOf(ms), a.Now()})
	}
	return ms, nil
}

func receiptsOf(ms []*rouse.Message) []string {
	receipts := make([]string, len(ms))
	for i, m := range ms {
		receipts[i] = m.Receipt
	}
	return receipts
}

// systemNames are the attributes that SQS itself gives messages.
var systemNames = []string{
	"SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp",
	"SequenceNumber", "MessageDeduplicationId", "MessageGroupId", "AWSTraceHeader", "DeadLetterQueueSourceArn",
}

// wanted are the system attributes that the client asks for.
func (in *receiveMessageInput) wanted() ([]string, error) {
	names := append(slices.Clone(in.AttributeNames), in.MessageSystemAttributeNames...)
	if slices.Contains(names, "All") {
		return systemNames, nil
	}
	for _, name := range names {
		if _, ofQueue := attributes[name]; !ofQueue && !slices.Contains(systemNames, name) {
			return nil, fail("InvalidAttributeName", "Unknown Attribute %s.", clip(name))
		}
	}
	return names, nil
}

// received is a message as clients read it.
func (a *api) received(m *rouse.Message, wanted, names []string) receivedMessage {
	out := receivedMessage{MessageID: m.ID, ReceiptHandle: m.Receipt, MD5OfBody: bodyMD5(m.Body), Body: string(m.Body)}
	if len(wanted) == 0 && len(names) == 0 {
		return out
	}
	extras := m.Extras()
	system := m.System(a.Place)
	for _, name := range wanted {
		if v := system[name]; v != "" {
			if out.Attributes == nil {
				out.Attributes = map[string]string{}
			}
			out.Attributes[name] = v
		}
	}
	chosen := map[string]rouse.MessageAttribute{}
	for name, v := range extras.Attributes {
		if slices.ContainsFunc(names, func(pattern string) bool { return chooses(pattern, name) }) {
			chosen[name] = v
		}
	}
	if len(chosen) > 0 {
		out.MD5OfMessageAttributes = rouse.AttributesMD5(chosen)
		out.MessageAttributes = map[string]value{}
		for name, v := range chosen {
			out.MessageAttributes[name] = asTravels(v)
		}
	}
	return out
}

// chooses says whether a pattern of MessageAttributeNames means a name: All, .*,
// a beginning with .* behind it, or the name itself.
func chooses(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, ".*"); ok {
		return prefix == "" || name == prefix || strings.HasPrefix(name, prefix+".")
	}
	return pattern == "All" || pattern == name
}
