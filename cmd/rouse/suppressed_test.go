package main

import (
	"encoding/base64"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// viaAWS invokes a function through Lambda's API and returns the answer and the log.
func viaAWS(t *testing.T, url, name string) (body, failure, log string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", url+"/2015-03-31/functions/"+name+"/invocations", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Log-Type", "Tail")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s %v", name, res.StatusCode, b, err)
	}
	tail, err := base64.StdEncoding.DecodeString(res.Header.Get("X-Amz-Log-Result"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b), res.Header.Get("X-Amz-Function-Error"), string(tail)
}

func TestAnInitThatFailsIsAnsweredAsAWSDoes(t *testing.T) {
	requestID := regexp.MustCompile(`RequestId: \S+ Error`)
	onEachDriver(t, func(t *testing.T, w world) {
		deploy := func(name, code string) {
			w.must("deploy", name, "--code", tree(t, map[string]string{"app.py": code}), "--runtime", "python3.11", "--handler", "app.handler",
				"--timeout", "2s", "--no-wait")
		}
		deploy("broken", "import nosuchmodule\n")
		deploy("exits", "import sys\nprint('bye', flush=True)\nsys.exit(0)\n")
		deploy("second", `
import os
mark = os.path.join(os.environ.get("TMPDIR", "/tmp"), "mark")
if not os.path.exists(mark):
    open(mark, "w").close()
    raise Exception("first")
def handler(event, context): return 5
`)
		for range 3 { // each with its own init, and none told of another's
			body, failure, log := viaAWS(t, w.url, "broken")
			if failure != "Unhandled" || !strings.Contains(body, `"requestId": ""`) || !strings.Contains(body, `"Runtime.ImportModuleError"`) {
				t.Errorf("%s %s", failure, body)
			}
			inOrder(t, log, "No module named", "Phase: invoke\tStatus: error\tError Type: Runtime.ImportModuleError", "START RequestId", "END RequestId",
				"REPORT RequestId", "Status: error\tError Type: Runtime.ImportModuleError")
		}
		inOrder(t, w.must("logs", "broken"), "INIT_START", "Phase: init\tStatus: error\tError Type: Runtime.ImportModuleError", "Phase: invoke")
		if r := w.rouse("invoke", "broken"); r.code == exitDone || !strings.Contains(r.stderr, "start_failed") && !strings.Contains(r.stderr, "nosuchmodule") {
			t.Errorf("others are told %+v", r)
		}

		body, failure, log := viaAWS(t, w.url, "exits")
		want := `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: # Error: Runtime exited without providing a reason"}`
		if got := requestID.ReplaceAllString(body, "RequestId: # Error"); failure != "Unhandled" || got != want {
			t.Errorf("%s %s", failure, body)
		}
		inOrder(t, log, "bye", "Phase: invoke\tStatus: error\tError Type: Runtime.ExitError", "START RequestId", "Runtime.ExitError", "END RequestId")

		for range 2 {
			if body, failure, log = viaAWS(t, w.url, "second"); body != "5" || failure != "" || strings.Contains(log, "Init Duration") {
				t.Errorf("%s %s %s", body, failure, log)
			}
		}
	})
}

func TestAnInitThatHangsIsTriedAgainWithinTheEvent(t *testing.T) {
	if testing.Short() {
		t.Skip("an init has ten seconds")
	}
	w := world{server: serve(t)}
	w.must("deploy", "hangs", "--code", tree(t, map[string]string{"app.py": "import time\ntime.sleep(60)\n"}),
		"--runtime", "python3.11", "--handler", "app.handler", "--timeout", "1s", "--no-wait")
	body, failure, log := viaAWS(t, w.url, "hangs")
	if failure != "Unhandled" || !strings.Contains(body, `"Sandbox.Timedout"`) || !strings.Contains(body, "Task timed out after 1.00 seconds") {
		t.Errorf("%s %s", failure, body)
	}
	inOrder(t, log, "Phase: invoke\tStatus: timeout", "START RequestId", "Task timed out after 1.00 seconds", "END RequestId", "Status: timeout")
	inOrder(t, w.must("logs", "hangs"), "INIT_START", "Phase: init\tStatus: timeout", "Phase: invoke\tStatus: timeout")
}
