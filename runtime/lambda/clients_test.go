package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	golambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/rousehq/rouse"
)

// asFunction makes the test binary a function that uses aws-lambda-go.
const asFunction = "ROUSE_TEST_FUNCTION"

func runFunction() {
	golambda.Start(func(ctx context.Context, ev struct{ Do string }) (any, error) {
		lc, _ := lambdacontext.FromContext(ctx)
		switch ev.Do {
		case "fail":
			return nil, errors.New("as asked")
		case "panic":
			panic("as asked")
		case "exit":
			os.Exit(7)
		case "hang":
			select {}
		case "big":
			return strings.Repeat("x", 1<<20), nil
		}
		return lc.AwsRequestID, nil
	})
}

const pythonFunction = `
import os, time
def handler(event, context):
    do = event["Do"]
    if do == "fail" or do == "panic":
        raise ValueError("as asked")
    if do == "exit":
        os._exit(7)
    if do == "hang":
        time.sleep(60)
    if do == "big":
        return "x" * (1 << 20)
    return context.aws_request_id
`

// run starts a function's process against a Target.
func run(t *testing.T, argv, env []string) *world {
	t.Helper()
	w := newWorld(t)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+w.addr, "AWS_LAMBDA_FUNCTION_NAME=f", "AWS_LAMBDA_FUNCTION_VERSION=1",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128", "AWS_LAMBDA_LOG_GROUP_NAME=g", "AWS_LAMBDA_LOG_STREAM_NAME=s"), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	w.proc.onKill = func() {
		cmd.Process.Kill()
		<-gone
	}
	go func() {
		defer close(gone)
		cmd.Wait()
		status := cmd.ProcessState.Sys().(syscall.WaitStatus)
		exit := rouse.Exit{Code: cmd.ProcessState.ExitCode()}
		if status.Signaled() {
			exit.Signal = status.Signal().String()
		}
		w.proc.end(exit)
	}()
	t.Cleanup(w.proc.onKill)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := w.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	return w
}

// python installs AWS's own Python client into a cache and returns how to run it.
func python(t *testing.T) (argv, env []string) {
	t.Helper()
	give := t.Skipf
	if os.Getenv("CI") != "" {
		give = t.Fatalf
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		give("no cache folder: %v", err)
	}
	interpreter, err := exec.LookPath("python3")
	if err != nil {
		give("no Python: %v", err)
	}
	const client = "awslambdaric==4.2.2"
	dir := filepath.Join(cache, "rouse-test", "lambda-"+client)
	if _, err := os.Stat(filepath.Join(dir, "awslambdaric")); err != nil {
		// Moved into place when it is whole, so that an interrupted one is not found.
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			t.Fatal(err)
		}
		temp, err := os.MkdirTemp(filepath.Dir(dir), ".new-*")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(temp) })
		out, err := exec.Command(interpreter, "-m", "pip", "install", "-q", "-t", temp, client).CombinedOutput()
		if err != nil {
			give("%s cannot be installed: %v: %s", client, err, out)
		}
		if err := os.Rename(temp, dir); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	code := t.TempDir()
	if err := os.WriteFile(filepath.Join(code, "app.py"), []byte(pythonFunction), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{interpreter, "-m", "awslambdaric", "app.handler"}, []string{"PYTHONPATH=" + dir + string(os.PathListSeparator) + code}
}

func TestAWSsOwnClientsWorkUnchanged(t *testing.T) {
	for _, client := range []string{"go", "python"} {
		t.Run(client, func(t *testing.T) {
			argv, env := []string{os.Args[0]}, []string{asFunction + "=1"}
			if client == "python" {
				argv, env = python(t)
			}
			w := run(t, argv, env)
			invoke := func(id, do string, timeout time.Duration) outcomeOf {
				payload, _ := json.Marshal(map[string]string{"Do": do})
				return <-w.invoke(&rouse.Event{ID: id, Payload: payload, Deadline: time.Now().Add(timeout)})
			}
			for _, id := range []string{"one", "two", "three"} {
				if o := invoke(id, "echo", 10*time.Second); o.err != nil || string(o.result.Payload) != `"`+id+`"` {
					t.Fatalf("%s: %+v", id, o)
				}
			}
			if o := invoke("big", "big", 10*time.Second); o.err != nil || len(o.result.Payload) != 1<<20+2 {
				t.Fatalf("big: %v", o.err)
			}
			if o := invoke("fail", "fail", 10*time.Second); o.err != nil || o.result.Failure == nil || o.result.Failure.Message != "as asked" || o.result.Failure.Type == "" {
				t.Fatalf("fail: %+v", o)
			}
			if err := w.settled(); err != nil {
				t.Fatal("after a failure:", err)
			}
			wantError(t, invoke("exit", "exit", 10*time.Second), rouse.FunctionError, "Runtime.ExitError",
				"RequestId: exit Error: Runtime exited with error: exit status 7", true)
		})
	}
}

func TestAClientThatHangsIsEndedAtItsDeadline(t *testing.T) {
	w := run(t, []string{os.Args[0]}, []string{asFunction + "=1"})
	o := <-w.invoke(&rouse.Event{ID: "h", Payload: []byte(`{"Do":"hang"}`), Deadline: time.Now().Add(200 * time.Millisecond)})
	wantError(t, o, rouse.Timeout, "Sandbox.Timedout", "RequestId: h Error: Task timed out after 0.20 seconds", true)
	t.Logf("noticed %s after the deadline", o.took-200*time.Millisecond)
}

// Go's client reports a panic and then exits: the event has its answer, and the
// lease goes back as broken instead of being lent to somebody else.
func TestAPanicIsAnAnswerAndThenAnEnd(t *testing.T) {
	w := run(t, []string{os.Args[0]}, []string{asFunction + "=1"})
	o := <-w.invoke(&rouse.Event{ID: "p", Payload: []byte(`{"Do":"panic"}`)})
	if o.err != nil || o.result.Failure == nil || o.result.Failure.Message != "as asked" || len(o.result.Failure.Trace) == 0 {
		t.Fatalf("got %+v", o)
	}
	if err := w.settled(); !errors.Is(err, rouse.ErrBroken) {
		t.Fatal(err)
	}
}
