package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// queueClient is the AWS SDK for Go, unmodified; it checks the digests of what
// it sends and receives.
func queueClient(url string) *sqs.Client {
	return sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: &url,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}, nil
		}),
	})
}

func TestAFunctionIsCalledWithTheMessagesOfAQueueElsewhere(t *testing.T) {
	here, elsewhere := serve(t), serve(t)
	here.deploy("deployed")
	client := queueClient(elsewhere.url)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	made, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("work")})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := client.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl: made.QueueUrl, MessageBody: aws.String("x"),
			MessageAttributes: map[string]types.MessageAttributeValue{"b": {DataType: aws.String("Binary"), BinaryValue: []byte{0, 1}}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: made.QueueUrl, MessageAttributeNames: []string{"All"}})
	if err != nil || len(got.Messages) != 1 {
		t.Fatalf("received %v, %v", got, err)
	}
	if _, err := client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: made.QueueUrl, ReceiptHandle: got.Messages[0].ReceiptHandle}); err != nil {
		t.Fatal(err)
	}
	body := `{"FunctionName":"deployed","EventSourceArn":"` + *made.QueueUrl + `"}`
	answer, err := http.Post(here.url+"/2015-03-31/event-source-mappings", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		t.Fatalf("status %d", answer.StatusCode)
	}
	for {
		out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: made.QueueUrl, AttributeNames: []types.QueueAttributeName{"All"}})
		if err != nil {
			t.Fatal(err)
		}
		if out.Attributes["ApproximateNumberOfMessages"]+out.Attributes["ApproximateNumberOfMessagesNotVisible"] == "00" {
			break
		}
	}
	for _, s := range []*server{here, elsewhere} {
		if code := s.end(); code != 0 {
			t.Errorf("the server ended with %d\n%s", code, s.stderr)
		}
	}
}
