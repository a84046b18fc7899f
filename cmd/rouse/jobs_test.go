package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

// later submits an event and returns where its job is.
func (s *server) later(name, event, query string) (poll string) {
	s.t.Helper()
	resp, err := http.Post(s.url+"/api/v1/functions/"+name+"/jobs?"+query, "application/json", strings.NewReader(event))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		s.t.Fatalf("submitting: %s", resp.Status)
	}
	return s.url + resp.Header.Get("Location")
}

// jobEnd waits for a job's end.
func (s *server) jobEnd(poll string) (j rouse.JobView) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, poll, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Prefer", "wait=30")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&j); err != nil || !j.Status.Done() {
		s.t.Fatalf("%s: %+v, %v", poll, j, err)
	}
	return j
}

func TestAJobIsRunAndEndsAsItsFunctionDoes(t *testing.T) {
	s := serve(t)
	s.deploy("echo")
	s.deploy("web", "--contract", "http")
	if j := s.jobEnd(s.later("echo", `{"print":"x"}`, "")); j.Condition != "Success" || !strings.Contains(string(j.Result), `"said":"x"`) || j.Attempts != 1 {
		t.Errorf("a good one: %+v", j)
	}
	if j := s.jobEnd(s.later("web", `x`, "")); j.Condition != "Success" || j.Code != http.StatusOK || j.Size == 0 {
		t.Errorf("one of contract http: %+v", j)
	}
	if j := s.jobEnd(s.later("echo", `{"exit":3}`, "max_attempts=1")); j.Condition != "RetriesExhausted" || j.Error == nil {
		t.Errorf("a crash: %+v", j)
	}
	waiting := s.later("echo", `{}`, "delay=1h")
	if r := s.rouse("rm", "echo"); r.code != exitFailed || !strings.Contains(r.stderr, "has 1 jobs that have not ended") {
		t.Errorf("rm with a job: %+v", r)
	}
	s.must("rm", "--force", "echo")
	if j := s.jobEnd(waiting); j.Condition != "FunctionDeleted" {
		t.Errorf("after rm --force: %+v", j)
	}
}

// What was accepted for $LATEST is run by the code that is deployed when its turn
// comes, as on AWS; for a version, by that version.
func TestJobsThatWaitRunTheCodeOfTheirTurn(t *testing.T) {
	s := serve(t)
	s.deploy("echo", "--env", "WORD=old")
	s.must("publish", "echo")
	s.must("jobs", "pause", "echo")
	var latest, fixed []string
	for range 3 {
		latest = append(latest, s.later("echo", "{}", ""))
		fixed = append(fixed, s.later("echo", "{}", "qualifier=1"))
	}
	if r := s.rouse("jobs", "ls"); !strings.Contains(r.stderr, "Jobs of echo are paused; rouse jobs resume echo") {
		t.Errorf("why they wait is not said: %+v", r)
	}
	s.deploy("echo", "--env", "WORD=new")
	s.must("jobs", "resume", "echo")
	if r := s.rouse("jobs", "ls"); strings.Contains(r.stderr, "paused") {
		t.Errorf("after the pause: %+v", r)
	}
	for word, polls := range map[string][]string{"new": latest, "old": fixed} {
		for _, poll := range polls {
			if j := s.jobEnd(poll); !strings.Contains(string(j.Result), `"word":"`+word+`"`) {
				t.Errorf("a job that waited while the code changed: %+v %s, want %s", j, j.Result, word)
			}
		}
	}
}
