// Command function is a handler on AWS's own client for Go, which the
// compatibility suite deploys.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do    string  `json:"do"`
	Sleep float64 `json:"sleep"`
}

func handle(ctx context.Context, ev event) (any, error) {
	call, _ := lambdacontext.FromContext(ctx)
	switch ev.Do {
	case "fail":
		return nil, errors.New("as asked")
	case "panic":
		panic("as asked")
	case "exit":
		os.Exit(7)
	case "sleep":
		time.Sleep(time.Duration(ev.Sleep * float64(time.Second)))
	case "stream":
		return io.MultiReader(strings.NewReader("one,"), strings.NewReader("two")), nil
	}
	deadline, _ := ctx.Deadline()
	return map[string]any{
		"id": call.AwsRequestID, "arn": call.InvokedFunctionArn, "name": lambdacontext.FunctionName, "version": lambdacontext.FunctionVersion,
		"memory": lambdacontext.MemoryLimitInMB, "left": time.Until(deadline).Seconds(), "custom": call.ClientContext.Custom,
	}, nil
}

func main() { lambda.Start(handle) }
