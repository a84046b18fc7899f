package lambdaapi

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/lambda.md's table anew")

// partial says what is missing of operations that are built in part.
var partial = map[string]string{
	"CreateFunction":              "S3Bucket needs --aws-fallback; refused settings are named above",
	"PublishLayerVersion":         "S3Bucket needs --aws-fallback",
	"PutRuntimeManagementConfig":  "Auto only",
	"UpdateFunctionCode":          "S3Bucket needs --aws-fallback",
	"UpdateFunctionConfiguration": "refused settings are named above",
}

// invoking are the operations that have no entry in handlers.
var invoking = []string{"Invoke", "InvokeAsync", "InvokeWithResponseStream"}

func TestTheDocsListEveryOperation(t *testing.T) {
	const file, begin, end = "../../docs/lambda.md", " -->\n", "<!-- /operations -->"
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	from := strings.Index(text, "<!-- operations:")
	from += strings.Index(text[from:], begin) + len(begin)
	to := strings.Index(text, end)
	if want := operationsTable(); text[from:to] != want {
		if !*update {
			t.Fatal("docs/lambda.md does not list the operations as they are; run go test ./gateway/lambdaapi -run TestTheDocsListEveryOperation -update")
		}
		if err := os.WriteFile(file, []byte(text[:from]+want+text[to:]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name := range partial {
		if _, ok := handlers[name]; !ok && !slices.Contains(invoking, name) {
			t.Errorf("%s is said to be partial and is not built", name)
		}
	}
}

func operationsTable() string {
	var b strings.Builder
	b.WriteString("| operation | |\n|---|---|\n")
	built := 0
	for _, op := range operations {
		word := "no"
		if _, ok := handlers[op.name]; ok || slices.Contains(invoking, op.name) {
			built++
			word = "yes"
			if what := partial[op.name]; what != "" {
				word = "partial: " + what
			}
		}
		fmt.Fprintf(&b, "| %s | %s |\n", op.name, word)
	}
	fmt.Fprintf(&b, "\n%d of %d.\n", built, len(operations))
	return b.String()
}

func TestEveryHandlerIsAnOperation(t *testing.T) {
	for name := range maps.Keys(handlers) {
		if !slices.ContainsFunc(operations, func(op operation) bool { return op.name == name }) {
			t.Errorf("%s is no operation of AWS Lambda", name)
		}
	}
}

func TestEveryPatternOfTheModelIsUnderstood(t *testing.T) {
	for name, s := range shapes {
		if s.pattern != "" {
			matches(s.pattern, "text") // panics over one that cannot be compiled
		}
		for _, m := range s.members {
			if shapes[m.shape] == nil {
				t.Errorf("%s.%s is of an unknown shape %s", name, m.name, m.shape)
			}
		}
	}
}
