package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rousehq/rouse/gateway/adminapi"
)

func TestFromDeployToGone(t *testing.T) {
	s := serve(t)
	s.deploy("hello", "--env", "WORD=warm", "--idle", "10m")
	answer := s.must("invoke", "hello", "-d", `{"print": "a line"}`)
	if !strings.Contains(answer, `"said":"a line"`) || !strings.Contains(answer, `"word":"warm"`) || calls(t, answer) != 1 {
		t.Errorf("first answer %s", answer)
	}
	if answer = s.must("invoke", "hello", "-d", "-", "--qualifier", "$LATEST"); calls(t, answer) != 2 || !strings.Contains(answer, "from stdin") {
		t.Errorf("second answer %s", answer)
	}
	var fns []adminapi.FunctionView
	if err := json.Unmarshal([]byte(s.must("ls", "--json")), &fns); err != nil || len(fns) != 1 || fns[0].Instances["ready"] != 1 || fns[0].Settings.Idle.String() != "10m" {
		t.Errorf("ls: %+v, %v", fns, err)
	}
	if out := s.must("ps"); strings.Count(out, "hello") != 1 || !strings.Contains(out, "ready") {
		t.Errorf("ps:\n%s", out)
	}
	if out := s.must("logs", "hello"); !strings.Contains(out, "a line\n") || !strings.Contains(out, "from stdin\n") {
		t.Errorf("logs:\n%s", out)
	}
	if out := s.must("scale", "hello", "--max-instances", "2", "--hold", "5"); !strings.Contains(out, "max-instances  2") || !strings.Contains(out, "hold           5s") || !strings.Contains(out, "idle           10m") {
		t.Errorf("scale:\n%s", out)
	}
	if out := s.must("top"); !strings.Contains(out, "driver process") || !strings.Contains(out, "hello") {
		t.Errorf("top:\n%s", out)
	}
	s.must("rm", "hello")
	if r := s.rouse("invoke", "hello"); r.code != exitFailed || !strings.Contains(r.stderr, `function "hello" does not exist`) {
		t.Errorf("after rm: %+v", r)
	}
	if code := s.end(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, s.stderr)
	}
	nothingLeft(t, s.data)
}

func TestADeploymentKeepsSettingsThatItDoesNotName(t *testing.T) {
	s := serve(t)
	s.deploy("f", "--queue", "7", "--idle", "1h")
	s.deploy("f", "--env", "WORD=new", "--idle", "2h")
	if out := s.must("scale", "f"); !strings.Contains(out, "queue          7") || !strings.Contains(out, "idle           2h") {
		t.Errorf("settings:\n%s", out)
	}
	if answer := s.must("invoke", "f"); !strings.Contains(answer, "new") {
		t.Errorf("answer %s", answer)
	}
}

func TestAStartThatFailsShowsItsLogAndLeavesTheOldRevision(t *testing.T) {
	s := serve(t)
	s.deploy("f", "--env", "WORD=old")
	r := s.rouse("deploy", "f", "--code", filepath.Join(built, "function.zip"), "--runtime", "provided", "--env", "FAIL=1")
	if r.code != exitFailed || !strings.Contains(r.stderr, "about to fail") || !strings.Contains(r.stderr, "exit status 1") {
		t.Errorf("%+v", r)
	}
	if answer := s.must("invoke", "f"); !strings.Contains(answer, "old") {
		t.Errorf("answer %s", answer)
	}
}

func TestAnHTTPFunctionIsReachedByPathAndByHost(t *testing.T) {
	s := serve(t, "--domain", "fn.example")
	s.deploy("web", "--contract", "http", "--concurrency", "8")
	if answer := s.must("invoke", "web", "-d", `{"print": "posted"}`); !strings.Contains(answer, "posted") {
		t.Errorf("answer %s", answer)
	}
	for _, c := range []struct{ host, path, saw string }{
		{"", "/fn/web/a/b?c=d", "GET /a/b"},
		{"web.localhost", "/api/v1/functions", "GET /api/v1/functions"},
		{"web.fn.example", "/", "GET /"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = c.host
		if saw := get(t, req).Header.Get("Saw"); saw != c.saw {
			t.Errorf("%s%s: the function saw %q, want %q", c.host, c.path, saw, c.saw)
		}
	}
	for path, status := range map[string]int{
		"/": 200, "/healthz": 200, "/readyz": 200, "/metrics": 200, "/api/v1/status": 200,
		"/api/v1/nothing": 404, "/nothing": 404, "/fn/nobody/": 404, "/fn/web:7/": 404,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := get(t, req).StatusCode; got != status {
			t.Errorf("%s: status %d, want %d", path, got, status)
		}
	}
}

// get makes a request whose body nobody needs.
func get(t *testing.T, req *http.Request) *http.Response {
	t.Helper()
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
	return resp
}

func TestAProjectsFunctionsAreDeployedTogether(t *testing.T) {
	s := serve(t)
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "src"), os.DirFS(filepath.Join(built, "function"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(built, "function.zip"), filepath.Join(dir, "src.zip")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "rouse.yaml")
	write(t, file, `
functions:
  one: {code: src.zip, runtime: provided, env: {WORD: 1.10}}
  broken: {code: src.zip, runtime: provided, env: {FAIL: yes}}
  two: {code: ./src, runtime: provided, contract: http}
`)
	r := s.rouse("deploy", "-f", file)
	if r.code != exitFailed || !strings.Contains(r.stderr, "1 of 3 functions were not deployed: broken") {
		t.Errorf("%+v", r)
	}
	if answer := s.must("invoke", "one"); !strings.Contains(answer, `"1.10"`) {
		t.Errorf("answer %s", answer)
	}
	s.must("invoke", "two")
	s.must("scale", "one", "--queue", "3")
	if out := s.must("deploy", "-f", file, "one"); !strings.Contains(out, "unchanged") {
		t.Errorf("deploy again: %s", out)
	}
	if out := s.must("scale", "one"); !strings.Contains(out, "queue          100") {
		t.Errorf("a setting that the file does not declare is not its default:\n%s", out)
	}
}

func TestStoppingFinishesWhatRuns(t *testing.T) {
	s := serve(t)
	s.deploy("f")
	answered := make(chan result, 1)
	go func() { answered <- s.rouse("invoke", "f", "-d", `{"print": "begun", "sleep": 400}`) }()
	s.waitForLog("f", "begun")
	if code := s.end(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, s.stderr)
	}
	if r := <-answered; r.code != 0 || calls(t, r.stdout) != 1 {
		t.Errorf("the request that ran: %+v", r)
	}
	nothingLeft(t, s.data)
}

func TestASecondSignalDoesNotWait(t *testing.T) {
	s := serve(t)
	s.deploy("f", "--timeout", "10m")
	answered := make(chan result, 1)
	go func() { answered <- s.rouse("invoke", "f", "-d", `{"print": "begun", "sleep": 600000}`) }()
	s.waitForLog("f", "begun")
	s.hurry()
	s.end()
	if r := <-answered; r.code != exitFailed {
		t.Errorf("the request that ran: %+v", r)
	}
	nothingLeft(t, s.data)
}

// waitForLog blocks until fn has printed text.
func (s *server) waitForLog(fn, text string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+"/api/v1/functions/"+fn+"/logs?follow=true", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := json.NewDecoder(resp.Body)
	for {
		var line adminapi.LogLine
		if err := lines.Decode(&line); err != nil {
			s.t.Fatal(err)
		}
		if strings.Contains(line.Text, text) {
			return
		}
	}
}

func TestTwoServersNeverShareADataDirectory(t *testing.T) {
	s := serve(t)
	r := command(t, nil, "serve", "--data", s.data, "--listen", "127.0.0.1:0", "--driver", "process", "--agent", filepath.Join(built, agentName))
	if r.code != exitFailed || !strings.Contains(r.stderr, "another rouse") {
		t.Errorf("%+v", r)
	}
	s.must("ls")
}

func TestATakenAddressIsSaidBeforeAnythingIsMade(t *testing.T) {
	s := serve(t)
	data := dataDir(t)
	r := command(t, nil, "serve", "--data", data, "--listen", strings.TrimPrefix(s.url, "http://"), "--driver", "process", "--agent", filepath.Join(built, agentName))
	if r.code != exitFailed || !strings.Contains(r.stderr, "the address is in use") || !strings.Contains(r.stderr, "--listen") {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(data); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a data directory was made: %v", err)
	}
}

func TestShellsCompleteNamesOfFunctions(t *testing.T) {
	s := serve(t)
	s.deploy("alpha")
	s.deploy("beta")
	for line, want := range map[string]string{
		"invoke ": "alpha beta", "rm alpha ": "beta", "invoke alpha ": "", "url rm ": "alpha beta", "schedules create ": "",
	} {
		args := append([]string{"__complete"}, strings.Split(line, " ")...)
		words := strings.Fields(s.must(args...))
		if got := strings.Join(words[:len(words)-1], " "); got != want { // the last is for the shell
			t.Errorf("rouse %s: %q, want %q", line, got, want)
		}
	}
}

func TestARestartKeepsFunctions(t *testing.T) {
	s := serve(t)
	s.deploy("f", "--env", "WORD=kept")
	s.end()
	again := serveIn(t, s.data)
	if answer := again.must("invoke", "f"); !strings.Contains(answer, "kept") || calls(t, answer) != 1 {
		t.Errorf("answer %s", answer)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAListenerOnAllAddressesIsNamedByOneThatCanBeCalled(t *testing.T) {
	for listen, want := range map[string]string{"0.0.0.0:80": "127.0.0.1:80", "[::]:80": "127.0.0.1:80", "10.1.2.3:80": "10.1.2.3:80", "[::1]:80": "[::1]:80"} {
		at, err := net.ResolveTCPAddr("tcp", listen)
		if err != nil {
			t.Fatal(err)
		}
		if got := reachable(at); got != want {
			t.Errorf("%s is named %s, want %s", listen, got, want)
		}
	}
}
