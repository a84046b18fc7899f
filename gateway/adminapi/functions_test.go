package adminapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

const aSpec = `"spec":{"artifact":{"image":"img"},"contract":"http"}`

func TestFunctionsAreListedByNameWithWhatRuns(t *testing.T) {
	s := serve(t, newPlatform())
	list := want[[]FunctionView](t, s, 200, "GET", "/api/v1/functions", "")
	if len(list) != 2 || list[0].Name != "hello" || list[1].Name != "web" {
		t.Fatalf("got %+v", list)
	}
	hello := list[0]
	if hello.Waiting != 3 || fmt.Sprint(hello.Instances) != "map[ready:1 starting:1]" ||
		hello.Revision.Spec.Contract != rouse.ContractLambda || hello.URL != s.URL+"/fn/hello/" {
		t.Errorf("got %+v", hello)
	}
	if one := want[FunctionView](t, s, 200, "GET", "/api/v1/functions/hello", ""); one.URL != hello.URL {
		t.Errorf("got %+v", one)
	}
}

func TestAnEmptyPlatformListsNothingAsLists(t *testing.T) {
	s := serve(t, &platform{})
	for _, path := range []string{"/api/v1/functions", "/api/v1/instances"} {
		if status, body := call(t, s, "GET", path, ""); status != 200 || body != "[]\n" {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

func TestDeployingFillsInDefaults(t *testing.T) {
	p := newPlatform()
	s := serve(t, p)
	d := want[rouse.Deployed](t, s, 201, "PUT", "/api/v1/functions/new",
		`{"spec":{"artifact":{"image":"img"},"contract":"http","memory":"1GB"},"settings":{"idle":90}}`)
	if !d.Created || d.Revision.Spec.Memory != rouse.GB || d.Revision.Spec.Timeout != rouse.DefaultSpec().Timeout || d.Revision.Spec.Artifact.Image != "img" {
		t.Errorf("got %+v", d)
	}
	if got := d.Function.Settings; got.Idle.D() != 90*time.Second || got.Queue != rouse.DefaultSettings().Queue || !p.deployed.Wait {
		t.Errorf("got %+v", got)
	}
	d = want[rouse.Deployed](t, s, 200, "PUT", "/api/v1/functions/new", `{"name":"new",`+aSpec+`,"wait":false}`)
	if d.Created || !d.Changed || p.deployed.Settings != nil || p.deployed.Wait {
		t.Errorf("got %+v of %+v", d, p.deployed)
	}
}

func TestDeployingTellsItsProgressWhenAsked(t *testing.T) {
	p := newPlatform()
	s := serve(t, p)
	lines := deployAloud(t, s)
	if len(lines) != 6 || lines[0].Message != "starting" || lines[5].Result == nil || !lines[5].Result.Created {
		t.Errorf("got %+v", lines)
	}
	p.deployErr = &rouse.Error{Code: rouse.StartFailed, Message: "init crashed", Detail: "last line"}
	lines = deployAloud(t, s)
	if last := lines[len(lines)-1]; last.Error == nil || last.Error.Code != rouse.StartFailed || last.Error.Detail != "last line" || last.Error.RequestID == "" {
		t.Errorf("got %+v", lines)
	}
}

func deployAloud(t *testing.T, s *httptest.Server) (lines []Progress) {
	t.Helper()
	status, body := call(t, s, "PUT", "/api/v1/functions/new", "{"+aSpec+"}", "Accept", "application/x-ndjson")
	if status != 200 {
		t.Fatalf("status %d: %s", status, body)
	}
	for text := range strings.Lines(body) {
		var line Progress
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestAFailedDeploymentHasItsErrorsStatus(t *testing.T) {
	p := newPlatform()
	p.deployErr = rouse.Errorf(rouse.StartFailed, "init crashed")
	if status, body := call(t, serve(t, p), "PUT", "/api/v1/functions/new", "{"+aSpec+"}"); status != 502 || !strings.Contains(body, "start_failed") {
		t.Errorf("%d %s", status, body)
	}
}

func TestSettingsAreMerged(t *testing.T) {
	p := newPlatform()
	s := serve(t, p)
	path := "/api/v1/functions/hello/settings"
	fn := want[rouse.Function](t, s, 200, "PATCH", path, `{"idle":"1h","reserved":7}`)
	if fn.Settings.Idle.D() != time.Hour || *fn.Settings.Reserved != 7 || fn.Settings.Queue != rouse.DefaultSettings().Queue {
		t.Errorf("got %+v", fn.Settings)
	}
	before := p.functions["hello"].Settings.Reserved
	fn = want[rouse.Function](t, s, 200, "PATCH", path, `{"reserved":8}`)
	if *before != 7 || *fn.Settings.Reserved != 8 || fn.Settings.Idle.D() != time.Hour {
		t.Errorf("got %+v, and the old value became %d", fn.Settings, *before)
	}
	if fn = want[rouse.Function](t, s, 200, "PATCH", path, `{"reserved":null}`); fn.Settings.Reserved != nil {
		t.Errorf("got %+v", fn.Settings)
	}
}

func TestVersionsAndAliases(t *testing.T) {
	s := serve(t, newPlatform())
	if v := want[rouse.Version](t, s, 201, "POST", "/api/v1/functions/hello/versions", `{"description":"first"}`); v.Number != 1 || v.Description != "first" {
		t.Errorf("got %+v", v)
	}
	if v := want[rouse.Version](t, s, 201, "POST", "/api/v1/functions/hello/versions", ""); v.Number != 2 {
		t.Errorf("got %+v", v)
	}
	alias := want[rouse.Alias](t, s, 200, "PUT", "/api/v1/functions/hello/aliases/prod", `{"version":1,"second":2,"weight":0.5}`)
	if alias != (rouse.Alias{Version: 1, Second: 2, Weight: 0.5}) {
		t.Errorf("got %+v", alias)
	}
	if list := want[[]rouse.Revision](t, s, 200, "GET", "/api/v1/functions/hello/revisions", ""); len(list) != 1 || list[0].Function != "hello" {
		t.Errorf("got %+v", list)
	}
	for _, status := range []int{204, 404} {
		if got, body := call(t, s, "DELETE", "/api/v1/functions/hello/aliases/prod", ""); got != status {
			t.Errorf("status %d, want %d: %s", got, status, body)
		}
	}
}

func TestDeletedFunctionsAreGone(t *testing.T) {
	s := serve(t, newPlatform())
	for _, status := range []int{http.StatusNoContent, http.StatusNotFound} {
		if got, body := call(t, s, "DELETE", "/api/v1/functions/hello", ""); got != status {
			t.Errorf("status %d, want %d: %s", got, status, body)
		}
	}
}
