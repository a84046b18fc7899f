// Package remote polls queues elsewhere: on any server that speaks SQS's JSON
// protocol, by the queue's URL.
package remote

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/trigger/queue"
)

// mostAtOnce is how many messages one request of SQS's protocol can carry.
const mostAtOnce = 10

// maxVisibility is the longest lease, in seconds.
const maxVisibility = 12 * 60 * 60

// Source is a queue elsewhere.
type Source struct {
	url    string
	region string
	client *sqs.Client
}

var _ queue.Source = (*Source)(nil)

// New makes the client of a queue. It signs with the credentials that getenv
// has; servers that do not check signatures take those that it makes up. It does
// not block, and needs no closing.
func New(queueURL, region string, getenv func(string) string) *Source {
	endpoint := queueURL
	if u, err := url.Parse(queueURL); err == nil {
		endpoint = u.Scheme + "://" + u.Host
	}
	credentials := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		c := aws.Credentials{
			AccessKeyID: getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: getenv("AWS_SESSION_TOKEN"),
		}
		if c.AccessKeyID == "" {
			c = aws.Credentials{AccessKeyID: "rouse", SecretAccessKey: "rouse"}
		}
		return c, nil
	})
	return &Source{url: queueURL, region: region, client: sqs.New(sqs.Options{
		Region: region, BaseEndpoint: &endpoint, Credentials: credentials, DisableMessageChecksumValidation: true,
	})}
}

// failed has what went wrong in words for whoever looks at the mapping.
func failed(err error) error {
	var api interface{ ErrorCode() string }
	if errors.As(err, &api) {
		return &rouse.Error{Code: rouse.Unavailable, Message: "the queue's server answered " + api.ErrorCode(), Cause: err}
	}
	return &rouse.Error{Code: rouse.Unavailable, Message: "the queue's server cannot be reached", Cause: err}
}

// Describe asks the server.
func (s *Source) Describe(ctx context.Context) (queue.Description, error) {
	out, err := s.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &s.url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		return queue.Description{}, failed(err)
	}
	seconds, err := strconv.Atoi(out.Attributes["VisibilityTimeout"])
	if err != nil {
		return queue.Description{}, rouse.Errorf(rouse.Unavailable, "the queue's server does not tell its visibility timeout")
	}
	d := queue.Description{
		ARN: out.Attributes["QueueArn"], Region: s.region, FIFO: out.Attributes["FifoQueue"] == "true", Visibility: time.Duration(seconds) * time.Second,
	}
	if parts := strings.Split(d.ARN, ":"); len(parts) == 6 {
		d.Region = parts[3]
	}
	return d, nil
}

// Receive takes ten at once as long as there are as many.
func (s *Source) Receive(ctx context.Context, most int, extra, wait time.Duration) ([]queue.Message, error) {
	var hidden int32 // 0 is left out, and then the queue's own
	if extra > 0 {
		d, err := s.Describe(ctx)
		if err != nil {
			return nil, err
		}
		hidden = int32(min((d.Visibility+extra)/time.Second, maxVisibility))
	}
	var all []queue.Message
	for len(all) < most {
		n := min(most-len(all), mostAtOnce)
		out, err := s.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &s.url, MaxNumberOfMessages: int32(n), WaitTimeSeconds: int32(wait / time.Second), VisibilityTimeout: hidden,
			MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		})
		if err != nil && len(all) == 0 {
			return nil, failed(err)
		}
		if err != nil || len(out.Messages) == 0 {
			break
		}
		for _, m := range out.Messages {
			all = append(all, message(m))
		}
		if len(out.Messages) < n {
			break
		}
		wait = 0
	}
	return all, nil
}

func message(m types.Message) queue.Message {
	out := queue.Message{
		ID: aws.ToString(m.MessageId), Receipt: aws.ToString(m.ReceiptHandle), Body: aws.ToString(m.Body),
		Group: m.Attributes["MessageGroupId"], System: m.Attributes, Attributes: map[string]rouse.MessageAttribute{},
	}
	if out.System == nil {
		out.System = map[string]string{}
	}
	for name, v := range m.MessageAttributes {
		out.Attributes[name] = rouse.MessageAttribute{Type: aws.ToString(v.DataType), Text: aws.ToString(v.StringValue), Binary: v.BinaryValue}
	}
	return out
}

// Delete removes messages, ten with each request.
func (s *Source) Delete(ctx context.Context, receipts []string) error {
	for some := range slices.Chunk(receipts, mostAtOnce) {
		var entries []types.DeleteMessageBatchRequestEntry
		for i, receipt := range some {
			entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &receipt})
		}
		out, err := s.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &s.url, Entries: entries})
		if err != nil {
			return failed(err)
		}
		for _, f := range out.Failed {
			if !f.SenderFault {
				return fmt.Errorf("deleting a message: %s", aws.ToString(f.Code))
			}
		}
	}
	return nil
}

// Return makes messages visible, ten with each request.
func (s *Source) Return(ctx context.Context, receipts []string) error {
	for some := range slices.Chunk(receipts, mostAtOnce) {
		var entries []types.ChangeMessageVisibilityBatchRequestEntry
		for i, receipt := range some {
			entries = append(entries, types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &receipt})
		}
		if _, err := s.client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &s.url, Entries: entries}); err != nil {
			return failed(err)
		}
	}
	return nil
}
