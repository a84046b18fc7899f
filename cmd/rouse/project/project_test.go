package project

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/option"
)

var update = flag.Bool("update", false, "write the published schema anew")

const published = "../schema/rouse.schema.json"

func TestThePublishedSchemaIsUpToDate(t *testing.T) {
	if *update {
		if err := os.WriteFile(published, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(published)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, Schema()) {
		t.Errorf("%s is out of date; run go test ./cmd/rouse/project -update", published)
	}
}

func TestTheSchemaKnowsEveryKey(t *testing.T) {
	var schema struct {
		Defs struct {
			Function struct {
				Properties map[string]struct {
					Description string `json:"description"`
					Type        any    `json:"type"`
				} `json:"properties"`
			} `json:"function"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	for _, f := range option.Fields(&Function{}) {
		if p := schema.Defs.Function.Properties[f.Key]; p.Description == "" || p.Type == nil {
			t.Errorf("key %s: %+v", f.Key, p)
		}
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAProjectsFunctions(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, ".env", "# secrets\nexport A=from file\nB=\"quoted\"\n\nC='x=y'\n")
	p, err := Load(write(t, dir, "rouse.yaml", `
x-python: &python
  runtime: python3.11
  memory: 256MB
functions:
  hello:
    <<: *python
    code: ./src
    handler: app.handler
    env: {A: mine, VERSION: 1.10}
    env_file: .env
    idle: 30
    queue: 0
    reserved: 0
  web:
    image: shop/web
    contract: http
    concurrency: 80
    command: [serve, --port, $PORT]
    network: egress
    health: /up
  digits:
    model: digits.onnx
  shell:
    image: x
    command: sh -c 'echo "a b"; exec $PORT'
`))
	if err != nil {
		t.Fatal(err)
	}
	names := []rouse.FunctionName{}
	byName := map[rouse.FunctionName]Function{}
	for _, fn := range p.Functions {
		names = append(names, fn.Name)
		byName[fn.Name] = fn.Function
	}
	if !slices.Equal(names, []rouse.FunctionName{"hello", "web", "digits", "shell"}) {
		t.Errorf("functions %v, want the file's order", names)
	}

	hello := byName["hello"]
	spec, err := hello.Spec(p.Dir)
	if err != nil {
		t.Fatal(err)
	}
	want := rouse.DefaultSpec()
	want.Runtime, want.Handler, want.Memory = "python3.11", "app.handler", 256*rouse.MB
	want.Environment = map[string]string{"A": "mine", "B": "quoted", "C": "x=y", "VERSION": "1.10"}
	if !reflect.DeepEqual(spec, want) {
		t.Errorf("spec %+v\nwant %+v", spec, want)
	}
	settings := hello.Over(rouse.DefaultSettings())
	if settings.Idle.String() != "30s" || settings.Queue != 0 || settings.Reserved == nil || *settings.Reserved != 0 || settings.Hold.String() != "1m" {
		t.Errorf("settings %+v", settings)
	}
	if got := Path(p.Dir, hello.Code); got != filepath.Join(dir, "src") {
		t.Errorf("code lies at %s", got)
	}

	web := byName["web"]
	spec, err = web.Spec(p.Dir)
	if err != nil || spec.Contract != rouse.ContractHTTP || spec.Network != rouse.NetworkEgress || !slices.Equal(spec.Command, []string{"serve", "--port", "$PORT"}) {
		t.Errorf("%+v, %v", spec, err)
	}
	if s := web.Over(rouse.DefaultSettings()); s.Concurrency != 80 || s.Reserved != nil {
		t.Errorf("settings %+v", s)
	}
	digits := byName["digits"]
	if spec, err = digits.Spec(p.Dir); err != nil || spec.Contract != rouse.ContractHTTP || spec.Runtime != "onnx" {
		t.Errorf("%+v, %v", spec, err)
	}
	if c := byName["shell"].Command; !slices.Equal(c, Command{"sh", "-c", `echo "a b"; exec $PORT`}) {
		t.Errorf("command %q", c)
	}
}

func TestMistakesInAProject(t *testing.T) {
	for text, want := range map[string]string{
		"functions:\n  a:\n    image: x\n    memroy: 1GB\n": `rouse.yaml:4:5: unknown key "memroy"; did you mean "memory"?`,
		"function:\n  a: {image: x}\n":                      `rouse.yaml:1:1: unknown key "function"; did you mean "functions"?`,
		"functions:\n  ../a: {image: x}\n":                  `rouse.yaml:2:3: name "../a"`,
		"functions:\n  a: {}\n":                             `rouse.yaml:2:3: function a: nothing to deploy`,
		"functions:\n  a: {image: x, code: y}\n":            `exclude one another`,
		"functions:\n  a: {code: y}\n":                      `function a: runtime: missing`,
		"functions:\n  a: {model: y, handler: z}\n":         `a model brings its own`,
		"functions:\n  a: {image: x, network: host}\n":      `network: "host": must be none or egress`,
		"functions:\n  a: {image: x, command: 'a \"b'}\n":   `left open`,
		"functions:\n  a: {image: x, queue: -}\n":           `rouse.yaml:2:`,
		"functions:\n  a: {image: x}\n  a: {image: y}\n":    `rouse.yaml:3:3`,
		"":                  `declares no functions`,
		"functions: {}\n":   `declares no functions`,
		"functions: [a]\n":  `must be a mapping`,
		"functions:\n  a\n": `must be a mapping`,
	} {
		_, err := parse("rouse.yaml", []byte(text))
		if err == nil || rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func TestAnEnvironmentFileIsCheckedByLine(t *testing.T) {
	file := write(t, t.TempDir(), "env", "A=1\nwhat\n")
	fn := Function{Image: "x", EnvFile: []string{file}}
	if _, err := fn.Spec("/elsewhere"); err == nil || !strings.Contains(err.Error(), "env:2: must be KEY=VALUE") {
		t.Errorf("error %v", err)
	}
	fn.EnvFile = []string{"missing"}
	if _, err := fn.Spec(t.TempDir()); rouse.CodeOf(err) != rouse.Invalid {
		t.Errorf("error %v", err)
	}
}
