package main

import (
	"strings"
	"testing"
)

// watcher is an external extension: it says what it is told, and can be made to fail.
const watcher = `#!/usr/bin/env python3.11
import json, os, sys, time, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"
def call(method, path, headers, body=None):
    r = urllib.request.urlopen(urllib.request.Request(api + path, method=method, headers=headers, data=body))
    return r.headers, json.loads(r.read())
mode = os.environ.get("MODE")
if mode == "crash":
    sys.exit(7)
time.sleep(0.05) # the function's own init has to wait
headers, told = call("POST", "register", {"Lambda-Extension-Name": "watcher"}, b'{"events": ["INVOKE", "SHUTDOWN"]}')
print("watcher registered with", told["functionName"], told["functionVersion"], told["handler"], flush=True)
me = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
while True:
    headers, event = call("GET", "event/next", me)
    if event["eventType"] == "SHUTDOWN":
        print("watcher told of", event["shutdownReason"], flush=True)
        sys.exit(0)
    if mode == "late-crash":
        os._exit(9)
    print("watcher saw", event["requestId"], flush=True)
    time.sleep(0.02)
    print("watcher done with", event["requestId"], flush=True)
`

func TestExternalExtensionsLiveWithTheFunction(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		code := tree(t, map[string]string{"app.py": `
import time
print("function init", flush=True)
def handler(event, context):
    if event.get("sleep"): time.sleep(event["sleep"])
    return context.aws_request_id
`})
		layer := tree(t, map[string]string{"extensions/watcher": watcher})
		deploy := func(more ...string) result {
			return w.rouse(append([]string{"deploy", "f", "--code", code, "--runtime", "python3.11", "--handler", "app.handler",
				"--layer", layer, "--timeout", "1s"}, more...)...)
		}
		if r := deploy(); r.code != exitDone {
			t.Fatalf("%+v", r)
		}
		id := strings.Trim(strings.TrimSpace(w.must("invoke", "f")), `"`)
		w.rouse("invoke", "f", "-d", `{"sleep": 60}`)
		w.must("invoke", "f")
		log := w.must("logs", "f")
		inOrder(t, log, "INIT_START", "watcher registered with f $LATEST app.handler", "function init",
			"EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE,SHUTDOWN]", "START RequestId: "+id, "watcher saw "+id,
			"watcher done with "+id, "END RequestId: "+id, "Task timed out", "watcher told of timeout", "INIT_START",
			"watcher registered", "function init", "START")
		w.must("rm", "f")

		if r := deploy("--env", "MODE=crash"); r.code == exitDone || !strings.Contains(r.stderr, "extension watcher: exit status 7") {
			t.Errorf("an extension that crashes in the init: %+v", r)
		}
		if r := deploy("--env", "MODE=late-crash"); r.code != exitDone {
			t.Fatalf("%+v", r)
		}
		if r := w.rouse("invoke", "f", "-d", `{"sleep": 60}`); !strings.Contains(r.stderr, "Extension.Crash") || !strings.Contains(r.stderr, "exit status 9") {
			t.Errorf("an extension that crashes beside an event: %+v", r)
		}
	})
}

// inOrder checks that text has the parts, each behind the one before.
func inOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, part := range parts {
		i := strings.Index(rest, part)
		if i < 0 {
			t.Fatalf("%q is missing, or before what should precede it, in:\n%s", part, text)
		}
		rest = rest[i+len(part):]
	}
}
