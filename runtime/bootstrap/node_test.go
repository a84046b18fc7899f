package bootstrap_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const failedAt = `"errorMessage":`

var nodeCases = []aCase{
	{name: "an event comes back", handler: "app.echo", events: on(`{"a": [1, 2.5, null, true, "ü"]}`, `"x"`),
		want: []string{`response {"a":[1,2.5,null,true,"ü"]}`, `response "x"`}},
	{name: "a large event comes back", handler: "app.echo", events: on(`"` + strings.Repeat("ü", 2<<20) + `"`)},
	{name: "nothing is null", handler: "app.none", events: on(`{}`), want: []string{`response null`}},
	{name: "globals outlive events", handler: "app.count", events: on(`{}`, `{}`, `{}`), want: []string{`response 1`, `response 2`, `response 3`}},
	{name: "a nested handler", handler: "app.nested.api.get", events: on(`{}`), want: []string{`response "nested"`}},
	{name: "the context is complete", handler: "app.describe", events: []event{{body: `{}`, headers: described}, {body: `{}`}}},
	{name: "a bad client context is the event's error", handler: "app.echo", events: []event{{body: `{}`, headers: map[string]string{"Lambda-Runtime-Client-Context": "nope"}}}},
	{name: "an event that is not JSON", handler: "app.echo", events: on(`{"a":`)},
	{name: "a callback", handler: "app.callback", events: on(`1`, `2`), want: []string{`response {"event":1}`, `response {"event":2}`}},
	{name: "a callback with an error", handler: "app.callbackError", events: on(`1`, `2`)},
	{name: "a callback with a string as error", handler: "app.callbackString", events: on(`1`),
		want: []string{`error {"errorType":"string","errorMessage":"only words"}`}},
	{name: "a callback waits for an empty event loop", handler: "app.callbackWaits", events: on(`1`), want: []string{`response {"late":true}`}},
	{name: "a callback that does not wait", handler: "app.callbackNoWait", events: on(`1`), want: []string{`response {"late":false}`}},
	{name: "a callback that is never called", handler: "app.neverCalls", events: on(`1`, `2`), want: []string{`response null`, `response null`}},
	{name: "a plain return value is ignored", handler: "app.returnsPlain", events: on(`1`), want: []string{`response null`}},
	{name: "context.succeed", handler: "app.succeed", events: on(`1`), want: []string{`response {"ok":1}`}},
	{name: "context.fail", handler: "app.fail", events: on(`1`), want: []string{`error {"errorType":"Error","errorMessage":"failed"}`}},
	{name: "context.fail without an error", handler: "app.failNothing", events: on(`1`)},
	{name: "context.done", handler: "app.done", events: on(`1`), want: []string{`response "done"`}},
	{name: "the first callback counts", handler: "app.twice", events: on(`1`), want: []string{`response 1`}},
	{name: "a rejected promise", handler: "app.throwsAsync", events: on(`1`, `2`),
		want: []string{`error {"errorType":"Custom","errorMessage":"wrong: 1"}`, `error {"errorType":"Custom","errorMessage":"wrong: 2"}`}},
	{name: "an exception", handler: "app.throwsSync", events: on(`1`), want: []string{`error {"errorType":"Custom","errorMessage":"sync: 1"}`}},
	{name: "a thrown string", handler: "app.throwsString", events: on(`1`)},
	{name: "a thrown undefined", handler: "app.throwsUndefined", events: on(`1`)},
	{name: "a thrown object", handler: "app.throwsObject", events: on(`1`)},
	{name: "a control character in an error", handler: "app.throwsDelete", events: on(`1`)},
	{name: "a circle cannot be encoded", handler: "app.circular", events: on(`1`),
		want: []string{`error {"errorType":"Error","errorMessage":"Unable to stringify response body"}`}},
	{name: "a bigint cannot be encoded", handler: "app.bigint", events: on(`1`)},
	{name: "an uncaught exception ends the process", handler: "app.uncaught", events: on(`1`),
		want: []string{`error {"errorType":"Custom","errorMessage":"from a timer"}`, `exit 129`}},
	{name: "an unhandled rejection ends the process", handler: "app.rejection", events: on(`1`),
		want: []string{`error {"errorType":"Runtime.UnhandledPromiseRejection","errorMessage":"Custom: nobody listens"}`, `exit 128`}},
	{name: "process.exit", handler: "app.exits", events: on(`5`), want: []string{`exit 5`}},
	{name: "unicode is written as it is", handler: "app.unicode", events: on(`1`)},
	{name: "an ES module", handler: "esm.handler", events: on(`1`), want: []string{`response ["top-level await","esm.mjs",1]`}},
	{name: "an ES module's default", handler: "esm.default.handler", events: on(`1`)},
	{name: "a .cjs file", handler: "common.handler", events: on(`1`), want: []string{`response "cjs"`}},
	{name: "a .js file in a module package", handler: "module/index.handler", events: on(`1`), want: []string{`response "esm js"`}},
	{name: "a file in a folder", handler: "sub/index.handler", events: on(`1`), want: []string{`response "in a folder"`}},
	{name: "a folder", handler: "sub.handler", events: on(`1`), want: []string{`response "in a folder"`}},
	{name: "no such function", handler: "app.nope", events: on(`1`),
		want: []string{`init {"errorType":"Runtime.HandlerNotFound","errorMessage":"app.nope is undefined or not exported"}`, `exit 129`}},
	{name: "not a function", handler: "app.notFunction", events: on(`1`)},
	{name: "no such module", handler: "nope.handler", events: on(`1`)},
	{name: "a module that requires what is missing", handler: "missing.handler", events: on(`1`)},
	{name: "an ES module that imports what is missing", handler: "missing-esm.handler", events: on(`1`)},
	{name: "a syntax error", handler: "syntax.handler", events: on(`1`)},
	{name: "a handler without a dot", handler: "app", events: on(`1`)},
	{name: "a handler that climbs", handler: "../node/app.echo", events: on(`1`)},
	{name: "an exception at load", handler: "throws.handler", events: on(`1`),
		want: []string{`init {"errorType":"RangeError","errorMessage":"at load"}`, `exit 129`}},
	{name: "process.exit at load", handler: "exits.handler", events: on(`1`), want: []string{`exit 9`}},
	{name: "a streamed response", handler: "app.stream", events: on(`1`, `2`),
		want: []string{`response one,two,{"three":3}`, `response one,two,{"three":3}`}},
	{name: "a streamed HTTP response", handler: "app.streamHttp", events: on(`1`),
		want: []string{"response {\"statusCode\":201,\"headers\":{\"x-a\":\"b\"}}\x00\x00\x00\x00\x00\x00\x00\x00body"}},
	{name: "a stream that fails midway", handler: "app.streamThrows", events: on(`1`, `2`),
		want: []string{`response partial {"errorType":"Custom","errorMessage":"midway"}`, `response partial {"errorType":"Custom","errorMessage":"midway"}`}},
	{name: "a stream that ends after the handler", handler: "app.streamLater", events: on(`1`, `2`), want: []string{`response now,later`, `response now,later`}},
}

func TestNodeAnswersAsDocumented(t *testing.T) {
	node := interpreter(t, "node")
	dir := unpacked(t)
	for _, c := range nodeCases {
		t.Run(c.name, func(t *testing.T) {
			got, printed := answers(t, ours(t, "nodejs20.x", node, dir, c), c.events...)
			expect(t, c, got, printed)
		})
	}
}

// All of AWS's JavaScript runs; its native transport is replaced.
func TestNodeAnswersAsAWSsClient(t *testing.T) {
	node := interpreter(t, "node")
	ric := awsNodeClient(t)
	dir := unpacked(t)
	for _, c := range nodeCases {
		t.Run(c.name, func(t *testing.T) {
			p := ours(t, "nodejs20.x", node, dir, c)
			mine, printed := answers(t, p, c.events...)
			p.argv = []string{node, ric, c.handler}
			theirs, printedToo := answers(t, p, c.events...)
			if len(theirs) == 0 {
				t.Fatalf("AWS's client did nothing; it printed:\n%s", printedToo)
			}
			same(t, userPart(t, mine), userPart(t, theirs), printed+"\n"+printedToo)
		})
	}
}

func awsNodeClient(t *testing.T) string {
	t.Helper()
	dir := installed(t, "aws-lambda-ric-3.3.0", "sh", "-c", "npm pack --silent aws-lambda-ric@3.3.0 && tar xzf *.tgz && rm *.tgz")
	source, err := os.ReadFile(filepath.Join(dir, "package", "dist", "index.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	transport, err := filepath.Abs("testdata/rapid-client.cjs")
	if err != nil {
		t.Fatal(err)
	}
	name, err := json.Marshal(transport)
	if err != nil {
		t.Fatal(err)
	}
	patched := strings.Replace(string(source), `"./rapid-client.node"`, string(name), 1)
	if patched == string(source) {
		t.Fatal("AWS's client loads its transport in another way")
	}
	patched += "\nawait run(process.cwd(), process.argv[2]);\n"
	file := filepath.Join(t.TempDir(), "index.mjs")
	if err := os.WriteFile(file, []byte(patched), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

var requireStack = regexp.MustCompile(`(?s)\nRequire stack:.*`)

// userPart leaves of each error what the user's code has to do with: no frames
// of the client, nor its place among those that required a file.
func userPart(t *testing.T, list []outcome) []outcome {
	t.Helper()
	for i := range list {
		o := &list[i]
		for _, text := range []*string{&o.Body, &o.Trailer} {
			if !strings.Contains(*text, failedAt) {
				continue
			}
			var said struct {
				ErrorType, ErrorMessage string
				Trace                   []string
			}
			if err := json.Unmarshal([]byte(*text), &said); err != nil {
				t.Fatal(err)
			}
			said.ErrorMessage = requireStack.ReplaceAllString(said.ErrorMessage, "")
			kept := []string{}
			for _, line := range said.Trace {
				frame := strings.HasPrefix(strings.TrimSpace(line), "at ")
				if frame && !strings.Contains(line, "testdata/node/") || strings.HasPrefix(line, "Require stack") || strings.HasPrefix(line, "- ") {
					continue
				}
				kept = append(kept, line)
			}
			said.Trace = kept
			b, err := json.Marshal(said)
			if err != nil {
				t.Fatal(err)
			}
			*text = string(b)
		}
	}
	return list
}

func TestNodeLogsCarryTheRequestID(t *testing.T) {
	c := aCase{handler: "app.logs", events: on(`"now"`)}
	p := ours(t, "nodejs20.x", interpreter(t, "node"), unpacked(t), c)
	_, printed := answers(t, p, c.events...)
	for _, want := range []string{
		"Z\t00000000-0000-4000-8000-000000000000\tINFO\thello now\n",
		"\tERROR\tCustom: shown\n    at ",
		"\tDEBUG\t{ a: 1 }\n",
		"\tINFO\tundefined\n",
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("missing %q in:\n%s", want, printed)
		}
	}
	p.env = append(p.env, "AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_LEVEL=WARN")
	_, printed = answers(t, p, c.events...)
	var entry struct {
		Level, RequestID string
		Message          struct{ ErrorType string }
	}
	if err := json.Unmarshal([]byte(printed), &entry); err != nil {
		t.Fatalf("%v; printed:\n%s", err, printed)
	}
	if entry.Level != "ERROR" || entry.Message.ErrorType != "Custom" || entry.RequestID != "00000000-0000-4000-8000-000000000000" {
		t.Errorf("entry %+v", entry)
	}
}
