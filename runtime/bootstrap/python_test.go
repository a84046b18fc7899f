package bootstrap_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rousehq/rouse/runtime/bootstrap"
)

var described = map[string]string{
	"Lambda-Runtime-Client-Context":   `{"custom":{"k":[1]},"env":{"e":"v"},"client":{"app_title":"T","installation_id":"i"},"w3c":{"traceparent":"00-1","other":"x","baggage":5}}`,
	"Lambda-Runtime-Cognito-Identity": `{"cognitoIdentityId":"who","cognitoIdentityPoolId":"pool"}`,
	"Lambda-Runtime-Trace-Id":         "Root=1-5;Parent=2;Sampled=1",
	"Lambda-Runtime-Aws-Tenant-Id":    "blue",
}

const id0 = `"requestId": "00000000-0000-4000-8000-000000000000"`

var pythonCases = []aCase{
	{name: "an event comes back", handler: "app.echo", events: on(`{"a": [1, 2.5, null, true, "ü"]}`, `"x"`, `12345678901234567890`),
		want: []string{`response {"a": [1, 2.5, null, true, "\u00fc"]}`, `response "x"`, `response 12345678901234567890`}},
	{name: "a large event comes back", handler: "app.echo", events: on(`"` + strings.Repeat("x", 5<<20) + `"`)},
	{name: "nothing is null", handler: "app.none", events: on(`{}`), want: []string{`response null`}},
	{name: "globals outlive events", handler: "app.count", events: on(`{}`, `{}`, `{}`), want: []string{`response 1`, `response 2`, `response 3`}},
	{name: "the context is complete", handler: "app.describe", events: []event{{body: `{}`, headers: described}}},
	{name: "the context without extras", handler: "app.bare", events: on(`{}`)},
	{name: "a trace id does not outlive its event", handler: "app.bare", events: append([]event{{body: `{}`, headers: map[string]string{"Lambda-Runtime-Trace-Id": "Root=1"}}}, on(`{}`)...)},
	{name: "a bad client context is the event's error", handler: "app.echo", events: []event{{body: `{}`, headers: map[string]string{"Lambda-Runtime-Client-Context": "{"}}}},
	{name: "decimals keep their digits", handler: "app.decimals", events: on(`{}`),
		want: []string{`response {"a": 1.10, "b": [-1E-21, 12345678901234567890.5], "c": 1E+3, "s": "decimal-\"x"}`}},
	{name: "records and bytes", handler: "app.records", events: on(`{}`),
		want: []string{`response {"p": {"x": 1, "y": [{"x": 2, "y": null}]}, "l": [{"x": "x", "y": "y"}], "key": "value", "1": true, "null": 2.5, "t": [1, 2]}`}},
	{name: "unicode is escaped", handler: "app.unicode", events: on(`{}`)},
	{name: "unicode is written as it is from 3.12 on", handler: "app.unicode", events: on(`{}`), env: []string{"AWS_EXECUTION_ENV=AWS_Lambda_python3.12"}},
	{name: "bytes are sent as they are", handler: "app.raw", events: on(`{}`), want: []string{"response \x00\xff not json"}},
	{name: "a date cannot be encoded", handler: "app.not_serializable", events: on(`{}`),
		want: []string{`error {"errorMessage": "Unable to marshal response: Object of type datetime is not JSON serializable", "errorType": "Runtime.MarshalError", ` + id0 + `}`}},
	{name: "a circle cannot be encoded", handler: "app.circular", events: on(`{}`)},
	{name: "bytes that are not UTF-8 cannot be encoded", handler: "app.bad_bytes", events: on(`{}`)},
	{name: "a set cannot be encoded", handler: "app.a_set", events: on(`{}`)},
	{name: "NaN is written", handler: "app.nan", events: on(`{}`), want: []string{`response [NaN, Infinity, NaN]`}},
	{name: "an event that is not JSON", handler: "app.echo", events: on(`{"a":`)},
	{name: "an exception", handler: "app.raises", events: on(`"input"`, `2`),
		want: []string{`error {"errorMessage": "wrong: input", "errorType": "Custom", ` + id0 + `}`,
			`error {"errorMessage": "wrong: 2", "errorType": "Custom", "requestId": "00000000-0000-4000-8000-000000000001"}`}},
	{name: "an exception without a message", handler: "app.raises_empty", events: on(`1`),
		want: []string{`error {"errorMessage": "", "errorType": "ValueError", ` + id0 + `}`}},
	{name: "recursion without end", handler: "app.deep", events: on(`1`), anyTrace: true},
	{name: "sys.exit ends the process", handler: "app.exits", events: on(`5`), want: []string{`exit 5`}},
	{name: "sys.exit(0) ends the process", handler: "app.exits", events: on(`0`), want: []string{`exit 0`}},
	{name: "exit() exists", handler: "app.calls_exit", events: on(`0`), want: []string{`exit 7`}},
	{name: "a module in a folder, by slash", handler: "sub/nested.handler", events: on(`1`), want: []string{`response "sub.nested"`}},
	{name: "a module in a folder, by dot", handler: "sub.nested.handler", events: on(`1`), want: []string{`response "sub.nested"`}},
	{name: "an object that can be called", handler: "app.api", events: on(`1`), want: []string{`response "called"`}},
	{name: "what cannot be called fails each event", handler: "app.not_callable", events: on(`1`), anyTrace: true},
	{name: "no such function", handler: "app.nope", events: on(`1`),
		want: []string{`init {"errorMessage": "Handler 'nope' missing on module 'app'", "errorType": "Runtime.HandlerNotFound", "requestId": ""}`, `exit 1`}},
	{name: "no such module", handler: "nope.handler", events: on(`1`),
		want: []string{`init {"errorMessage": "Unable to import module 'nope': No module named 'nope'", "errorType": "Runtime.ImportModuleError", "requestId": ""}`, `exit 1`}},
	{name: "a module that imports what is missing", handler: "imports_missing.handler", events: on(`1`),
		want: []string{`init {"errorMessage": "Unable to import module 'imports_missing': No module named 'does_not_exist_anywhere'", "errorType": "Runtime.ImportModuleError", "requestId": ""}`, `exit 1`}},
	{name: "a syntax error", handler: "syntax.handler", events: on(`1`),
		want: []string{`init {"errorMessage": "Syntax error in module 'syntax': invalid syntax (syntax.py, line 5)", "errorType": "Runtime.UserCodeSyntaxError", "requestId": ""}`, `exit 1`}},
	{name: "a handler without a dot", handler: "app", events: on(`1`)},
	{name: "a handler in a built-in module", handler: "sys.exit", events: on(`1`)},
	{name: "an exception at import", handler: "raises_at_import.handler", events: on(`1`),
		want: []string{`init {"errorMessage": "division by zero", "errorType": "ZeroDivisionError", "requestId": ""}`, `exit 1`}},
	{name: "sys.exit at import", handler: "exits_at_import.handler", events: on(`1`), want: []string{`exit 4`}},
}

func TestPythonAnswersAsDocumented(t *testing.T) {
	python := interpreter(t, "python3.11")
	dir := unpacked(t)
	for _, c := range pythonCases {
		t.Run(c.name, func(t *testing.T) {
			got, printed := answers(t, ours(t, "python3.11", python, dir, c), c.events...)
			expect(t, c, got, printed)
		})
	}
}

func TestPythonAnswersAsAWSsClient(t *testing.T) {
	python := interpreter(t, "python3.11")
	ric := installed(t, "awslambdaric-4.2.2", python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-t", ".", "awslambdaric==4.2.2")
	dir := unpacked(t)
	for _, c := range pythonCases {
		t.Run(c.name, func(t *testing.T) {
			p := ours(t, "python3.11", python, dir, c)
			mine, printed := answers(t, p, c.events...)
			p.argv = []string{python, "-m", "awslambdaric", c.handler}
			p.env = append(p.env, "PYTHONPATH="+ric)
			theirs, printedToo := answers(t, p, c.events...)
			if len(theirs) == 0 {
				t.Fatalf("AWS's client did nothing; it printed:\n%s", printedToo)
			}
			if c.anyTrace {
				mine, theirs = withoutTraces(mine), withoutTraces(theirs)
			}
			same(t, mine, theirs, printed+"\n"+printedToo)
		})
	}
}

func TestEveryPythonHereAnswers(t *testing.T) {
	dir := unpacked(t)
	tried := 0
	for _, runtime := range (bootstrap.Planner{}).Runtimes() {
		program, ok := strings.CutPrefix(runtime, "python")
		if !ok {
			continue
		}
		path, err := realInterpreter("python" + program)
		if err != nil {
			continue
		}
		tried++
		t.Run(runtime, func(t *testing.T) {
			c := aCase{handler: "app.records", events: on(`{}`)}
			got, printed := answers(t, ours(t, runtime, path, dir, c), c.events...)
			if len(got) != 1 || got[0].Kind != "response" || !strings.Contains(got[0].Body, `"p": {"x": 1, "y": [{`) {
				t.Errorf("got %v; printed:\n%s", got, printed)
			}
		})
	}
	if tried == 0 {
		t.Skip("no Python is installed")
	}
}

func TestPythonLogsCarryTheRequestID(t *testing.T) {
	python := interpreter(t, "python3.11")
	c := aCase{handler: "app.logs", events: on(`"now"`)}
	_, printed := answers(t, ours(t, "python3.11", python, unpacked(t), c), c.events...)
	for _, want := range []string{
		"[WARNING]\t", "Z\t00000000-0000-4000-8000-000000000000\tcareful now\n", "\nprinted\n",
		"\tcaught\nTraceback (most recent call last):\n",
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("missing %q in:\n%s", want, printed)
		}
	}
	c.env = []string{"AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_LEVEL=ERROR"}
	_, printed = answers(t, ours(t, "python3.11", python, unpacked(t), c), c.events...)
	lines := strings.Split(strings.TrimSpace(printed), "\n")
	var entry map[string]any
	if len(lines) != 3 || lines[0] != "printed" || json.Unmarshal([]byte(lines[1]), &entry) != nil || !strings.Contains(lines[2], `"level": "ERROR", "message": "own"`) {
		t.Fatalf("printed:\n%s", printed)
	}
	if entry["level"] != "ERROR" || entry["errorType"] != "Custom" || entry["requestId"] != "00000000-0000-4000-8000-000000000000" {
		t.Errorf("entry %v", entry)
	}
}

func TestPythonPrintsBeforeItDies(t *testing.T) {
	c := aCase{handler: "app.dies", events: on(`1`)}
	got, printed := answers(t, ours(t, "python3.11", interpreter(t, "python3.11"), unpacked(t), c), c.events...)
	if printed != "last words" || len(got) != 1 || got[0].String() != "exit 3" {
		t.Errorf("printed %q, outcomes %v", printed, got)
	}
}

func TestPythonFindsSitePackagesWhenAsked(t *testing.T) {
	python := interpreter(t, "python3.11")
	task := t.TempDir()
	code := "import sys\nbefore = 'site' in str([p for p in sys.path if p.endswith('-packages')])\n" +
		"import importlib.metadata\n" +
		"def handler(event, context):\n    return [before, any(p.endswith('-packages') for p in sys.path)]\n"
	if err := os.WriteFile(filepath.Join(task, "app.py"), []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	p := ours(t, "python3.11", python, unpacked(t), aCase{handler: "app.handler"})
	p.dir = task
	p.env = append(p.env, "LAMBDA_TASK_ROOT="+task)
	got, printed := answers(t, p, on(`1`)...)
	if len(got) != 1 || got[0].Body != "[false, true]" {
		t.Errorf("got %v; printed:\n%s", got, printed)
	}
}

func TestAProcessOutlivesItsHostsConnection(t *testing.T) {
	events := []event{{body: `1`}, {hangUp: true}, {body: `2`}, {body: `3`, refused: 413}, {body: `4`}}
	for runtime, program := range map[string]string{"python3.11": "python3.11", "nodejs20.x": "node"} {
		t.Run(runtime, func(t *testing.T) {
			c := aCase{handler: "app.echo"}
			got, printed := answers(t, ours(t, runtime, interpreter(t, program), unpacked(t), c), events...)
			bodies := ""
			for _, o := range got {
				bodies += o.String() + ";"
			}
			if want := "response 1;response 2;response 3;response 4;"; bodies != want {
				t.Errorf("outcomes %q, want %q; printed:\n%s", bodies, want, printed)
			}
		})
	}
}
