package sqsapi

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"time"

	"github.com/rousehq/rouse"
)

// messageInput is what SendMessage and an entry of its batch form share.
type messageInput struct {
	MessageBody             string
	DelaySeconds            *int
	MessageAttributes       map[string]value
	MessageSystemAttributes map[string]value
	MessageDeduplicationID  *string `json:"MessageDeduplicationId"`
	MessageGroupID          *string `json:"MessageGroupId"`
}

type sendMessageInput struct {
	QueueURL string `json:"QueueUrl"`
	messageInput
}

type sendMessageOutput struct {
	MD5OfMessageBody             string
	MD5OfMessageAttributes       string `json:",omitempty"`
	MD5OfMessageSystemAttributes string `json:",omitempty"`
	MessageID                    string `json:"MessageId"`
	SequenceNumber               string `json:",omitempty"`
}

func (a *api) sendMessage(r *request, in *sendMessageInput) (any, error) {
	q, err := a.queue(in.QueueURL)
	if err != nil {
		return nil, err
	}
	o, err := in.outgoing(q)
	if err != nil {
		return nil, err
	}
	if o.size > extraOf(q.Definition).maxSize() {
		return nil, invalid("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", extraOf(q.Definition).maxSize())
	}
	if err := a.Messages.Send(r.ctx, q.Name, o.delay, o.message); err != nil {
		return nil, err
	}
	return o.sent(q), nil
}

// outgoing is a message that has been checked.
type outgoing struct {
	message *rouse.Message
	extras  rouse.MessageExtras
	size    int
	delay   time.Duration // negative is the queue's
}

var token = regexp.MustCompile("^[a-zA-Z0-9!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]{1,128}$")

const tokenWords = "can only include alphanumeric and punctuation characters. 1 to 128 in length."

func (in *messageInput) outgoing(q rouse.Queue) (outgoing, error) {
	o := outgoing{delay: -1}
	switch {
	case in.MessageBody == "":
		return o, missing("MessageBody")
	case !allowed(in.MessageBody):
		return o, fail("InvalidMessageContents", "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.")
	}
	values, size, err := attributeValues(in.MessageAttributes)
	if err != nil {
		return o, err
	}
	o.extras.Attributes, o.size = values, size+len(in.MessageBody)
	for name, v := range in.MessageSystemAttributes {
		if name != "AWSTraceHeader" || v.DataType != "String" || v.StringValue == nil || *v.StringValue == "" {
			return o, invalid("Message system attribute name '%s' is invalid: only AWSTraceHeader, a String, is allowed.", clip(name))
		}
		o.extras.Trace = *v.StringValue
	}
	if in.DelaySeconds != nil {
		n := *in.DelaySeconds
		if n < 0 || n > maxDelay {
			return o, invalid("Value %d for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= %d.", n, maxDelay)
		}
		if q.Definition.FIFO && n != 0 {
			return o, invalid("Value %d for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.", n)
		}
		if !q.Definition.FIFO {
			o.delay = time.Duration(n) * time.Second
		}
	}
	o.message = &rouse.Message{Body: []byte(in.MessageBody)}
	if err := in.order(q, &o); err != nil {
		return o, err
	}
	o.message.Attributes = o.extras.Encode()
	return o, nil
}

// order reads what belongs to FIFO queues: the group and the deduplication id.
func (in *messageInput) order(q rouse.Queue, o *outgoing) error {
	for name, v := range map[string]*string{"MessageGroupId": in.MessageGroupID, "MessageDeduplicationId": in.MessageDeduplicationID} {
		if v != nil && !token.MatchString(*v) {
			return invalid("Value %s for parameter %s is invalid. Reason: %s %s", clip(*v), name, name, tokenWords)
		}
	}
	if !q.Definition.FIFO {
		if in.MessageDeduplicationID != nil {
			return invalid("Value %s for parameter MessageDeduplicationId is invalid. Reason: The request include parameter that is not valid for this queue type.", clip(*in.MessageDeduplicationID))
		}
		if in.MessageGroupID != nil {
			o.extras.Group = *in.MessageGroupID
		}
		return nil
	}
	if in.MessageGroupID == nil {
		return missing("MessageGroupId")
	}
	o.message.Group = *in.MessageGroupID
	switch {
	case in.MessageDeduplicationID != nil:
		o.message.Dedup = *in.MessageDeduplicationID
	case extraOf(q.Definition).ContentID:
		sum := sha256.Sum256([]byte(in.MessageBody))
		o.message.Dedup = hex.EncodeToString(sum[:])
	default:
		return invalid("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	}
	return nil
}

// sent is the answer for a message that is on disk.
func (o *outgoing) sent(q rouse.Queue) sendMessageOutput {
	out := sendMessageOutput{
		MD5OfMessageBody: bodyMD5(o.message.Body), MD5OfMessageAttributes: rouse.AttributesMD5(o.extras.Attributes), MessageID: o.message.ID,
	}
	if o.extras.Trace != "" {
		out.MD5OfMessageSystemAttributes = rouse.AttributesMD5(map[string]rouse.MessageAttribute{"AWSTraceHeader": {Type: "String", Text: o.extras.Trace}})
	}
	if q.Definition.FIFO {
		out.SequenceNumber = o.message.SequenceNumber()
	}
	return out
}
