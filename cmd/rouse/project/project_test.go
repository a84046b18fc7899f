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
		Properties map[string]json.RawMessage `json:"properties"`
		Defs       map[string]struct {
			Properties map[string]struct {
				Description string `json:"description"`
				Type        any    `json:"type"`
			} `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	for name, ptr := range map[string]any{"function": &Function{}, "queue": &Queue{}, "mapping": &Mapping{}, "schedule": &Schedule{}} {
		for _, f := range option.Fields(ptr) {
			if p := schema.Defs[name].Properties[f.Key]; p.Description == "" || (p.Type == nil) != (f.Kind() == option.Any) {
				t.Errorf("%s: key %s: %+v", name, f.Key, p)
			}
		}
	}
	for _, key := range keys {
		if schema.Properties[key] == nil {
			t.Errorf("key %s is not in the schema", key)
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

func TestAProjectsQueuesMappingsAndSchedules(t *testing.T) {
	p, err := parse("rouse.yaml", []byte(`
schedules:
  beat: {function: "worker:live", when: rate(5 minutes), payload: {n: 1, list: [a, 2.5, true, null], text: "1"}}
  night:
    function: worker
    when: 0 2 * * *
    time_zone: Europe/Berlin
    missed: all
    missed_within: 72h
    start: 2030-01-01T09:00:00Z
mappings:
- queue: work
  function: worker
- queue: http://10.0.0.5:9324/000000000000/other
  function: worker:live
  batch_size: 100
  window: 5s
  partial_failures: true
  max_concurrency: 4
  disabled: true
  filters:
  - body: {n: [{numeric: [">", 1]}]}
  - '{"body": {"kind": ["a"]}}'
queues:
  work: {visibility: 1m, dead_letters: dead}
  dead:
    retention: 336h
  order.fifo: {content_dedup: true, wait: 20s, max_message: 64KB, delay: 1.5}
functions:
  worker: {image: x}
  other: {image: x}
`))
	if err != nil {
		t.Fatal(err)
	}
	attributes := map[string]map[string]string{}
	for _, q := range p.Queues {
		attributes[q.Name] = q.Attributes()
	}
	if want := map[string]map[string]string{
		"work": {"VisibilityTimeout": "60", "DelaySeconds": "0", "MessageRetentionPeriod": "345600", "ReceiveMessageWaitTimeSeconds": "0", "MaximumMessageSize": "1048576"},
		"dead": {"VisibilityTimeout": "30", "DelaySeconds": "0", "MessageRetentionPeriod": "1209600", "ReceiveMessageWaitTimeSeconds": "0", "MaximumMessageSize": "1048576"},
		"order.fifo": {"VisibilityTimeout": "30", "DelaySeconds": "1.5", "MessageRetentionPeriod": "345600", "ReceiveMessageWaitTimeSeconds": "20", "MaximumMessageSize": "65536",
			"ContentBasedDeduplication": "true"},
	}; !reflect.DeepEqual(attributes, want) {
		t.Errorf("queues have %v", attributes)
	}
	if work := p.Queues[0]; work.DeadLetters != "dead" || work.MaxReceives != 3 {
		t.Errorf("queue %+v", work)
	}
	if m := p.Mappings[0]; m.Ref.String() != "worker" || m.BatchSize != 10 || m.Filters != nil {
		t.Errorf("mapping %+v", m)
	}
	if m := p.Mappings[1]; m.Ref.String() != "worker:live" || m.Window.String() != "5s" || !m.PartialFailures || m.MaxConcurrency != 4 || !m.Disabled ||
		!slices.Equal(m.Filters, Patterns{`{"body":{"n":[{"numeric":[">",1]}]}}`, `{"body": {"kind": ["a"]}}`}) {
		t.Errorf("mapping %+v", m)
	}
	beat, night := p.Schedules[0], p.Schedules[1]
	if beat.Name != "beat" || beat.Ref().String() != "worker:live" || string(beat.Payload) != `{"list":["a",2.5,true,null],"n":1,"text":"1"}` || beat.Missed != rouse.MissedOnce || !beat.Declared {
		t.Errorf("schedule %+v", beat)
	}
	if night.TimeZone != "Europe/Berlin" || night.Missed != rouse.MissedAll || night.MissedWithin.String() != "72h" || night.Start.Year() != 2030 || night.Payload != nil {
		t.Errorf("schedule %+v", night)
	}
	part := p.Only(func(name rouse.FunctionName) bool { return name == "other" })
	if len(part.Functions) != 1 || len(part.Mappings)+len(part.Schedules) != 0 || len(part.Queues) != 3 || len(p.Mappings) != 2 {
		t.Errorf("a part %+v of %+v", part, p)
	}
}

func TestMistakesInAProject(t *testing.T) {
	const fn = "functions: {a: {image: x}}\n"
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
		fn + "queue:\n":                                                          `did you mean "queues"?`,
		fn + "queues:\n  a b: {}\n":                                              `rouse.yaml:3:3: queue "a b": use 1 to 80 letters`,
		fn + "queues:\n  q: {visibilty: 1}\n":                                    `unknown key "visibilty"; did you mean "visibility"?`,
		fn + "queues:\n  q: {visibility: soon}\n":                                `rouse.yaml:3:19: visibility: duration "soon"`,
		fn + "queues:\n  q: {content_dedup: true}\n":                             `rouse.yaml:3:3: queue q: content_dedup is for FIFO queues`,
		fn + "mappings: {}\n":                                                    `must be a list`,
		fn + "mappings:\n- {queue: q}\n":                                         `rouse.yaml:3:3: a mapping needs a queue and a function`,
		fn + "mappings:\n- {queue: q, function: b}\n":                            `rouse.yaml:3:3: mapping of queue q: this file declares no function b`,
		fn + "mappings:\n- &m {queue: q, function: a}\n- *m":                     `the mapping of queue q to a is declared twice`,
		fn + "schedules:\n  s: {function: a}\n":                                  `rouse.yaml:3:3: schedule s: when: missing`,
		fn + "schedules:\n  s: {when: '@daily'}\n":                               `schedule s: function: missing`,
		fn + "schedules:\n  s: {function: b, when: '@daily'}\n":                  `rouse.yaml:3:3: schedule s: this file declares no function b`,
		fn + "schedules:\n  s: {function: a, when: 0 25 * * *}\n":                `rouse.yaml:3:3: schedule s: when: at character 3: hour "25"`,
		fn + "schedules:\n  s: {function: a, when: rate(0 days)}\n":              `schedule s: when`,
		fn + "schedules:\n  s: {function: a, when: '@daily', time_zone: Mars}\n": `schedule s: time_zone "Mars"`,
		fn + "schedules:\n  s: {function: a, when: '@daily', missed: never}\n":   `missed: "never": must be skip, once or all`,
		fn + "schedules:\n  s: {function: a, when: '@daily', start: tomorrow}\n": `schedule s: start "tomorrow": write it like`,
		fn + "schedules:\n  s: {function: a, when: '@daily', payload: .nan}\n":   `cannot be written as JSON`,
		fn + "schedules:\n  a s: {function: a, when: '@daily'}\n":                `schedule "a s": use 1 to 64`,
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
