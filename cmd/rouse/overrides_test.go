package main

import (
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

// served answers with how it was started.
const served = `
import http.server, json, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps([os.getcwd()] + sys.argv[1:]).encode())
    def log_message(self, *args): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
`

func TestAnImagesEntryPointArgumentsAndFolderAreReplaced(t *testing.T) {
	w := onDocker(t)
	entry := func(arguments ...string) []string {
		return append([]string{"deploy", "f", "--image", "rouse/python3.11", "--contract", "http", "--entrypoint", "python3.11 -c '" + served + "'"}, arguments...)
	}
	for _, c := range []struct {
		more []string
		want string
	}{
		{[]string{"--workdir", "/etc"}, `["/etc"]`},
		{[]string{"--workdir", "/tmp", "--args", "'a b' c"}, `["/tmp", "a b", "c"]`},
		{[]string{"--workdir", "", "--args", "d"}, `["/var/task", "d"]`},
	} {
		w.must(entry(c.more...)...)
		if got := strings.TrimSpace(w.must("invoke", "f")); got != c.want {
			t.Errorf("%q: got %s, want %s", c.more, got, c.want)
		}
	}
	if r := w.rouse("deploy", "g", "--code", filepath.Join(built, "rogue.zip"), "--runtime", "provided", "--workdir", "/tmp"); r.code == exitDone || !strings.Contains(r.stderr, "only an image has them") {
		t.Errorf("of code: %+v", r)
	}
}

func TestAProgramForAnotherMachineIsNamed(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		program, err := os.ReadFile(filepath.Join(built, "rogue", "bootstrap"))
		if err != nil {
			t.Fatal(err)
		}
		binary.LittleEndian.PutUint16(program[18:], uint16(elf.EM_S390))
		code := tree(t, map[string]string{"bootstrap": string(program)})
		if r := w.rouse("deploy", "f", "--code", code, "--runtime", "provided"); r.code == exitDone || !strings.Contains(r.stderr, "a program for EM_S390") {
			t.Errorf("at deployment: %+v", r)
		}
		// What a command names is only found out by starting it.
		w.must("deploy", "f", "--no-wait", "--code", code, "--runtime", "provided", "--command", "./bootstrap")
		w.refused(w.ask("f", order{}), rouse.StartFailed, "a program for another machine than this one")
	})
}

func TestAFunctionsShareOfTheProcessorFollowsItsMemory(t *testing.T) {
	w := onDocker(t)
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		t.Skip("version 2 of control groups has weights of another scale, which their own tests know")
	}
	for _, c := range []struct{ memory, shares string }{{"128MB", "74"}, {"1769MB", "1024"}} {
		name := "f" + c.memory
		w.rogue(name, "--memory", c.memory)
		w.do(name, order{})
		var running []rouse.Instance
		if err := json.Unmarshal([]byte(w.must("ps", name, "--json")), &running); err != nil || len(running) != 1 {
			t.Fatalf("%v, %v", running, err)
		}
		var container struct {
			State struct{ Pid int }
		}
		if err := json.Unmarshal(w.docker.call("GET", "/containers/rouse-"+string(running[0].ID)+"/json", nil, 200), &container); err != nil {
			t.Fatal(err)
		}
		group := ""
		groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", container.State.Pid))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(groups)) {
			if parts := strings.SplitN(strings.TrimSpace(line), ":", 3); slices.Contains(strings.Split(parts[1], ","), "cpu") {
				group = parts[2]
			}
		}
		got, err := os.ReadFile(filepath.Join("/sys/fs/cgroup/cpu", group, "cpu.shares"))
		if err != nil || strings.TrimSpace(string(got)) != c.shares {
			t.Errorf("%s: %q, %v; want %s", c.memory, got, err, c.shares)
		}
	}
}
