package main

import (
	"path/filepath"
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
if mode == "telemetry":
    import http.server, threading
    class Taker(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            for record in json.loads(self.rfile.read(int(self.headers["Content-Length"]))):
                os.write(2, ("took %s %s\n" % (record["type"], json.dumps(record["record"]))).encode())
            self.send_response(200)
            self.end_headers()
        def log_message(self, *args): pass
    try:
        taker = http.server.HTTPServer(("sandbox.localdomain", 0), Taker)
    except OSError: # where there is no namespace to be named
        taker = http.server.HTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=taker.serve_forever, daemon=True).start()
if mode == "crash":
    sys.exit(7)
time.sleep(0.05) # the function's own init has to wait
headers, told = call("POST", "register", {"Lambda-Extension-Name": "watcher"}, b'{"events": ["INVOKE", "SHUTDOWN"]}')
print("watcher registered with", told["functionName"], told["functionVersion"], told["handler"], flush=True)
me = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
if mode == "telemetry":
    urllib.request.urlopen(urllib.request.Request(api.replace("2020-01-01/extension/", "2022-07-01/telemetry"), method="PUT", headers=me,
        data=json.dumps({"schemaVersion": "2022-12-13", "types": ["platform"], "buffering": {"timeoutMs": 25},
            "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:%d/" % taker.server_port}}).encode()))
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
		// Both print at the same time, each into a pipe of its own.
		for _, printed := range []string{"watcher registered with f $LATEST app.handler", "function init"} {
			inOrder(t, log, "INIT_START", printed,
				"EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE,SHUTDOWN]", "START RequestId: "+id, "watcher saw "+id,
				"watcher done with "+id, "END RequestId: "+id, "Task timed out", "watcher told of timeout", "INIT_START",
				printed, "START")
		}
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

func TestExtensionsAreSentTelemetry(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		code := tree(t, map[string]string{"app.py": "def handler(event, context): return 1\n"})
		layer := tree(t, map[string]string{"extensions/watcher": watcher})
		w.must("deploy", "f", "--code", code, "--runtime", "python3.11", "--handler", "app.handler", "--layer", layer, "--env", "MODE=telemetry")
		w.must("invoke", "f")
		until(t, "the report has been taken", func() bool { return strings.Contains(w.must("logs", "f"), "took platform.report") })
		w.must("invoke", "f")
		until(t, "the second report has been taken", func() bool { return strings.Count(w.must("logs", "f"), "took platform.report") == 2 })
		var took []string
		for line := range strings.Lines(w.must("logs", "f")) {
			if _, rest, ok := strings.Cut(line, " took "); ok {
				took = append(took, rest)
			}
		}
		inOrder(t, strings.Join(took, ""), "platform.initStart", "platform.telemetrySubscription", "platform.initRuntimeDone",
			"platform.extension", "platform.initReport", "platform.start", "platform.runtimeDone", "platform.report", "initDurationMs", "platform.start")
	})
}

func TestAnExtensionThatIsAProgramIsSentLinesByTheirOrigin(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		code := tree(t, map[string]string{"app.py": `
def handler(event, context):
    print("said by the function")
`})
		w.must("deploy", "f", "--code", code, "--runtime", "python3.11", "--handler", "app.handler", "--layer", filepath.Join(built, "layer.zip"))
		w.must("invoke", "f")
		for _, line := range []string{"took extension says this", "took extension warns of that", "took function said by the function"} {
			until(t, "the extension has said: "+line, func() bool { return strings.Contains(w.must("logs", "f"), line+"\n") })
		}
		w.sleeps("f")
		log := w.must("logs", "f", "--json")
		for text, stream := range map[string]string{"says this": "extension", "told of spindown": "extension", "said by the function": "stdout"} {
			for line := range strings.Lines(log) {
				if strings.Contains(line, `"text":"`+text+`"`) && !strings.Contains(line, `"stream":"`+stream+`"`) {
					t.Errorf("%s is not of %s", line, stream)
				}
			}
			if !strings.Contains(log, `"text":"`+text+`"`) {
				t.Errorf("%q is missing in:\n%s", text, log)
			}
		}
		if strings.Contains(log, "took function says this") || strings.Contains(log, "took extension said by") {
			t.Errorf("lines of the one are taken for the other's:\n%s", log)
		}
	})
}

func TestAnInternalExtensionHearsOfTheEnd(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		code := tree(t, map[string]string{"app.py": `
import os, signal, sys, threading, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"
def call(method, path, headers, body=None):
    return urllib.request.urlopen(urllib.request.Request(api + path, method=method, headers=headers, data=body)).headers
me = {"Lambda-Extension-Identifier": call("POST", "register", {"Lambda-Extension-Name": "inner"}, b'{"events": ["INVOKE"]}')["Lambda-Extension-Identifier"]}
def follow():
    while True: call("GET", "event/next", me)
threading.Thread(target=follow, daemon=True).start()
def ended(*_):
    os.write(1, b"flushed before the end\n")
    os._exit(0)
signal.signal(signal.SIGTERM, ended)
def handler(event, context): return 1
`})
		for _, freeze := range []string{"--freeze=false", "--freeze"} {
			w.must("deploy", "f", "--code", code, "--runtime", "python3.11", "--handler", "app.handler", freeze)
			w.must("invoke", "f")
			w.sleeps("f")
			if log := w.must("logs", "f"); strings.Count(log, "flushed before the end") != 1 {
				t.Errorf("with %s:\n%s", freeze, log)
			}
			w.must("rm", "f")
		}
	})
}

// sleeps has a function's instances end, as after its idle timeout.
func (w world) sleeps(name string) {
	w.t.Helper()
	w.must("scale", name, "--idle", "1ms")
	until(w.t, name+" sleeps", func() bool { return strings.TrimSpace(w.must("ps", name, "--json")) == "[]" })
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
