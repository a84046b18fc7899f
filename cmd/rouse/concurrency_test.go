package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// meeting is where functions meet: each visitor stays until it is over.
type meeting struct {
	url     string
	arrived chan struct{} // has a token for each visitor
	over    chan struct{}
}

func newMeeting(t *testing.T) *meeting {
	t.Helper()
	m := &meeting{arrived: make(chan struct{}, 1000), over: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		m.arrived <- struct{}{}
		select {
		case <-m.over:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	m.url = server.URL
	return m
}

// function makes f of the tests' program as AWS's clients do.
func (s *server) function(c *lambda.Client, env map[string]string) {
	s.t.Helper()
	code, err := os.ReadFile(filepath.Join(built, "function.zip"))
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = c.CreateFunction(s.t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("f"), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Code: &types.FunctionCode{ZipFile: code},
		Role: aws.String("arn:aws:iam::000000000000:role/any"), Timeout: aws.Int32(120), Publish: true,
		Environment: &types.Environment{Variables: env},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// answered is what came of one of many calls.
type answered struct {
	began    string // the instance's AWS_LAMBDA_INITIALIZATION_TYPE
	throttle *types.TooManyRequestsException
	err      error
}

// meets has n calls meet, of which served get in, and returns what came of all.
func (s *server) meets(c *lambda.Client, qualifier *string, n, served int) (ends []answered) {
	s.t.Helper()
	m := newMeeting(s.t)
	event, err := json.Marshal(map[string]string{"visit": m.url})
	if err != nil {
		s.t.Fatal(err)
	}
	done := make(chan answered, n)
	for range n {
		go func() {
			var end answered
			out, err := c.Invoke(context.Background(), &lambda.InvokeInput{FunctionName: aws.String("f"), Qualifier: qualifier, Payload: event})
			switch {
			case errors.As(err, &end.throttle):
			case err != nil:
				end.err = err
			default:
				var answer struct{ Began string }
				end.err = json.Unmarshal(out.Payload, &answer)
				end.began = answer.Began
			}
			done <- end
		}()
	}
	refused := n - served
	for in := 0; in < served || refused > 0; { // whoever is in stays until all others have been refused
		select {
		case <-m.arrived:
			in++
		case end := <-done:
			ends = append(ends, end)
			refused--
		case <-s.t.Context().Done():
			s.t.Fatalf("%d are in", in)
		}
	}
	close(m.over)
	for len(ends) < n {
		ends = append(ends, <-done)
	}
	return ends
}

func TestABurstOf200GetsThatManyInstancesOrExactThrottles(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts 200 processes")
	}
	s := serve(t, "--memory-budget", "100GB", "--account-concurrency", "300")
	c := s.lambda()
	s.function(c, nil)
	for _, end := range s.meets(c, nil, 200, 200) {
		if end.began != "on-demand" {
			t.Fatalf("%+v", end)
		}
	}
	for _, limit := range []struct {
		reserved int32
		served   int
	}{{30, 30}, {0, 0}} {
		if _, err := c.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: aws.String("f"), ReservedConcurrentExecutions: &limit.reserved}); err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		for _, end := range s.meets(c, nil, 200, limit.served) {
			if end.throttle != nil && aws.ToString(end.throttle.RetryAfterSeconds) != "" {
				seen[string(end.throttle.Reason)]++
			} else {
				seen[end.began]++
			}
		}
		want := map[string]int{string(types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded): 200 - limit.served}
		if limit.served > 0 {
			want["on-demand"] = limit.served
		}
		if !maps.Equal(seen, want) {
			t.Errorf("with %d reserved: %v, want %v", limit.reserved, seen, want)
		}
	}
}

// TestProvisionedConcurrencyFromOutside follows it over its states: a ramp, who
// shares it, what goes beyond it, and a function that cannot start.
func TestProvisionedConcurrencyFromOutside(t *testing.T) {
	const count = 8
	s := serve(t, "--max-starts", "2")
	c, f, live := s.lambda(), aws.String("f"), aws.String("live")
	s.function(c, nil)
	if _, err := c.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: f, Name: live, FunctionVersion: aws.String("1")}); err != nil {
		t.Fatal(err)
	}
	put, err := c.PutProvisionedConcurrencyConfig(t.Context(), &lambda.PutProvisionedConcurrencyConfigInput{FunctionName: f, Qualifier: live, ProvisionedConcurrentExecutions: aws.Int32(count)})
	if err != nil || put.Status != types.ProvisionedConcurrencyStatusEnumInProgress || *put.AllocatedProvisionedConcurrentExecutions != 0 {
		t.Fatalf("%+v %v", put, err)
	}
	state := func(qualifier *string) *lambda.GetProvisionedConcurrencyConfigOutput {
		t.Helper()
		now, err := c.GetProvisionedConcurrencyConfig(t.Context(), &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: f, Qualifier: qualifier})
		if err != nil {
			t.Fatal(err)
		}
		return now
	}
	ready := int32(0)
	until(t, "all are allocated", func() bool {
		now := state(live)
		if now.Status == types.ProvisionedConcurrencyStatusEnumReady != (*now.AllocatedProvisionedConcurrentExecutions == count) || *now.AllocatedProvisionedConcurrentExecutions < ready {
			t.Fatalf("%s with %d allocated after %d", now.Status, *now.AllocatedProvisionedConcurrentExecutions, ready)
		}
		ready = *now.AllocatedProvisionedConcurrentExecutions
		return ready == count
	})
	for _, qualifier := range []*string{live, aws.String("1")} { // the version shares what its alias has
		seen := map[string]int{}
		for _, end := range s.meets(c, qualifier, count+3, count+3) {
			seen[end.began]++
		}
		if seen["provisioned-concurrency"] != count || seen["on-demand"] != 3 {
			t.Errorf("%s: %v, want %d on provisioned instances and 3 beside", *qualifier, seen, count)
		}
	}
	if ends := s.meets(c, nil, 1, 1); ends[0].began != "on-demand" {
		t.Errorf("$LATEST ran on %+v", ends[0])
	}
	if _, err := c.DeleteProvisionedConcurrencyConfig(t.Context(), &lambda.DeleteProvisionedConcurrencyConfigInput{FunctionName: f, Qualifier: live}); err != nil {
		t.Fatal(err)
	}

	if _, err := c.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: f, Environment: &types.Environment{Variables: map[string]string{"FAIL": "1"}}}); err != nil {
		t.Fatal(err)
	}
	broken, err := c.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: f})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutProvisionedConcurrencyConfig(t.Context(), &lambda.PutProvisionedConcurrencyConfigInput{FunctionName: f, Qualifier: broken.Version, ProvisionedConcurrentExecutions: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	until(t, "it is given up", func() bool { return state(broken.Version).Status == types.ProvisionedConcurrencyStatusEnumFailed })
	if now := state(broken.Version); *now.StatusReason != "FUNCTION_ERROR_INIT_FAILURE" || *now.AllocatedProvisionedConcurrentExecutions != 0 {
		t.Errorf("given up: %+v", now)
	}
}

func TestACallEndsOnWhatItBeganWith(t *testing.T) {
	s := serve(t)
	c, f := s.lambda(), aws.String("f")
	s.function(c, map[string]string{"WORD": "old"})
	// during has a call be in the middle of its event, and returns what it answers in the end.
	during := func(change func()) string {
		t.Helper()
		m, done := newMeeting(t), make(chan string, 1)
		go func() {
			out, err := c.Invoke(context.Background(), &lambda.InvokeInput{FunctionName: f, Payload: []byte(`{"visit":"` + m.url + `"}`)})
			if err != nil {
				done <- err.Error()
				return
			}
			var answer struct{ Word string }
			if err := json.Unmarshal(out.Payload, &answer); err != nil {
				answer.Word = string(out.Payload)
			}
			done <- answer.Word
		}()
		select {
		case <-m.arrived:
		case text := <-done:
			t.Fatalf("it ended with %q", text)
		}
		change()
		close(m.over)
		return <-done
	}
	word := during(func() {
		if _, err := c.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: f, Environment: &types.Environment{Variables: map[string]string{"WORD": "new"}}}); err != nil {
			t.Fatal(err)
		}
		out, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: f})
		if err != nil || !strings.Contains(string(out.Payload), `"word":"new"`) {
			t.Errorf("a call after the update: %+v %v", out, err)
		}
	})
	if word != "old" {
		t.Errorf("the call that was updated under answered %q", word)
	}
	word = during(func() {
		if _, err := c.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: f}); err != nil {
			t.Fatal(err)
		}
		_, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: f})
		var gone *types.ResourceNotFoundException
		if !errors.As(err, &gone) || *gone.Message != "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f" {
			t.Errorf("a call after the deletion: %v", err)
		}
	})
	if word != "new" {
		t.Errorf("the call that was deleted under answered %q", word)
	}
	if code := s.end(); code != 0 {
		t.Errorf("the server ended with %d", code)
	}
	nothingLeft(t, s.data)
}
