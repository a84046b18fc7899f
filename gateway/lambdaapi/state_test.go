package lambdaapi

import (
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

// prepares has f be told that an image is on its way, as its next $LATEST or,
// with first, as its only one.
func (w *world) prepares(first bool, failure *rouse.PreparingFailure) {
	fn := *w.fns["f"]
	spec := w.revs[fn.Latest].Spec
	spec.Runtime, spec.Handler, spec.Artifact = "", "", rouse.Artifact{Image: "registry.example/fn:2"}
	rev := rouse.NewRevision("f", spec, time.Now())
	rev.Preparing = &rouse.Preparing{Failure: failure}
	w.revs[rev.ID] = &rev
	if fn.Next = rev.ID; first {
		fn.Latest = rev.ID
	}
	w.fns["f"] = &fn
}

func TestAFunctionSaysHowFarItsImageIs(t *testing.T) {
	const created = "The function is being created."
	for name, c := range map[string]struct {
		first   bool
		failure *rouse.PreparingFailure
		want    []string
		never   string
	}{
		"a new one":       {true, nil, []string{`"State":"Pending"`, `"StateReason":"` + created, `"StateReasonCode":"Creating"`}, "LastUpdateStatus"},
		"an update":       {false, nil, []string{`"State":"Active"`, `"LastUpdateStatus":"InProgress"`, `"LastUpdateStatusReasonCode":"Creating"`}, "StateReason\""},
		"a lost one":      {true, &rouse.PreparingFailure{Code: rouse.NotFound, Message: "gone"}, []string{`"State":"Failed"`, `"StateReason":"gone"`, `"StateReasonCode":"ImageDeleted"`}, "LastUpdateStatus"},
		"a private one":   {false, &rouse.PreparingFailure{Code: rouse.Denied, Message: "no"}, []string{`"State":"Active"`, `"LastUpdateStatus":"Failed"`, `"LastUpdateStatusReason":"no"`, `"LastUpdateStatusReasonCode":"ImageAccessDenied"`}, "StateReason\""},
		"another machine": {false, &rouse.PreparingFailure{Code: rouse.Invalid, Message: "arm"}, []string{`"LastUpdateStatusReasonCode":"InvalidImage"`}, ""},
		"no connection":   {true, &rouse.PreparingFailure{Code: rouse.Unavailable, Message: "away"}, []string{`"StateReasonCode":"InternalError"`}, ""},
	} {
		w := newWorld()
		w.prepares(c.first, c.failure)
		h := w.api()
		for _, path := range []string{"/2015-03-31/functions/f", "/2015-03-31/functions/f/configuration"} {
			text := call(h, "GET", path, "").Body.String()
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("%s: %s lacks %s", name, text, want)
				}
			}
			if c.never != "" && strings.Contains(text, c.never) {
				t.Errorf("%s: %s has %s", name, text, c.never)
			}
		}
		if text := call(h, "GET", "/2015-03-31/functions", "").Body.String(); strings.Contains(text, "State") || strings.Contains(text, "LastUpdate") {
			t.Errorf("%s: the listing tells %s", name, text)
		}
	}
}

func TestWhatIsBeingChangedIsNotChangedBeside(t *testing.T) {
	const functions = "/2015-03-31/functions/f"
	const now = "The operation cannot be performed at this time. "
	for name, c := range map[string]struct {
		first   bool
		failure *rouse.PreparingFailure
		changes string // refuses changes with it
		invokes string // refuses invocations
	}{
		"a new one":      {true, nil, now + "The function is currently in the following state: Pending", now + "The function is currently in the following state: Pending"},
		"an update":      {false, nil, now + "An update is in progress for resource: arn:aws:lambda:us-east-1:000000000000:function:f", ""},
		"a failed one":   {true, &rouse.PreparingFailure{}, "", now + "The function is currently in the following state: Failed"},
		"a failed other": {false, &rouse.PreparingFailure{}, "", ""},
	} {
		for _, change := range []struct{ method, path, body string }{
			{"PUT", functions + "/configuration", `{"Description":"d"}`},
			{"PUT", functions + "/code", map[bool]string{true: `{"ImageUri":"registry.example/fn:3"}`, false: `{"ZipFile":"UEs="}`}[c.first]},
		} {
			w := newWorld()
			w.prepares(c.first, c.failure)
			got := call(w.api(), change.method, change.path, change.body)
			if c.changes == "" && got.Code != 200 || c.changes != "" && (got.Code != 409 || !strings.Contains(got.Body.String(), c.changes)) {
				t.Errorf("%s: %s: %d %s", name, change.path, got.Code, got.Body)
			}
		}
		w := newWorld()
		w.prepares(c.first, c.failure)
		h := w.api()
		for _, kind := range []string{"RequestResponse", "Event", "DryRun"} {
			got := call(h, "POST", invokeF, "{}", "X-Amz-Invocation-Type", kind)
			if c.invokes == "" && got.Code >= 300 || c.invokes != "" && (got.Code != 409 || !strings.Contains(got.Body.String(), c.invokes)) {
				t.Errorf("%s: %s: %d %s", name, kind, got.Code, got.Body)
			}
		}
		got := call(h, "POST", functions+"/versions", "{}")
		if want := c.changes + c.invokes; want == "" && got.Code != 201 || want != "" && got.Code != 409 {
			t.Errorf("%s: publishing: %d %s", name, got.Code, got.Body)
		}
		if got := call(h, "DELETE", functions, ""); got.Code != 204 {
			t.Errorf("%s: deleting: %d %s", name, got.Code, got.Body)
		}
	}
}
