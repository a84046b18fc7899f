package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// pythonWith is a Python that can install and run packages.
func pythonWith(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3.11", "python3.11"} {
		if python, err := exec.LookPath(name); err == nil {
			return python
		}
	}
	t.Skip("there is no python3.11 here")
	return ""
}

// vendored is a function's folder: testdata/inside/app.py beside boto3.
func vendored(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(boto3(t, pythonWith(t)))); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "inside"))); err != nil {
		t.Fatal(err)
	}
	// What the tests never speak to is most of the size.
	services, err := filepath.Glob(filepath.Join(dir, "botocore", "data", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range services {
		switch filepath.Base(service) {
		case "lambda", "sts", "sqs", "s3", "dynamodb", "iam":
			continue
		}
		if info, err := os.Stat(service); err == nil && info.IsDir() {
			if err := os.RemoveAll(service); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// has calls the function that is inside, and compares its answer.
func (w world) has(event object, want string) {
	w.t.Helper()
	b, err := json.Marshal(event)
	if err != nil {
		w.t.Fatal(err)
	}
	got := w.rouse("invoke", "inside", "-d", string(b))
	var have, wanted any
	if json.Unmarshal([]byte(got.stdout), &have) != nil || json.Unmarshal([]byte(want), &wanted) != nil || !reflect.DeepEqual(have, wanted) {
		w.t.Errorf("%s: %+v\nwant %s", b, got, want)
	}
}

type object = map[string]any

func TestAnUnmodifiedBoto3ReachesRouseFromInside(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes ten seconds")
	}
	code := vendored(t)
	onEachDriver(t, func(t *testing.T, w world) {
		w.must("deploy", "inside", "--code", code, "--runtime", "python3.11", "--handler", "app.handler", "--memory", "1769MB", "--timeout", "60s")
		w.deploy("echo")
		w.has(object{"do": "whoami"}, `["000000000000", "arn:aws:sts::000000000000:assumed-role/rouse/inside"]`)
		w.has(object{"do": "invoke", "name": "inside", "payload": object{"do": "whoami"}},
			`[200, null, ["000000000000", "arn:aws:sts::000000000000:assumed-role/rouse/inside"]]`)
		w.has(object{"do": "refused", "calls": []any{
			[]any{"lambda", "list_functions", object{}},
			[]any{"lambda", "get_function", object{"FunctionName": "echo"}},
			[]any{"lambda", "delete_function", object{"FunctionName": "echo"}},
			[]any{"lambda", "invoke", object{"FunctionName": "nobody"}},
			[]any{"sqs", "create_queue", object{"QueueName": "q"}},
			[]any{"iam", "get_role", object{"RoleName": "any"}},
			[]any{"s3", "list_buckets", object{}},
			[]any{"dynamodb", "list_tables", object{}},
		}}, `{"lambda.list_functions": "AccessDeniedException", "lambda.get_function": "AccessDeniedException",
			"lambda.delete_function": "AccessDeniedException", "lambda.invoke": "ResourceNotFoundException", "sqs.create_queue": "AccessDeniedException",
			"iam.get_role": "allowed", "s3.list_buckets": "NotImplemented", "dynamodb.list_tables": "NotImplementedException"}`)
		for _, path := range []string{"/api/v1/functions", "/metrics", "/", "/jobs/x"} {
			if got := w.must("invoke", "inside", "-d", fmt.Sprintf(`{"do":"get","path":%q}`, path)); !strings.HasPrefix(got, "[403, ") || !strings.Contains(got, "denied") {
				t.Errorf("%s: %s", path, got)
			}
		}
		if got := w.must("invoke", "inside", "-d", `{"do":"get","path":"/fn/echo/"}`); !strings.HasPrefix(got, "[200, ") {
			t.Errorf("a function by HTTP: %s", got)
		}
	})
}

func TestOtherProcessesCannotCallAsAFunction(t *testing.T) {
	code := tree(t, map[string]string{"app.py": "import os\ndef handler(event, context): return {k: v for k, v in os.environ.items() if k.startswith('AWS_')}"})
	s := serve(t)
	s.must("deploy", "f", "--code", code, "--runtime", "python3.11", "--handler", "app.handler")
	var env map[string]string
	if err := json.Unmarshal([]byte(s.must("invoke", "f")), &env); err != nil {
		t.Fatal(err)
	}
	own := &server{t: t, url: env["AWS_ENDPOINT_URL"]}
	for header, want := range map[string]int{"": 403, "x": 403, env["AWS_SESSION_TOKEN"]: 200} {
		if status, body := own.knock("POST", "/2015-03-31/functions/f/invocations", "{}", "X-Amz-Security-Token", header); status != want {
			t.Errorf("with %q: %d %s", header, status, body)
		}
	}
	s.end()
	off := serve(t, "--platform-endpoint=false")
	off.must("deploy", "f", "--code", code, "--runtime", "python3.11", "--handler", "app.handler")
	without := map[string]string{}
	if err := json.Unmarshal([]byte(off.must("invoke", "f")), &without); err != nil {
		t.Fatal(err)
	}
	if _, ok := without["AWS_ENDPOINT_URL"]; ok || without["AWS_REGION"] == "" {
		t.Errorf("without the endpoint: %v", without)
	}
}
