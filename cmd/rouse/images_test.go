package main

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse/controller/artifact/registry/registrytest"
)

// slowRegistry is a registry that gives out layers while its gate is open, and
// the repository secret/fn to nobody.
func slowRegistry(t *testing.T) (*registrytest.Registry, *registrytest.Gate) {
	t.Helper()
	r, gate := registrytest.New(t), &registrytest.Gate{}
	gate.Shut()
	r.Set(registrytest.Either(registrytest.On("secret/fn", registrytest.Status(http.StatusForbidden)), registrytest.OnBlobs(gate.Hold)))
	return r, gate
}

// functionImage is an image of the tests' function, which env tells from others.
func functionImage(t *testing.T, env string) v1.Image {
	t.Helper()
	files := registrytest.Tar(t,
		registrytest.File{Name: "tmp/", Mode: 0o1777}, registrytest.Program(t, "fn", filepath.Join(built, "function", "bootstrap")))
	return registrytest.Image(t, func(c *v1.ConfigFile) {
		c.Config.Entrypoint, c.Config.Env = []string{"/fn"}, []string{"IMAGE=" + env}
	}, files)
}

// lambda is AWS's client of a server. It tries nothing twice.
func (s *server) lambda() *lambda.Client {
	return lambda.New(lambda.Options{
		Region: "us-east-1", BaseEndpoint: &s.url, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("any", "any", ""),
	})
}

// refused checks that a call met a conflict that says what.
func refused(t *testing.T, err error, what string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "StatusCode: 409") || !strings.Contains(err.Error(), "ResourceConflictException: "+what) {
		t.Errorf("%v, want a conflict: %s", err, what)
	}
}

// got is a function's configuration.
func got(t *testing.T, c *lambda.Client, qualifier *string) *types.FunctionConfiguration {
	t.Helper()
	out, err := c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("f"), Qualifier: qualifier})
	if err != nil {
		t.Fatal(err)
	}
	return out.Configuration
}

func invoked(t *testing.T, c *lambda.Client, version string) {
	t.Helper()
	out, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("f")})
	if err != nil || out.FunctionError != nil || *out.ExecutedVersion != version {
		t.Errorf("invoked: %+v %v", out, err)
	}
}

const soon = 50 * time.Millisecond

// updated waits as AWS's clients do until the function's update has ended; an
// error says that it failed.
func updated(t *testing.T, c *lambda.Client) error {
	t.Helper()
	waiter := lambda.NewFunctionUpdatedV2Waiter(c, func(o *lambda.FunctionUpdatedV2WaiterOptions) { o.MinDelay, o.MaxDelay = soon, soon })
	return waiter.Wait(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("f")}, patience)
}

const pending = "The operation cannot be performed at this time. The function is currently in the following state: Pending"

// pendingRefusesChanges looks at the function f whose image is being fetched.
func pendingRefusesChanges(t *testing.T, c *lambda.Client, image *string) {
	t.Helper()
	f := aws.String("f")
	for _, qualifier := range []*string{nil, aws.String("1")} {
		if now := got(t, c, qualifier); now.State != types.StatePending || *now.StateReason != "The function is being created." {
			t.Errorf("while it is fetched: %+v", now)
		}
	}
	_, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: f})
	refused(t, err, pending)
	_, err = c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: f, InvocationType: types.InvocationTypeEvent})
	refused(t, err, pending)
	_, err = c.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: f, ImageUri: image})
	refused(t, err, pending)
	_, err = c.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: f, Timeout: aws.Int32(9)})
	refused(t, err, pending)
	_, err = c.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: f})
	refused(t, err, pending)
}

// failedUpdatesChangeNothing has f updated to images that cannot be had.
func failedUpdatesChangeNothing(t *testing.T, c *lambda.Client, registry string) {
	t.Helper()
	f, now := aws.String("f"), got(t, c, nil)
	for image, want := range map[string]types.LastUpdateStatusReasonCode{
		registry + "/shop/fn:none":  types.LastUpdateStatusReasonCodeImageDeleted,
		registry + "/secret/fn:1":   types.LastUpdateStatusReasonCodeImageAccessDenied,
		registry + "/shop/fn:no no": types.LastUpdateStatusReasonCodeInvalidImage,
	} {
		if _, err := c.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: f, ImageUri: &image}); err != nil {
			t.Fatal(err)
		}
		err := updated(t, c)
		if failed := got(t, c, nil); err == nil || failed.LastUpdateStatusReasonCode != want || !strings.Contains(*failed.LastUpdateStatusReason, image) || *failed.CodeSha256 != *now.CodeSha256 {
			t.Errorf("%s: %s %s, %v", image, failed.LastUpdateStatusReasonCode, aws.ToString(failed.LastUpdateStatusReason), err)
		}
		invoked(t, c, "$LATEST")
	}
}

// TestAnImageIsFetchedWhileNobodyWaits follows a function from its making over
// an update, in the middle of which the server is killed, to one that fails.
func TestAnImageIsFetchedWhileNobodyWaits(t *testing.T) {
	from, gate := slowRegistry(t)
	first, second := from.Push("shop/fn:1", functionImage(t, "1")), from.Push("shop/fn:2", functionImage(t, "2"))
	data := dataDir(t)
	findEngine(t)
	p := newProgram(t, data, "docker")
	w := world{server: p.server}
	c, f := w.server.lambda(), aws.String("f")
	made, err := c.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: f, PackageType: types.PackageTypeImage, Code: &types.FunctionCode{ImageUri: &first},
		Role: aws.String("arn:aws:iam::000000000000:role/any"), MemorySize: aws.Int32(128), Publish: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if made.State != types.StatePending || made.StateReasonCode != types.StateReasonCodeCreating || *made.Version != "1" {
		t.Errorf("made %+v", made)
	}
	pendingRefusesChanges(t, c, &second)
	if res, err := http.Post(w.url+"/fn/f/", "application/json", strings.NewReader("{}")); err != nil || res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("/fn/f/: %+v %v", res, err)
	} else {
		res.Body.Close()
	}
	if text := w.must("ls"); !strings.Contains(text, first+" (being fetched)") {
		t.Errorf("%s", text)
	}
	gate.Open()
	if err := lambda.NewFunctionActiveV2Waiter(c, func(o *lambda.FunctionActiveV2WaiterOptions) { o.MinDelay, o.MaxDelay = soon, soon }).Wait(t.Context(), &lambda.GetFunctionInput{FunctionName: f}, patience); err != nil {
		t.Fatal(err)
	}
	if err := lambda.NewPublishedVersionActiveWaiter(c, func(o *lambda.PublishedVersionActiveWaiterOptions) { o.MinDelay, o.MaxDelay = soon, soon }).Wait(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: f, Qualifier: aws.String("1")}, patience); err != nil {
		t.Fatal(err)
	}
	invoked(t, c, "$LATEST")

	gate.Shut()
	old := got(t, c, nil)
	began, err := c.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: f, ImageUri: &second})
	if err != nil || began.LastUpdateStatus != types.LastUpdateStatusInProgress || began.State != types.StateActive || *began.RevisionId == *old.RevisionId {
		t.Fatalf("began %+v %v", began, err)
	}
	_, err = c.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: f, ImageUri: &first})
	refused(t, err, "The operation cannot be performed at this time. An update is in progress for resource: arn:aws:lambda:us-east-1:000000000000:function:f")
	invoked(t, c, "$LATEST")
	_ = p.signal(unix.SIGKILL)
	w = onDockerWith(t, data)
	w.leavesNothing()
	c = w.server.lambda()
	if now := got(t, c, nil); now.LastUpdateStatus != types.LastUpdateStatusInProgress || *now.CodeSha256 != *old.CodeSha256 {
		t.Errorf("after a restart %+v", now)
	}
	invoked(t, c, "$LATEST")
	gate.Open()
	if err := updated(t, c); err != nil {
		t.Fatal(err)
	}
	now := got(t, c, nil)
	if *now.CodeSha256 == *old.CodeSha256 {
		t.Error("the update changed nothing")
	}
	invoked(t, c, "$LATEST")

	failedUpdatesChangeNothing(t, c, from.Addr)
	if _, err := c.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: f, ImageUri: &first}); err != nil {
		t.Fatal(err)
	}
	if err := updated(t, c); err != nil {
		t.Error(err)
	}
	invoked(t, c, "$LATEST")
	gate.Shut()
	if _, err := c.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: f, ImageUri: aws.String(from.Push("shop/fn:3", functionImage(t, "3")))}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := c.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: f}); err != nil {
		t.Errorf("deleted in the middle of an update: %v", err)
	}
}
