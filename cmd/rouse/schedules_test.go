package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

func TestASchedulesRunsAreJobsOfItsFunction(t *testing.T) {
	s := serve(t)
	s.deploy("echo")
	if out := s.must("schedules", "create", "beat", "echo", "--when", "rate(1 second)", "-d", `{"print":"beat <aws.scheduler.scheduled-time>"}`); !strings.HasPrefix(out, "beat  next ") {
		t.Errorf("create: %s", out)
	}
	job := ""
	for deadline := time.Now().Add(20 * time.Second); job == "" && time.Now().Before(deadline); {
		var st rouse.ScheduleStatus
		if err := json.Unmarshal([]byte(s.must("schedules", "show", "beat", "--json")), &st); err != nil {
			t.Fatal(err)
		}
		job = st.State.LastJob
	}
	if j := s.jobEnd(s.url + "/jobs/" + job); j.Condition != "Success" || !strings.Contains(string(j.Result), `"said":"beat 2`) {
		t.Errorf("job %s: %+v", job, j)
	}
	if out := s.must("schedules", "disable", "beat"); out != "beat  disabled\n" {
		t.Error(out)
	}
	if out := s.must("schedules", "ls"); !strings.Contains(out, "rate(1 second)") || !strings.Contains(out, "disabled") {
		t.Error(out)
	}
	s.must("schedules", "enable", "beat")
	if out := s.must("schedules", "next", "beat", "--count", "3"); strings.Count(out, "\n") != 3 {
		t.Error(out)
	}
	for want, args := range map[string][]string{
		`when: at character 3: hour "25": must be 0 to 23`: {"create", "x", "echo", "--when", "0 25 * * *"},
		`time_zone "Mars": no such zone`:                   {"create", "x", "echo", "--when", "0 2 * * *", "--time-zone", "Mars"},
		"when: missing":                                    {"create", "x", "echo"},
		"schedule beat exists already":                     {"create", "beat", "echo", "--when", "@daily"},
		`function "nobody" does not exist`:                 {"create", "x", "nobody", "--when", "@daily"},
		"schedule x does not exist":                        {"rm", "x"},
		"give either a schedule or --when":                 {"next"},
	} {
		if r := s.rouse(append([]string{"schedules"}, args...)...); r.code == 0 || !strings.Contains(r.stderr, want) {
			t.Errorf("%v: %+v, want %s", args, r, want)
		}
	}
	s.must("schedules", "create", "beat", "echo", "--when", "@daily", "--replace", "--time-zone", "America/New_York")
	s.must("rm", "--force", "echo")
	if out := s.must("schedules", "ls", "--json"); strings.TrimSpace(out) != "[]" {
		t.Errorf("after its function was deleted: %s", out)
	}
}

func TestSchedulesOutliveARestart(t *testing.T) {
	s := serve(t)
	s.deploy("echo")
	at := time.Now().Add(2 * time.Second).UTC().Format("2006-01-02T15:04:05")
	s.must("schedules", "create", "once", "echo", "--when", "at("+at+")")
	s.end()
	s = serveIn(t, s.data)
	var st rouse.ScheduleStatus
	for deadline := time.Now().Add(20 * time.Second); st.State.Runs == 0 && time.Now().Before(deadline); {
		st = rouse.ScheduleStatus{}
		if err := json.Unmarshal([]byte(s.must("schedules", "show", "once", "--json")), &st); err != nil {
			t.Fatal(err)
		}
	}
	if j := s.jobEnd(s.url + "/jobs/" + st.State.LastJob); j.Condition != "Success" || st.State.Runs != 1 || !st.Next.IsZero() {
		t.Errorf("%+v, %+v", st, j)
	}
}

func TestABatchMapsAFunctionOverAFile(t *testing.T) {
	s := serve(t)
	s.deploy("echo", "--max-instances", "4")
	s.deploy("web", "--contract", "http")
	dir := t.TempDir()
	in, out := filepath.Join(dir, "items.jsonl"), filepath.Join(dir, "results.jsonl")
	var items strings.Builder
	for i := range 30 {
		fmt.Fprintf(&items, "{\"print\":\"item %d\"}\n", i+1)
	}
	items.WriteString("{\"exit\":3}\nnot JSON\n")
	if err := os.WriteFile(in, []byte(items.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.rouse("batch", "echo", "--input", in, "--output", out, "--ordered", "--concurrency", "4")
	if r.code != exitFailed || !strings.Contains(r.stderr, "30 succeeded, 2 failed") || !strings.Contains(r.stderr, "results.failures.jsonl") {
		t.Errorf("%+v", r)
	}
	results, err := os.ReadFile(out)
	if err != nil || strings.Count(string(results), "\n") != 30 || !strings.Contains(string(results), `{"line":30,`) || !strings.Contains(string(results), `"said":"item 30"`) {
		t.Errorf("%s, %v", results, err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "results.failures.jsonl")); err != nil || !strings.Contains(string(b), `"line":31`) || !strings.Contains(string(b), `"line":32`) {
		t.Errorf("%s, %v", b, err)
	}
	if err := os.WriteFile(out, append(results[:len(results)/2], "torn"...), 0o600); err != nil { // as a kill leaves it
		t.Fatal(err)
	}
	r = s.rouse("batch", "echo", "--input", in, "--output", out)
	if again, err := os.ReadFile(out); err != nil || strings.Count(string(again), "\n") != 30 || !strings.Contains(r.stderr, "had a result already") {
		t.Errorf("%s, %v, %+v", again, err, r)
	}
	if r := s.rouse("batch", "web", "--input", in, "--output", "-"); r.code != exitFailed || strings.Count(r.stdout, "\n") != 30 {
		t.Errorf("%+v", r)
	}
	if r := s.rouse("batch", "web", "--input", in, "--output", out); r.code == 0 {
		t.Errorf("a web batch: %+v", r)
	}
	if r := s.rouse("batch", "echo", "--output", out); r.code != exitUsage {
		t.Errorf("no input: %+v", r)
	}
}
