package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// projectFile writes a rouse.yaml with functions worker and other and more keys,
// and returns its path.
func projectFile(t *testing.T, more string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rouse.yaml")
	text := fmt.Sprintf("x-echo: &echo {code: %s, runtime: provided, memory: 64MB}\nfunctions:\n  worker: *echo\n  other: *echo\n%s",
		filepath.Join(built, "function.zip"), more)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const declaredOnce = `
queues:
  work: {visibility: 1m, dead_letters: dead, max_receives: 2}
  dead: {retention: 336h}
  order.fifo: {content_dedup: true}
mappings:
- {queue: work, function: worker, batch_size: 5, filters: [{body: {n: [1]}}]}
- {queue: order.fifo, function: other}
schedules:
  night: {function: worker, when: 0 2 * * *, payload: {"at": <aws.scheduler.scheduled-time>}}
  once: {function: other, when: "at(2099-01-01T00:00:00)", time_zone: Europe/Berlin}
`

func TestDeployingAFileBringsAboutWhatItSays(t *testing.T) {
	s := serve(t, "--auth", "keys")
	key, err := os.ReadFile(filepath.Join(s.data, "first-key"))
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(string(key))
	rouse := func(args ...string) result {
		return command(t, map[string]string{"ROUSE_SERVER": s.url, "ROUSE_TOKEN": token}, args...)
	}
	deploy := func(more string, want ...string) {
		t.Helper()
		r := rouse("deploy", "-f", projectFile(t, more), "--no-wait")
		lines := map[string]bool{}
		for line := range strings.Lines(r.stdout) {
			if name, _, _ := strings.Cut(line, " "); name != "worker" && name != "other" && name != "" || strings.Contains(line, "->") {
				lines[strings.TrimSpace(line)] = true
			}
		}
		for _, line := range want {
			found := false
			for have := range lines {
				if strings.HasPrefix(have, line) {
					found = true
					delete(lines, have)
					break
				}
			}
			if !found {
				t.Errorf("no %q in\n%s%s", line, r.stdout, r.stderr)
			}
		}
		if r.code != 0 || len(lines) > 0 {
			t.Errorf("code %d, and more was said: %v\n%s", r.code, lines, r.stderr)
		}
	}
	deploy(declaredOnce, "queue work  created", "queue dead  created", "queue order.fifo  created", "work -> worker  created", "order.fifo -> other  created",
		"schedule night  created, next", "schedule once  created, next Thu 2099-01-01 00:00:00 CET")
	same := []string{"queue work  unchanged", "queue dead  unchanged", "queue order.fifo  unchanged"}
	deploy(declaredOnce, append(same, "work -> worker  unchanged", "order.fifo -> other  unchanged", "schedule night  unchanged, next", "schedule once  unchanged, next")...)

	r := rouse("schedules", "create", "mine", "worker", "--when", "@daily")
	if r.code != 0 {
		t.Fatal(r.stderr)
	}
	changed := strings.NewReplacer("visibility: 1m", "visibility: 2m", "batch_size: 5", "batch_size: 6", "0 2 * * *", "0 3 * * *").Replace(declaredOnce)
	deploy(changed, "queue work  changed: VisibilityTimeout", same[1], same[2], "work -> worker  changed", "order.fifo -> other  unchanged",
		"schedule night  changed, next", "schedule once  unchanged")
	if r := rouse("schedules", "ls"); !strings.Contains(r.stdout, "0 3 * * *") || !strings.Contains(r.stdout, "mine") {
		t.Errorf("schedules: %+v", r)
	}
	// What is gone from the file goes, what was made by hand stays, and queues do.
	deploy("", "work -> worker  deleted", "order.fifo -> other  deleted", "schedule night  deleted", "schedule once  deleted")
	if r := rouse("schedules", "ls"); strings.Count(r.stdout, "\n") != 2 || !strings.Contains(r.stdout, "mine") {
		t.Errorf("schedules: %+v", r)
	}
	deploy("queues:\n  work:\n", "queue work  changed: VisibilityTimeout")
}

func TestAFileDoesNotTakeOverWhatItDoesNotOwn(t *testing.T) {
	s := serve(t)
	s.deploy("mine")
	s.must("schedules", "create", "night", "mine", "--when", "@daily")
	for more, want := range map[string]string{
		"schedules: {night: {function: worker, when: '@daily'}}":                               "schedule night exists already and runs function mine",
		"mappings: [{queue: nobody, function: worker}]":                                        "mapping of queue nobody to worker: The specified queue does not exist.",
		"queues: {q: {visibility: 1s}}\nmappings: [{queue: q, function: worker}]":              "mapping of queue q to worker: Queue visibility timeout: 1 seconds is less than Function timeout",
		"queues: {q: {}}\nmappings: [{queue: q, function: worker, filters: [{body: {a: 1}}]}]": "mapping of queue q to worker: filter pattern, at body.a: must be a list",
		"queues: {p: {visibility: 0.5}}":                                                       "queue p: Invalid value for the parameter VisibilityTimeout. Reason: must be an integer from 0 to 43200.",
		"queues: {q: {dead_letters: nobody}}":                                                  "queue q: dead_letters nobody: The specified queue does not exist.",
	} {
		if r := s.rouse("deploy", "-f", projectFile(t, more), "--no-wait"); r.code != exitFailed || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: %+v", more, r)
		}
	}
	if r := s.rouse("deploy", "-f", projectFile(t, "schedules: {a: {function: worker, when: '@daily'}, b: {function: other, when: '@daily'}}"), "other"); r.code != 0 || strings.Contains(r.stdout, "schedule a") || !strings.Contains(r.stdout, "schedule b  created") {
		t.Errorf("a part of a project: %+v", r)
	}
	// By hand, as anybody's client would.
	s.must("deploy", "-f", projectFile(t, "queues: {q: {visibility: 1m}}"))
	q := "arn:aws:sqs:us-east-1:000000000000:q"
	answer, err := http.Post(s.url+"/2015-03-31/event-source-mappings", "application/json", strings.NewReader(`{"FunctionName":"other","EventSourceArn":"`+q+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		t.Errorf("status %d", answer.StatusCode)
	}
	if r := s.rouse("deploy", "-f", projectFile(t, "")); r.code != 0 || strings.Contains(r.stdout, "deleted") && strings.Contains(r.stdout, "->") {
		t.Errorf("a mapping that was made by hand: %+v", r)
	}
}
