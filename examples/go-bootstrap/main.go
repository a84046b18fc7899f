// Command bootstrap is a Lambda function in Go, with AWS's own library. Built
// without cgo it runs on any base image; runtime "provided" starts it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// request is what callers send, as an event or as the body of an HTTP request.
type request struct {
	Text string `json:"text"`
	Body string `json:"body"` // set when the event is an HTTP request
}

type answer struct {
	Words     int    `json:"words"`
	Longest   string `json:"longest"`
	RequestID string `json:"request_id"`
}

func handle(ctx context.Context, req request) (answer, error) {
	if req.Body != "" {
		if err := json.Unmarshal([]byte(req.Body), &req); err != nil {
			return answer{}, fmt.Errorf("the body must be JSON: %w", err)
		}
	}
	var a answer
	for word := range strings.FieldsSeq(req.Text) {
		a.Words++
		if len(word) > len(a.Longest) {
			a.Longest = word
		}
	}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		a.RequestID = lc.AwsRequestID
	}
	return a, nil
}

func main() { lambda.Start(handle) }
