package compat

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func client(t *testing.T) *lambda.Client {
	t.Helper()
	endpoint := os.Getenv("ROUSE_ENDPOINT")
	if endpoint == "" {
		t.Skip("scripts/compat.sh runs this against a Rouse of its own")
	}
	return lambda.New(lambda.Options{
		Region: "us-east-1", BaseEndpoint: &endpoint, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("any", "any", ""),
	})
}

// archived is a zip of one file.
func archived(t *testing.T, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// must is for calls that have to succeed.
func must[T any](t *testing.T, out T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const handler = `
def handler(event, context):
    print("called")
    if event.get("fail"): raise ValueError("boom")
    return {"got": event, "version": context.function_version}
`

// deployed makes a function that is gone after the test.
func deployed(t *testing.T, c *lambda.Client) *string {
	t.Helper()
	name := aws.String("sdk-" + strings.ToLower(t.Name()))
	c.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: name})
	_, err := c.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: name, Runtime: types.RuntimePython311, Handler: aws.String("app.handler"), Role: aws.String("arn:aws:iam::000000000000:role/any"),
		Code: &types.FunctionCode{ZipFile: archived(t, "app.py", handler)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.DeleteFunction(context.Background(), &lambda.DeleteFunctionInput{FunctionName: name}) })
	return name
}

func TestGoSDKLifeOfAFunction(t *testing.T) {
	c := client(t)
	name := deployed(t, c)
	if err := lambda.NewFunctionActiveV2Waiter(c).Wait(t.Context(), &lambda.GetFunctionInput{FunctionName: name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	out, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: name, Payload: []byte(`{"a":1}`), LogType: types.LogTypeTail})
	must(t, out, err)
	if string(out.Payload) != `{"got": {"a": 1}, "version": "$LATEST"}` || out.StatusCode != 200 || *out.ExecutedVersion != "$LATEST" {
		t.Errorf("%+v: %s", out, out.Payload)
	}
	if log, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult)); err != nil || !strings.Contains(string(log), "called") {
		t.Errorf("log %q: %v", log, err)
	}
	out, err = c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: name, Payload: []byte(`{"fail":1}`)})
	must(t, out, err)
	if aws.ToString(out.FunctionError) != "Unhandled" || !strings.Contains(string(out.Payload), `"errorType": "ValueError"`) {
		t.Errorf("%+v: %s", out, out.Payload)
	}
	updated, err := c.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: name, MemorySize: aws.Int32(256)})
	must(t, updated, err)
	if updated.LastUpdateStatus != types.LastUpdateStatusInProgress {
		t.Errorf("%+v", updated)
	}
	if err := lambda.NewFunctionUpdatedV2Waiter(c).Wait(t.Context(), &lambda.GetFunctionInput{FunctionName: name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	version, err := c.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: name})
	must(t, version, err)
	alias, err := c.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: version.Version})
	must(t, alias, err)
	out, err = c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: name, Qualifier: alias.Name})
	if must(t, out, err); *out.ExecutedVersion != "1" || !strings.Contains(string(out.Payload), `"version": "1"`) {
		t.Errorf("%+v: %s", out, out.Payload)
	}
	pages := lambda.NewListVersionsByFunctionPaginator(c, &lambda.ListVersionsByFunctionInput{FunctionName: name, MaxItems: aws.Int32(1)})
	count := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		count += len(must(t, page, err).Versions)
	}
	if count != 2 {
		t.Errorf("%d versions in pages", count)
	}
}

func TestGoSDKErrorsHaveTheirTypes(t *testing.T) {
	c := client(t)
	name := deployed(t, c)
	var missing *types.ResourceNotFoundException
	_, err := c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("doesnotexist")})
	if !errors.As(err, &missing) || aws.ToString(missing.Message) != "Function not found: arn:aws:lambda:us-east-1:000000000000:function:doesnotexist" || aws.ToString(missing.Type) != "User" {
		t.Errorf("%v", err)
	}
	var invalid *types.InvalidParameterValueException
	_, err = c.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: name, ZipFile: []byte("no archive")})
	if !errors.As(err, &invalid) || !strings.HasPrefix(invalid.ErrorMessage(), "Could not unzip uploaded file.") {
		t.Errorf("%v", err)
	}
	var stale *types.PreconditionFailedException
	_, err = c.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: name, RevisionId: aws.String("old")})
	if !errors.As(err, &stale) {
		t.Errorf("%v", err)
	}
	var throttled *types.TooManyRequestsException
	_, err = c.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: aws.Int32(0)})
	must(t, name, err)
	_, err = c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: name})
	if !errors.As(err, &throttled) || throttled.Reason != types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded || aws.ToString(throttled.RetryAfterSeconds) == "" {
		t.Errorf("%v", err)
	}
}

func TestGoSDKReadsAResponseStream(t *testing.T) {
	c := client(t)
	name := deployed(t, c)
	out, err := c.InvokeWithResponseStream(t.Context(), &lambda.InvokeWithResponseStreamInput{FunctionName: name, Payload: []byte(`{}`)})
	must(t, out, err)
	stream := out.GetStream()
	defer stream.Close()
	var got []byte
	complete := false
	for event := range stream.Events() {
		switch e := event.(type) {
		case *types.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			got = append(got, e.Value.Payload...)
		case *types.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			complete = true
		}
	}
	if stream.Err() != nil || !complete || string(got) != `{"got": {}, "version": "$LATEST"}` {
		t.Errorf("%s, complete %v, %v", got, complete, stream.Err())
	}
}
